/**
 * Names of huggingface/transformers: models/convnext, convnextv2, resnet, swin, vit and deit. The files of models without a
 * head (`ViTModel`) lack the prefix. Version 5 has other names for transformers in memory, which a state dict shows and
 * the files of `save_pretrained` do not, unless told so.
 */

import { channelsLast, linear, type NameTable, type Rule } from "./table.ts"
import { convnext, resnet, swin, vit } from "./timm.ts"

const convnextRules = (prefix: string): Rule[] => {
  const stage = `${prefix}encoder.stages.{s}`
  return [
    ["stem.0.*", `${prefix}embeddings.patch_embeddings.*`],
    ["stem.1.*", `${prefix}embeddings.layernorm.*`],
    ["stages.{s}.downsample.{i}.*", `${stage}.downsampling_layer.{i}.*`],
    ["stages.{s}.blocks.{b}.gamma", `${stage}.layers.{b}.layer_scale_parameter`],
    ["stages.{s}.blocks.{b}.conv_dw.*", `${stage}.layers.{b}.dwconv.*`],
    ["stages.{s}.blocks.{b}.norm.*", `${stage}.layers.{b}.layernorm.*`],
    ["stages.{s}.blocks.{b}.mlp.fc{j}.*", `${stage}.layers.{b}.pwconv{j}.*`, linear],
    ["head.norm.*", `${prefix}layernorm.*`],
    ["head.fc.*", "classifier.*"],
  ]
}

const convnextV2Rules = (prefix: string): Rule[] => [
  ...convnextRules(prefix),
  ["stages.{s}.blocks.{b}.mlp.grn.*", `${prefix}encoder.stages.{s}.layers.{b}.grn.*`, channelsLast],
]

const resnetRules = (prefix: string): Rule[] => {
  const block = `${prefix}encoder.stages.{l}.layers.{b}`
  return [
    ["conv1.*", `${prefix}embedder.embedder.convolution.*`],
    ["bn1.*", `${prefix}embedder.embedder.normalization.*`],
    ["layer{l+1}.{b}.conv{j+1}.*", `${block}.layer.{j}.convolution.*`],
    ["layer{l+1}.{b}.bn{j+1}.*", `${block}.layer.{j}.normalization.*`],
    ["layer{l+1}.{b}.downsample.0.*", `${block}.shortcut.convolution.*`],
    ["layer{l+1}.{b}.downsample.1.*", `${block}.shortcut.normalization.*`],
    ["fc.*", "classifier.1.*"],
  ]
}

/** What the parts of a transformer's block are called. */
interface BlockNames {
  /** Queries, keys and values. */
  qkv: readonly string[]
  proj: string
  fc1: string
  fc2: string
  relativePositions: string
}

const published: BlockNames = {
  qkv: ["attention.attention.query", "attention.attention.key", "attention.attention.value"],
  proj: "attention.output.dense",
  fc1: "intermediate.dense",
  fc2: "output.dense",
  relativePositions: "attention.self.relative_position_bias_table",
}

const publishedSwin: BlockNames = {
  ...published,
  qkv: ["attention.self.query", "attention.self.key", "attention.self.value"],
}

const version5: BlockNames = {
  qkv: ["attention.q_proj", "attention.k_proj", "attention.v_proj"],
  proj: "attention.o_proj",
  fc1: "mlp.fc1",
  fc2: "mlp.fc2",
  relativePositions: "attention.relative_position_bias.relative_position_bias_table",
}

const blockRules = (timm: string, block: string, { qkv, proj, fc1, fc2 }: BlockNames): Rule[] => [
  [`${timm}.norm1.*`, `${block}.layernorm_before.*`],
  [`${timm}.attn.qkv.*`, qkv.map((part) => `${block}.${part}.*`)],
  [`${timm}.attn.proj.*`, `${block}.${proj}.*`],
  [`${timm}.norm2.*`, `${block}.layernorm_after.*`],
  [`${timm}.mlp.fc1.*`, `${block}.${fc1}.*`],
  [`${timm}.mlp.fc2.*`, `${block}.${fc2}.*`],
]

const swinRules = (prefix: string, names: BlockNames): Rule[] => {
  const block = `${prefix}encoder.layers.{s}.blocks.{b}`
  return [
    ["patch_embed.proj.*", `${prefix}embeddings.patch_embeddings.projection.*`],
    ["patch_embed.norm.*", `${prefix}embeddings.norm.*`],
    ["layers.{s+1}.downsample.norm.*", `${prefix}encoder.layers.{s}.downsample.norm.*`],
    ["layers.{s+1}.downsample.reduction.*", `${prefix}encoder.layers.{s}.downsample.reduction.*`],
    ["layers.{s}.blocks.{b}.attn.relative_position_bias_table", `${block}.${names.relativePositions}`],
    ...blockRules("layers.{s}.blocks.{b}", block, names),
    ["norm.*", `${prefix}layernorm.*`],
    ["head.fc.*", "classifier.*"],
  ]
}

const vitRules = (prefix: string, block: string, names: BlockNames): Rule[] => [
  ["cls_token", `${prefix}embeddings.cls_token`],
  ["pos_embed", `${prefix}embeddings.position_embeddings`],
  ["patch_embed.proj.*", `${prefix}embeddings.patch_embeddings.projection.*`],
  ...blockRules("blocks.{b}", `${prefix}${block}`, names),
  ["norm.*", `${prefix}layernorm.*`],
  ["head.*", "classifier.*"],
]

/** The second name of the class token's head is that of models that leave the distillation token's head away. */
const deitRules = (prefix: string, block: string, names: BlockNames): Rule[] => [
  ["dist_token", `${prefix}embeddings.distillation_token`],
  ["head.*", "cls_classifier.*"],
  ["head_dist.*", "distillation_classifier.*"],
  ...vitRules(prefix, block, names),
]

/** Of a transformer without a head: the layer after the class token, and the token for masked patches. */
const unusedOf = (prefix: string) => [`${prefix}pooler.dense.*`, `${prefix}embeddings.mask_token`]

/** Tables for files of models with a head, and without. */
const withAndWithoutPrefix = (prefix: string, table: (prefix: string) => NameTable): NameTable[] => [
  table(`${prefix}.`),
  table(""),
]

export const huggingface: readonly NameTable[] = [
  ...withAndWithoutPrefix("convnext", (prefix) => ({ architecture: convnext, rules: convnextRules(prefix) })),
  ...withAndWithoutPrefix("convnextv2", (prefix) => ({ architecture: convnext, rules: convnextV2Rules(prefix) })),
  ...withAndWithoutPrefix("resnet", (prefix) => ({ architecture: resnet, rules: resnetRules(prefix) })),
  ...[publishedSwin, version5].flatMap((names) =>
    withAndWithoutPrefix("swin", (prefix) => ({
      architecture: swin,
      rules: swinRules(prefix, names),
      unused: unusedOf(prefix),
    })),
  ),
  ...(
    [
      ["encoder.layer.{b}", published],
      ["layers.{b}", version5],
    ] as const
  ).flatMap(([block, names]) => [
    ...withAndWithoutPrefix("vit", (prefix) => ({
      architecture: vit,
      rules: vitRules(prefix, block, names),
      unused: unusedOf(prefix),
    })),
    ...withAndWithoutPrefix("deit", (prefix) => ({
      architecture: vit,
      rules: deitRules(prefix, block, names),
      unused: unusedOf(prefix),
    })),
  ]),
]
