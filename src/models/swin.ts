/**
 * Swin Transformer: Liu et al. 2021, "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows"
 * (arXiv 2103.14030), section 3 and figure 3.
 *
 * Names of parameters as in timm (timm/models/swin_transformer.py). Activations are [N, H, W, C] throughout. Images may
 * have any size: the network computes what timm's computes that is made for this size and has the same weights loaded.
 */

import type { Context } from "../nn/context.ts"
import { Linear } from "../nn/layers.ts"
import { Mlp } from "../nn/mlp.ts"
import { Block, chain, Module } from "../nn/module.ts"
import { LayerNorm } from "../nn/norm.ts"
import { PatchEmbed } from "../nn/patch-embed.ts"
import { dropout, dropPathRates, residual } from "../nn/stochastic.ts"
import type { Dim } from "../tensor/dim.ts"
import { checkCount, isCount } from "../tensor/errors.ts"
import { mean, pad, reshape, transpose } from "../tensor/ops/index.ts"
import type { Tensor } from "../tensor/tensor.ts"
import { check, checkRate, type FeatureInfo, type ImageModel, type ModelFamily, type Preprocessing } from "./family.ts"
import { fitTable } from "./swin/relative-position.ts"
import { WindowAttention, type WindowAttentionOptions, WindowConstants } from "./swin/window-attention.ts"
import { type Size, windowFor } from "./swin/windows.ts"

export interface SwinConfig {
  /**
   * Side, or height and width, of the images that the relative position tables are made for, in pixels. Where a stage's
   * map is smaller than the window, so is its table. Images of other sizes can be computed all the same.
   */
  imgSize: number | readonly [height: number, width: number]
  /** Side and stride of the patches. */
  patchSize: number
  /** Channels of the first stage; each stage has twice as many as the one before. */
  embedDim: number
  /** Blocks of each stage. */
  depths: readonly number[]
  /** Attention heads of each stage. */
  numHeads: readonly number[]
  /** Side of the windows, in positions of the feature map. */
  windowSize: number
  /** Channels inside of an MLP, as a multiple of those outside. */
  mlpRatio: number
  /** Whether queries, keys and values have a bias. */
  qkvBias: boolean
  /** Dropout rate before the classifier. */
  dropRate: number
  /** Dropout rate after the projection of the attention, and in the MLPs. */
  projDropRate: number
  /** Dropout rate of the attention weights. */
  attnDropRate: number
  /** Stochastic depth rate of the last block. */
  dropPathRate: number
  /** Channels of the images. */
  inChannels: number
  /** Classes; 0 for a model that ends with pooled features. */
  numClasses: number
}

/** timm's networks have PyTorch's epsilon here, unlike its other transformers. */
const EPSILON = 1e-5

/** Attention and MLP, each after a LayerNorm, under stochastic depth and with a residual. Figure 3 (b). */
class SwinBlock extends Block {
  readonly norm1: LayerNorm
  readonly attn: WindowAttention
  readonly norm2: LayerNorm
  readonly mlp: Mlp
  readonly #dropRate: number

  constructor(attention: WindowAttentionOptions, mlpRatio: number, dropRate: number) {
    super()
    const { channels, projDropRate } = attention
    this.norm1 = new LayerNorm(channels, EPSILON)
    this.attn = new WindowAttention(attention)
    this.norm2 = new LayerNorm(channels, EPSILON)
    this.mlp = new Mlp(channels, Math.floor(channels * mlpRatio), projDropRate)
    this.#dropRate = dropRate
  }

  forward(x: Tensor, context: Context): Tensor {
    const attended = residual(x, this.#dropRate, context, (rows) =>
      this.attn.forward(this.norm1.forward(rows), context),
    )
    return residual(attended, this.#dropRate, context, (rows) => this.mlp.forward(this.norm2.forward(rows), context))
  }
}

/** Four neighbours become one position with twice the channels. [N, H, W, C] -> [N, ceil(H / 2), ceil(W / 2), 2 C]. */
class PatchMerging extends Module {
  readonly norm: LayerNorm
  readonly reduction: Linear

  constructor(channels: number) {
    super()
    this.norm = new LayerNorm(4 * channels, EPSILON)
    this.reduction = new Linear(4 * channels, 2 * channels, { bias: false })
  }

  forward(x: Tensor): Tensor {
    const [n, height, width, channels] = x.shape as [Dim, number, number, number]
    const even = pad(pad(x, 1, 0, height % 2), 2, 0, width % 2)
    const [rows, columns] = [Math.ceil(height / 2), Math.ceil(width / 2)]
    // The order of the neighbours is that of the checkpoints: column by column.
    const neighbours = transpose(reshape(even, [n, rows, 2, columns, 2, channels]), [0, 1, 3, 4, 2, 5])
    return this.reduction.forward(this.norm.forward(reshape(neighbours, [n, rows, columns, 4 * channels])))
  }
}

/** Blocks at one resolution, every second one with shifted windows, after patch merging in all stages but the first. */
class Stage extends Module {
  readonly downsample?: PatchMerging
  readonly blocks: SwinBlock[]

