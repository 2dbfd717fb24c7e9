/**
 * Vision transformer: Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words" (arXiv 2010.11929), figure 1; the small
 * sizes and most weights are those of Steiner et al. 2021, "How to train your ViT?" (arXiv 2106.10270).
 *
 * Names of parameters as in timm (timm/models/vision_transformer.py, deit.py). Tokens are [N, L, D]: first the prefix
 * tokens (class, distillation, registers), then the patches, row by row.
 */

import { Attention } from "../nn/attention.ts"
import type { Context } from "../nn/context.ts"
import { constantValue, normal, truncatedNormal } from "../nn/initializers.ts"
import { Linear } from "../nn/layers.ts"
import { Mlp } from "../nn/mlp.ts"
import { Block, chain, Module, Parameter } from "../nn/module.ts"
import { LayerNorm } from "../nn/norm.ts"
import { PatchEmbed } from "../nn/patch-embed.ts"
import { dropout, dropPathRates, residual } from "../nn/stochastic.ts"
import { checkCount } from "../tensor/errors.ts"
import type { NdArray } from "../tensor/ndarray.ts"
import { add, broadcastTo, concat, mean, mul, reshape, slice, split, squeeze } from "../tensor/ops/index.ts"
import type { Tensor } from "../tensor/tensor.ts"
import { check, checkRate, type FeatureInfo, type ImageModel, type ModelFamily, type Preprocessing } from "./family.ts"
import { resamplePositions } from "./position-embedding.ts"

export interface VisionTransformerConfig {
  /** Height and width of the images, in pixels: there is a position embedding for each of their patches. */
  imgSize: number
  /** Side of a patch, in pixels. */
  patchSize: number
  /** Channels of the images. */
  inChannels: number
  /** Classes; 0 for a model that ends with pooled features. */
  numClasses: number
  /** What the classifier reads: the class token, or the mean of the patches. */
  globalPool: "token" | "avg"
  /** Channels of the tokens. */
  embedDim: number
  /** Blocks. */
  depth: number
  /** Attention heads; they share the channels evenly. */
  numHeads: number
  /** Channels inside the MLP, relative to embedDim. */
  mlpRatio: number
  /** Bias of queries, keys and values. */
  qkvBias: boolean
  /** First value of the layer scale; null for none. */
  initValues: number | null
  /** A learned token before the patches. */
  classToken: boolean
  /** A second one with a classifier of its own, DeiT's. Logits are the mean of both classifiers' logits. */
  distilled: boolean
  /** Number of register tokens, which nothing reads. Darcet et al. 2024 (arXiv 2309.16588). */
  regTokens: number
  /** Position embeddings for the patches only, none for the prefix tokens. */
  noEmbedClass: boolean
  /** LayerNorm before the first block, and no bias in the patch embedding, as in CLIP. */
  preNorm: boolean
  /** Last LayerNorm after pooling instead of before. null: where globalPool is "avg". */
  fcNorm: boolean | null
  /** Added to the variance in every LayerNorm. */
  normEps: number
  /** Dropout before the classifier. */
  dropRate: number
  /** Dropout after the position embeddings. */
  posDropRate: number
  /** Dropout after each linear layer that follows attention or is part of an MLP. */
  projDropRate: number
  /** Dropout of the attention weights. */
  attnDropRate: number
  /** Stochastic depth rate of the last block. */
  dropPathRate: number
}

/** A learned factor for each channel. Touvron et al. 2021, "Going deeper with Image Transformers", section 2. */
class LayerScale extends Module {
  readonly gamma: Parameter

  constructor(channels: number, first: number) {
    super()
    this.gamma = new Parameter([channels], constantValue(first))
  }

  forward(x: Tensor): Tensor {
    return mul(x, this.gamma)
  }
}

/** Two residual branches, attention and MLP, each LayerNorm first, layer scale and stochastic depth last. */
class TransformerBlock extends Block {
  readonly norm1: LayerNorm
  readonly attn: Attention
  readonly ls1?: LayerScale
  readonly norm2: LayerNorm
  readonly mlp: Mlp
  readonly ls2?: LayerScale
  readonly #dropRate: number

  constructor(config: VisionTransformerConfig, dropRate: number) {
    super()
    const { embedDim, normEps, initValues, mlpRatio, projDropRate } = config
    this.norm1 = new LayerNorm(embedDim, normEps)
    this.attn = new Attention(embedDim, config)
    this.norm2 = new LayerNorm(embedDim, normEps)
    this.mlp = new Mlp(embedDim, Math.floor(embedDim * mlpRatio), projDropRate)
    if (initValues !== null) {
      this.ls1 = new LayerScale(embedDim, initValues)
      this.ls2 = new LayerScale(embedDim, initValues)
    }
    this.#dropRate = dropRate
  }

