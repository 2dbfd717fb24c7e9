/**
 * How transformers' configs say what the configs of families here say: classes ConvNextConfig, ConvNextV2Config,
 * ResNetConfig, SwinConfig, ViTConfig and DeiTConfig, with their defaults.
 *
 * transformers' ConvNeXt has an epsilon of 1e-6 in all norms but the last, whose is `layer_norm_eps` (1e-12 in published
 * files). Here all have 1e-6: logits differ by less than 1e-5.
 */

import { z } from "zod"

/** The content of a JSON file, or a config. */
export type Json = Record<string, unknown>

/** How a `model_type` says what a family's config says. */
export interface ModelType {
  family: string
  /** Names of the classes with a head and without. */
  architecture: string
  base: string
  /** Throws a ZodError for values that are no such config, an InputError for networks that do not exist here. */
  read(json: Json): Json
  write(config: Json): Json
  /** Values that a config must have to be said, by field. */
  fixed: Readonly<Record<string, readonly unknown[]>>
}

/** Activations by transformers' names, the first name of each is written. */
const activations: readonly (readonly [huggingface: string, timm: string])[] = [
  ["gelu", "gelu"],
  ["gelu_pytorch_tanh", "gelu_tanh"],
  ["gelu_new", "gelu_tanh"],
  ["relu", "relu"],
  ["silu", "silu"],
  ["swish", "silu"],
]

/** A size or a number of things. */
export const count = z.int().positive()
const side = z.union([count, z.tuple([count, count])])

const convnextSchema = z.object({
  patch_size: count.default(4),
  hidden_sizes: z.array(count).default([96, 192, 384, 768]),
  depths: z.array(count).default([3, 3, 9, 3]),
  hidden_act: z.enum(activations.map(([name]) => name)).default("gelu"),
  layer_scale_init_value: z.number().default(1e-6),
  drop_path_rate: z.number().default(0),
})

const convnext: Pick<ModelType, "family" | "read" | "write"> = {
  family: "convnext",
  read(json) {
    const { patch_size, hidden_sizes, depths, hidden_act, layer_scale_init_value, drop_path_rate } =
      convnextSchema.parse(json)
    return {
      patchSize: patch_size,
      dims: hidden_sizes,
      depths,
      actLayer: activations.find(([name]) => name === hidden_act)![1],
      lsInitValue: layer_scale_init_value > 0 ? layer_scale_init_value : null,
      dropPathRate: drop_path_rate,
    }
  },
  write: ({ patchSize, dims, depths, actLayer, lsInitValue, dropPathRate, normEps }) => ({
    patch_size: patchSize,
    hidden_sizes: dims,
    depths,
    num_stages: (depths as unknown[]).length,
    hidden_act: activations.find(([, name]) => name === actLayer)?.[0],
    layer_scale_init_value: lsInitValue ?? 0,
    drop_path_rate: dropPathRate,
    layer_norm_eps: normEps,
  }),
}

const convnextFixed = {
  kernelSizes: [7],
  stemType: ["patch"],
  outputStride: [32],
  convBias: [true],
  actLayer: activations.map(([, name]) => name),
  normLayer: ["layernorm", "layernorm2d"],
  normEps: [1e-6],
  headNormFirst: [false],
  headHiddenSize: [null],
}

const resnetSchema = z.object({
  // The only stem that timm's ResNet has.
  embedding_size: z.literal(64).default(64),
  hidden_sizes: z.array(count).default([256, 512, 1024, 2048]),
  depths: z.array(count).default([3, 4, 6, 3]),
  layer_type: z.enum(["basic", "bottleneck"]).default("bottleneck"),
  hidden_act: z.literal("relu").default("relu"),
  downsample_in_first_stage: z.literal(false).default(false),
  downsample_in_bottleneck: z.literal(false).default(false),
})

/** Channels of a block's output, for each of its base width. */
const expansion = { basic: 1, BasicBlock: 1, bottleneck: 4, Bottleneck: 4 }

const resnet: ModelType = {
  family: "resnet",
  architecture: "ResNetForImageClassification",
  base: "ResNetModel",
  read(json) {
    const { hidden_sizes, depths, layer_type } = resnetSchema.parse(json)
    return { block: layer_type, layers: depths, channels: hidden_sizes.map((size) => size / expansion[layer_type]) }
  },
  write({ block, layers, channels }) {
    const factor = expansion[block as keyof typeof expansion]
    return {
      embedding_size: 64,
      hidden_sizes: (channels as number[]).map((width) => width * factor),
      depths: layers,
      layer_type: factor === 1 ? "basic" : "bottleneck",
      hidden_act: "relu",
      downsample_in_first_stage: false,
      downsample_in_bottleneck: false,
    }
  },
  fixed: { cardinality: [1], baseWidth: [64], stemType: [""], avgDown: [false] },
}

/** What transformers have in common. */
const transformerSchema = z.object({
  image_size: side.default(224),
  hidden_act: z.literal("gelu").default("gelu"),
  qkv_bias: z.boolean().default(true),
  hidden_dropout_prob: z.number().default(0),
  attention_probs_dropout_prob: z.number().default(0),
})