  constructor(index: number, rates: readonly number[], config: SwinConfig) {
    super()
    const { windowSize, mlpRatio, qkvBias, attnDropRate, projDropRate } = config
    const channels = config.embedDim * 2 ** index
    const attention = {
      channels,
      heads: config.numHeads[index]!,
      windowSize,
      tableWindow: tableWindow(index, config),
      qkvBias,
      attnDropRate,
      projDropRate,
      constants: new WindowConstants(),
    }
    if (index > 0) this.downsample = new PatchMerging(channels / 2)
    this.blocks = rates.map((rate, i) => new SwinBlock({ ...attention, shifted: i % 2 === 1 }, mlpRatio, rate))
  }

  forward(x: Tensor, context: Context): Tensor {
    return chain(this.blocks, this.downsample ? this.downsample.forward(x) : x, context)
  }
}

/** The window that the tables of a stage are made for. */
function tableWindow(stage: number, { imgSize, patchSize, windowSize }: SwinConfig): Size {
  const [height, width] = typeof imgSize === "number" ? [imgSize, imgSize] : imgSize
  const positions = (pixels: number) => Math.ceil(Math.floor(pixels / patchSize) / 2 ** stage)
  return windowFor([positions(height), positions(width)], windowSize)
}

/** Mean over all positions, dropout, classifier. */
class Head extends Module {
  readonly fc?: Linear
  readonly #dropRate: number

  constructor(channels: number, numClasses: number, dropRate: number) {
    super()
    if (numClasses > 0) this.fc = new Linear(channels, numClasses)
    this.#dropRate = dropRate
  }

  /** [N, H, W, C] to the pooled features [N, C]. */
  pool(x: Tensor, context: Context): Tensor {
    return dropout(mean(x, [1, 2]), this.#dropRate, context)
  }

  forward(x: Tensor, context: Context): Tensor {
    const features = this.pool(x, context)
    return this.fc ? this.fc.forward(features) : features
  }
}

export class SwinTransformer extends Module implements ImageModel {
  readonly patchEmbed: PatchEmbed
  readonly layers: Stage[]
  readonly norm: LayerNorm
  readonly head: Head
  readonly classifiers = ["head.fc"]
  readonly firstConv = "patch_embed.proj"
  readonly featureInfo: readonly FeatureInfo[]

  constructor(config: SwinConfig) {
    super()
    const { depths, embedDim, patchSize } = config
    const rates = dropPathRates(
      config.dropPathRate,
      depths.reduce((sum, depth) => sum + depth, 0),
    )
    this.patchEmbed = new PatchEmbed(config.inChannels, embedDim, { patchSize, normEpsilon: EPSILON })
    this.layers = depths.map((depth, stage) => new Stage(stage, rates.splice(0, depth), config))
    const channels = embedDim * 2 ** (depths.length - 1)
    this.norm = new LayerNorm(channels, EPSILON)
    this.head = new Head(channels, config.numClasses, config.dropRate)
    this.featureInfo = depths.map((_, stage) => ({
      channels: embedDim * 2 ** stage,
      stride: patchSize * 2 ** stage,
      module: `layers.${stage}`,
    }))
  }

  /** The results of the stages: without the norm that follows the last one in {@link forwardFeatures}, as in timm. */
  forwardPyramid(x: Tensor, context: Context): Tensor[] {
    let features = this.patchEmbed.forward(x)
    return this.layers.map((stage) => {
      features = stage.forward(features, context)
      return features
    })
  }

  forwardFeatures(x: Tensor, context: Context): Tensor {
    return this.norm.forward(this.forwardPyramid(x, context).at(-1)!)
  }

  forwardHead(features: Tensor, context: Context, { preLogits = false } = {}): Tensor {
    return preLogits ? this.head.pool(features, context) : this.head.forward(features, context)
  }

  forward(x: Tensor, context: Context): Tensor {
    return this.forwardHead(this.forwardFeatures(x, context), context)
  }

  noWeightDecay(parameter: string): boolean {
    return parameter.endsWith(".relative_position_bias_table")
  }