  forward(x: Tensor, context: Context): Tensor {
    const attended = residual(x, this.#dropRate, context, (rows) => {
      const branch = this.attn.forward(this.norm1.forward(rows), context)
      return this.ls1 ? this.ls1.forward(branch) : branch
    })
    return residual(attended, this.#dropRate, context, (rows) => {
      const branch = this.mlp.forward(this.norm2.forward(rows), context)
      return this.ls2 ? this.ls2.forward(branch) : branch
    })
  }
}

/** Patches and learned tokens through blocks of attention and MLP; with `distilled`, DeiT's second token and classifier. */
export class VisionTransformer extends Module implements ImageModel {
  readonly clsToken?: Parameter
  readonly regToken?: Parameter
  readonly posEmbed: Parameter
  readonly distToken?: Parameter
  readonly patchEmbed: PatchEmbed
  readonly normPre?: LayerNorm
  readonly blocks: TransformerBlock[]
  readonly norm?: LayerNorm
  readonly fcNorm?: LayerNorm
  readonly head?: Linear
  readonly headDist?: Linear
  readonly classifiers: readonly string[]
  readonly firstConv = "patch_embed.proj"
  readonly featureInfo: readonly FeatureInfo[]
  readonly #config: VisionTransformerConfig

  constructor(config: VisionTransformerConfig) {
    super()
    const { embedDim, numClasses, patchSize, normEps, preNorm, regTokens, depth } = config
    const norm = () => new LayerNorm(embedDim, normEps)
    this.#config = config
    // timm draws class token and registers with a deviation of 1e-6, and DeiT's distillation token with 0.02.
    if (config.classToken) this.clsToken = new Parameter([1, 1, embedDim], normal(1e-6))
    if (regTokens > 0) this.regToken = new Parameter([1, regTokens, embedDim], normal(1e-6))
    if (config.distilled) this.distToken = new Parameter([1, 1, embedDim], truncatedNormal())
    const positions = gridSide(config) ** 2 + embeddedPrefix(config)
    this.posEmbed = new Parameter([1, positions, embedDim], truncatedNormal())
    this.patchEmbed = new PatchEmbed(config.inChannels, embedDim, { patchSize, bias: !preNorm, flatten: true })
    if (preNorm) this.normPre = norm()
    this.blocks = dropPathRates(config.dropPathRate, depth).map((rate) => new TransformerBlock(config, rate))
    if (config.fcNorm ?? config.globalPool === "avg") this.fcNorm = norm()
    else this.norm = norm()
    if (numClasses > 0) this.head = new Linear(embedDim, numClasses)
    if (numClasses > 0 && config.distilled) this.headDist = new Linear(embedDim, numClasses)
    this.classifiers = config.distilled ? ["head", "head_dist"] : ["head"]
    this.featureInfo = this.blocks
      .map((_, block) => ({ channels: embedDim, stride: patchSize, module: `blocks.${block}` }))
      .slice(-3)
  }

  /** [N, H, W, C] to all tokens [N, L, D], as the first block reads them. */
  #embed(x: Tensor, context: Context): Tensor {
    const { imgSize, noEmbedClass, posDropRate } = this.#config
    if (x.dim(1) !== imgSize || x.dim(2) !== imgSize) {
      throw new RangeError(`images must have ${imgSize} x ${imgSize} pixels, got ${x.dim(1)} x ${x.dim(2)}`)
    }
    const patches = this.patchEmbed.forward(x)
    const placed = noEmbedClass
      ? this.#withPrefix(add(patches, this.posEmbed))
      : add(this.#withPrefix(patches), this.posEmbed)
    const tokens = dropout(placed, posDropRate, context)
    return this.normPre ? this.normPre.forward(tokens) : tokens
  }