const swinSchema = transformerSchema.extend({
  patch_size: count.default(4),
  embed_dim: count.default(96),
  depths: z.array(count).default([2, 2, 6, 2]),
  num_heads: z.array(count).default([3, 6, 12, 24]),
  window_size: count.default(7),
  mlp_ratio: z.number().default(4),
  layer_norm_eps: z.literal(1e-5).default(1e-5),
  use_absolute_embeddings: z.literal(false).default(false),
  drop_path_rate: z.number().default(0.1),
})

const swin: ModelType = {
  family: "swin",
  architecture: "SwinForImageClassification",
  base: "SwinModel",
  read(json) {
    const given = swinSchema.parse(json)
    return {
      imgSize: given.image_size,
      patchSize: given.patch_size,
      embedDim: given.embed_dim,
      depths: given.depths,
      numHeads: given.num_heads,
      windowSize: given.window_size,
      mlpRatio: given.mlp_ratio,
      qkvBias: given.qkv_bias,
      projDropRate: given.hidden_dropout_prob,
      attnDropRate: given.attention_probs_dropout_prob,
      dropPathRate: given.drop_path_rate,
    }
  },
  write: (config) => ({
    image_size: config.imgSize,
    patch_size: config.patchSize,
    embed_dim: config.embedDim,
    hidden_size: (config.embedDim as number) * 2 ** ((config.depths as unknown[]).length - 1),
    depths: config.depths,
    num_layers: (config.depths as unknown[]).length,
    num_heads: config.numHeads,
    window_size: config.windowSize,
    mlp_ratio: config.mlpRatio,
    qkv_bias: config.qkvBias,
    hidden_act: "gelu",
    hidden_dropout_prob: config.projDropRate,
    attention_probs_dropout_prob: config.attnDropRate,
    drop_path_rate: config.dropPathRate,
    layer_norm_eps: 1e-5,
    use_absolute_embeddings: false,
  }),
  fixed: {},
}

const vitSchema = transformerSchema.extend({
  // Position embeddings are for square images.
  image_size: count.default(224),
  patch_size: count.default(16),
  hidden_size: count.default(768),
  num_hidden_layers: count.default(12),
  num_attention_heads: count.default(12),
  intermediate_size: count.default(3072),
  layer_norm_eps: z.number().default(1e-12),
})

const vit: Pick<ModelType, "read" | "write"> = {
  read(json) {
    const given = vitSchema.parse(json)
    return {
      imgSize: given.image_size,
      patchSize: given.patch_size,
      embedDim: given.hidden_size,
      depth: given.num_hidden_layers,
      numHeads: given.num_attention_heads,
      mlpRatio: given.intermediate_size / given.hidden_size,
      normEps: given.layer_norm_eps,
      qkvBias: given.qkv_bias,
      posDropRate: given.hidden_dropout_prob,
      projDropRate: given.hidden_dropout_prob,
      attnDropRate: given.attention_probs_dropout_prob,
    }
  },
  write: (config) => ({
    image_size: config.imgSize,
    patch_size: config.patchSize,
    hidden_size: config.embedDim,
    num_hidden_layers: config.depth,
    num_attention_heads: config.numHeads,
    intermediate_size: Math.floor((config.embedDim as number) * (config.mlpRatio as number)),
    layer_norm_eps: config.normEps,
    qkv_bias: config.qkvBias,
    hidden_act: "gelu",
    hidden_dropout_prob: config.projDropRate,
    attention_probs_dropout_prob: config.attnDropRate,
  }),
}

const vitFixed = {
  globalPool: ["token"],
  initValues: [null],
  classToken: [true],
  regTokens: [0],
  noEmbedClass: [false],
  preNorm: [false],
  fcNorm: [null, false],
}

/** By `model_type`. */
export const modelTypes: Readonly<Record<string, ModelType>> = {
  convnext: {
    ...convnext,
    architecture: "ConvNextForImageClassification",
    base: "ConvNextModel",
    fixed: { ...convnextFixed, useGrn: [false] },
  },
  convnextv2: {
    ...convnext,
    architecture: "ConvNextV2ForImageClassification",
    base: "ConvNextV2Model",
    read: (json) => ({ ...convnext.read(json), useGrn: true, lsInitValue: null }),
    fixed: { ...convnextFixed, useGrn: [true], lsInitValue: [null] },
  },
  resnet,
  swin,
  vit: {
    ...vit,
    family: "vit",
    architecture: "ViTForImageClassification",
    base: "ViTModel",
    fixed: { ...vitFixed, distilled: [false] },
  },
  deit: {
    ...vit,
    family: "deit",
    architecture: "DeiTForImageClassificationWithTeacher",
    base: "DeiTModel",
    read: (json) => ({ ...vit.read(json), distilled: true }),
    fixed: { ...vitFixed, distilled: [true] },
  },
}