  /** Patch embedding; each block, the first of a stage with the merging before it, the last with the norm; the head. */
  layerGroup(parameter: string): number {
    if (parameter.startsWith("patch_embed.")) return 0
    const [, stage, block] = /^layers\.(\d+)\.(?:blocks\.(\d+)|downsample)\./.exec(parameter) ?? []
    const before = this.layers.slice(0, stage === undefined ? undefined : Number(stage))
    const blocksBefore = before.reduce((sum, { blocks }) => sum + blocks.length, 0)
    if (parameter.startsWith("norm.")) return blocksBefore
    return blocksBefore + 1 + Number(block ?? 0)
  }
}

const preprocessing224: Partial<Preprocessing> = { cropPct: 0.9 }
const preprocessing384: Partial<Preprocessing> = { inputSize: 384, cropPct: 1 }

const tiny = { embedDim: 96, depths: [2, 2, 6, 2], numHeads: [3, 6, 12, 24] }
const small = { ...tiny, depths: [2, 2, 18, 2] }
const base = { embedDim: 128, depths: [2, 2, 18, 2], numHeads: [4, 8, 16, 32] }
const large = { embedDim: 192, depths: [2, 2, 18, 2], numHeads: [6, 12, 24, 48] }
const window12 = { windowSize: 12, imgSize: 384 }

/** Sizes of the paper, section 3.3. */
const sizes: Record<string, { config: Partial<SwinConfig>; preprocessing: Partial<Preprocessing> }> = {
  swin_tiny_patch4_window7_224: { config: tiny, preprocessing: preprocessing224 },
  swin_small_patch4_window7_224: { config: small, preprocessing: preprocessing224 },
  swin_base_patch4_window7_224: { config: base, preprocessing: preprocessing224 },
  swin_base_patch4_window12_384: { config: { ...base, ...window12 }, preprocessing: preprocessing384 },
  swin_large_patch4_window7_224: { config: large, preprocessing: preprocessing224 },
  swin_large_patch4_window12_384: { config: { ...large, ...window12 }, preprocessing: preprocessing384 },
}

/** What older checkpoints hold besides parameters: it follows from the config. */
const derived = /\.(relative_position_index|attn_mask)$/

export const swin: ModelFamily<SwinConfig> = {
  name: "swin",
  defaults: {
    imgSize: 224,
    patchSize: 4,
    embedDim: 96,
    depths: [2, 2, 6, 2],
    numHeads: [3, 6, 12, 24],
    windowSize: 7,
    mlpRatio: 4,
    qkvBias: true,
    dropRate: 0,
    projDropRate: 0,
    attnDropRate: 0,
    dropPathRate: 0,
    inChannels: 3,
    numClasses: 1000,
  },
  models: sizes,
  validate,
  build: (config) => new SwinTransformer(config),
  /** One patch: smaller maps than a window make smaller windows, and odd ones are filled up before they are merged. */
  minimumSize: ({ patchSize }) => patchSize,
  /** Resamples the relative position tables for this config's windows. */
  adapt(weights, config) {
    const kept = Object.entries(weights).filter(([name]) => !derived.test(name))
    return Object.fromEntries(
      kept.map(([name, value]) => {
        const [, stage] = /^layers\.(\d+)\.blocks\.\d+\.attn\.relative_position_bias_table$/.exec(name) ?? []
        return [name, stage === undefined ? value : fitTable(value, tableWindow(Number(stage), config))]
      }),
    )
  },
}

function validate(config: SwinConfig): void {
  const { imgSize, patchSize, embedDim, depths, numHeads, windowSize, mlpRatio, qkvBias } = config
  for (const [field, value] of Object.entries({ patchSize, embedDim, windowSize })) checkCount(field, value)
  const sides: readonly unknown[] = Array.isArray(imgSize) ? imgSize : [imgSize, imgSize]
  check(
    sides.length === 2 && sides.every((side) => isCount(side, patchSize)),
    `imgSize must be one or two whole numbers of at least patchSize ${patchSize}, got ${imgSize}`,
  )
  for (const [field, list] of Object.entries({ depths, numHeads })) {
    check(
      Array.isArray(list) && list.length > 0 && list.every((count) => isCount(count)),
      `${field} must be a list of whole numbers of at least 1, got ${JSON.stringify(list)}`,
    )
  }
  check(
    numHeads.length === depths.length,
    `depths and numHeads must be equally long, got [${depths}] and [${numHeads}]`,
  )
  numHeads.forEach((heads, stage) => {
    const channels = embedDim * 2 ** stage
    check(channels % heads === 0, `the ${channels} channels of stage ${stage} do not part into ${heads} heads`)
  })
  check(Number.isFinite(mlpRatio) && embedDim * mlpRatio >= 1, `mlpRatio must leave a channel, got ${mlpRatio}`)
  check(typeof qkvBias === "boolean", `qkvBias must be true or false, got ${qkvBias}`)
  for (const field of ["dropRate", "projDropRate", "attnDropRate"] as const) checkRate(field, config[field])
}