  /** The patches, and before them the same learned tokens for each image. */
  #withPrefix(patches: Tensor): Tensor {
    const one = slice(patches, 1, 0, 1)
    const repeat = (token: Tensor) => split(token, 1, new Array<number>(token.dim(1) as number).fill(1))
    const prefix = [this.clsToken, this.distToken, this.regToken].flatMap((token) => (token ? repeat(token) : []))
    return concat([...prefix.map((token) => broadcastTo(token, one)), patches], 1)
  }

  /** Maps of the last three blocks (of all, where there are fewer), without prefix tokens and before the last norm. */
  forwardPyramid(x: Tensor, context: Context): Tensor[] {
    const side = gridSide(this.#config)
    let tokens = this.#embed(x, context)
    const maps = this.blocks.map((block) => {
      tokens = block.forward(tokens, context)
      return tokens
    })
    return maps
      .slice(-this.featureInfo.length)
      .map((map) => reshape(this.#patches(map), [x.dim(0), side, side, this.#config.embedDim]))
  }

  /** [N, H, W, C] -> all tokens [N, L, D], normalised unless `fcNorm` comes later. */
  forwardFeatures(x: Tensor, context: Context): Tensor {
    const tokens = chain(this.blocks, this.#embed(x, context), context)
    return this.norm ? this.norm.forward(tokens) : tokens
  }

  /** All tokens to those of the patches. */
  #patches(tokens: Tensor): Tensor {
    return slice(tokens, 1, prefixTokens(this.#config), tokens.dim(1) as number)
  }

  /** [N, L, D] -> logits [N, numClasses], or what the classifier reads [N, D]. */
  forwardHead(tokens: Tensor, context: Context, { preLogits = false } = {}): Tensor {
    const { globalPool, dropRate, distilled } = this.#config
    if (distilled) return this.#distilledHead(tokens, context, preLogits)
    const pooled = globalPool === "token" ? tokenAt(tokens, 0) : mean(this.#patches(tokens), [1])
    const features = dropout(this.fcNorm ? this.fcNorm.forward(pooled) : pooled, dropRate, context)
    return preLogits || !this.head ? features : this.head.forward(features)
  }

  /**
   * Means over class token and distillation token: of the logits, in training too, as timm without
   * `set_distilled_training`; or of the tokens themselves.
   */
  #distilledHead(tokens: Tensor, context: Context, preLogits: boolean): Tensor {
    const [own, distilled] = [0, 1].map((token) => dropout(tokenAt(tokens, token), this.#config.dropRate, context))
    if (preLogits || !this.head || !this.headDist) return mul(add(own!, distilled!), 0.5)
    return mul(add(this.head.forward(own!), this.headDist.forward(distilled!)), 0.5)
  }

  forward(x: Tensor, context: Context): Tensor {
    return this.forwardHead(this.forwardFeatures(x, context), context)
  }

  noWeightDecay(parameter: string): boolean {
    return ["cls_token", "reg_token", "dist_token", "pos_embed"].includes(parameter)
  }

  /** Embeddings; each block, the last one together with the norm after it; norm after pooling and classifier. As timm. */
  layerGroup(parameter: string): number {
    const depth = this.blocks.length
    const block = /^blocks\.(\d+)\./.exec(parameter)?.[1]
    if (block !== undefined) return Number(block) + 1
    if (parameter.startsWith("norm.")) return depth
    return /^(fc_norm|head|head_dist)\./.test(parameter) ? depth + 1 : 0
  }
}

/** [N, L, D] -> [N, D] */
const tokenAt = (tokens: Tensor, position: number): Tensor => squeeze(slice(tokens, 1, position, position + 1), 1)

/** Patches along a side of the image. */
const gridSide = ({ imgSize, patchSize }: VisionTransformerConfig): number => Math.floor(imgSize / patchSize)

/** Tokens before the patches. */
const prefixTokens = ({ classToken, distilled, regTokens }: VisionTransformerConfig): number =>
  Number(classToken) + Number(distilled) + regTokens

/** Tokens before the patches that have position embeddings. */
const embeddedPrefix = (config: VisionTransformerConfig): number => (config.noEmbedClass ? 0 : prefixTokens(config))

/** Weights of the same architecture, with position embeddings for this size of images: timm's `resample_abs_pos_embed`. */
function fitPositions(
  weights: Readonly<Record<string, NdArray>>,
  config: VisionTransformerConfig,
): Record<string, NdArray> {
  const { pos_embed: positions } = weights
  if (!positions) return { ...weights }
  return { ...weights, pos_embed: resamplePositions(positions, gridSide(config), embeddedPrefix(config)) }
}

const counts = ["imgSize", "patchSize", "embedDim", "depth", "numHeads"] as const
const rates = ["dropRate", "posDropRate", "projDropRate", "attnDropRate"] as const
const switches = ["qkvBias", "classToken", "distilled", "noEmbedClass", "preNorm"] as const

/** Throws a UsageError that names the field that does not fit. */
function validate(config: VisionTransformerConfig): void {
  const { imgSize, patchSize, embedDim, numHeads, mlpRatio, initValues, normEps, globalPool, fcNorm } = config
  for (const field of counts) checkCount(field, config[field])
  checkCount("regTokens", config.regTokens, 0)
  for (const field of rates) checkRate(field, config[field])
  for (const field of switches) {
    check(typeof config[field] === "boolean", `${field} must be true or false, got ${config[field]}`)
  }
  check(fcNorm === null || typeof fcNorm === "boolean", `fcNorm must be true, false or null, got ${fcNorm}`)
  check(
    initValues === null || (Number.isFinite(initValues) && initValues !== 0),
    `initValues must be a number other than 0, or null for no layer scale, got ${initValues}`,
  )
  check(normEps > 0 && Number.isFinite(normEps), `normEps must be a number above 0, got ${normEps}`)
  check(
    Number.isFinite(mlpRatio) && embedDim * mlpRatio >= 1,
    `mlpRatio must leave the MLP a channel, got ${mlpRatio} of embedDim ${embedDim}`,
  )
  check(imgSize >= patchSize, `imgSize must be at least patchSize ${patchSize}, got ${imgSize}`)
  check(embedDim % numHeads === 0, `numHeads must divide embedDim, got numHeads ${numHeads} for embedDim ${embedDim}`)
  check(["token", "avg"].includes(globalPool), `globalPool must be "token" or "avg", got ${globalPool}`)
  check(globalPool === "avg" || config.classToken, `globalPool "token" needs classToken true; or set globalPool "avg"`)
  check(
    !config.distilled || (globalPool === "token" && !fcNorm && config.regTokens === 0 && !config.noEmbedClass),
    'distilled goes with globalPool "token" alone, without fcNorm, regTokens and noEmbedClass',
  )
}

const tiny = { embedDim: 192, numHeads: 3 }
const small = { embedDim: 384, numHeads: 6 }
const base = { embedDim: 768, numHeads: 12 }
const large = { embedDim: 1024, numHeads: 16, depth: 24 }

/** Google's weights see images scaled to -1..1. */
const at224 = { inputSize: 224, cropPct: 0.9, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }
const at384 = { ...at224, inputSize: 384, cropPct: 1 }

/** Pooled by the mean over the patches, without a class token. */
const gap = { globalPool: "avg", classToken: false } as const

const models: Record<string, { config: Partial<VisionTransformerConfig>; preprocessing: Partial<Preprocessing> }> = {
  vit_tiny_patch16_224: { config: tiny, preprocessing: at224 },
  vit_tiny_patch16_384: { config: tiny, preprocessing: at384 },
  vit_small_patch32_224: { config: { ...small, patchSize: 32 }, preprocessing: at224 },
  vit_small_patch32_384: { config: { ...small, patchSize: 32 }, preprocessing: at384 },
  vit_small_patch16_224: { config: small, preprocessing: at224 },
  vit_small_patch16_384: { config: small, preprocessing: at384 },
  vit_base_patch32_224: { config: { ...base, patchSize: 32 }, preprocessing: at224 },
  vit_base_patch32_384: { config: { ...base, patchSize: 32 }, preprocessing: at384 },
  vit_base_patch16_224: { config: base, preprocessing: at224 },
  vit_base_patch16_384: { config: base, preprocessing: at384 },
  // The authors gave it 16 heads by mistake, and published weights for them.
  vit_base_patch16_gap_224: { config: { ...base, ...gap, numHeads: 16, fcNorm: false }, preprocessing: at224 },
  vit_base_patch16_reg4_gap_256: {
    config: { ...base, ...gap, regTokens: 4, noEmbedClass: true },
    preprocessing: { ...at224, inputSize: 256 },
  },
  vit_large_patch32_224: { config: { ...large, patchSize: 32 }, preprocessing: at224 },
  vit_large_patch32_384: { config: { ...large, patchSize: 32 }, preprocessing: at384 },
  vit_large_patch16_224: { config: large, preprocessing: at224 },
  vit_large_patch16_384: { config: large, preprocessing: at384 },
  vit_large_patch14_224: { config: { ...large, patchSize: 14 }, preprocessing: at224 },
}

/** Vision transformers, with position embeddings for one size of images. */
export const vit: ModelFamily<VisionTransformerConfig> = {
  name: "vit",
  defaults: {
    imgSize: 224,
    patchSize: 16,
    inChannels: 3,
    numClasses: 1000,
    globalPool: "token",
    embedDim: 768,
    depth: 12,
    numHeads: 12,
    mlpRatio: 4,
    qkvBias: true,
    initValues: null,
    classToken: true,
    distilled: false,
    regTokens: 0,
    noEmbedClass: false,
    preNorm: false,
    fcNorm: null,
    normEps: 1e-6,
    dropRate: 0,
    posDropRate: 0,
    projDropRate: 0,
    attnDropRate: 0,
    dropPathRate: 0,
  },
  models,
  validate,
  build: (config) => new VisionTransformer(config),
  minimumSize: ({ patchSize }) => patchSize,
  adapt: fitPositions,
  sizeField: "imgSize",
}
