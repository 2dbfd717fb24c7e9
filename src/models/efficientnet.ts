/**
 * EfficientNet: Tan and Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks"
 * (arXiv 1905.11946), table 1 and section 3.3; its block is that of MobileNetV2 with squeeze and excitation.
 *
 * Names of parameters as in timm (timm/models/efficientnet.py), and padding as in PyTorch: the same on all sides.
 * Activations are [N, H, W, C] throughout.
 */

import { BatchNormAct2d } from "../nn/batch-norm-act.ts"
import type { Context } from "../nn/context.ts"
import { kaimingNormal, uniform } from "../nn/initializers.ts"
import { Conv2d, Linear } from "../nn/layers.ts"
import { Block, chain, Module } from "../nn/module.ts"
import { BatchNorm2d } from "../nn/norm.ts"
import { MobileSqueezeExcite } from "../nn/squeeze-excite.ts"
import { dropout, dropPath } from "../nn/stochastic.ts"
import { add, globalAvgPool, silu } from "../tensor/ops/index.ts"
import type { Tensor } from "../tensor/tensor.ts"
import { check, checkRate, type FeatureInfo, type ImageModel, type ModelFamily, type Preprocessing } from "./family.ts"

/** A row of a paper's table: blocks at one resolution. */
export interface InvertedResidualStage {
  kernelSize: 3 | 5
  /** Of the first block. */
  stride: 1 | 2
  /** Ratio of the channels inside a block to those of its input. */
  expansion: number
  channels: number
  depth: number
}

/** What the networks of inverted residual blocks have in common, all sizes resolved. */
export interface InvertedResidualNetConfig {
  stages: readonly InvertedResidualStage[]
  stemChannels: number
  headChannels: number
  activation: (x: Tensor) => Tensor
  /** Squeeze and excitation in each block, to a quarter of its input's channels. */
  squeezeExcite: boolean
  dropRate: number
  dropPathRate: number
  inChannels: number
  numClasses: number
}

interface BlockOptions {
  inChannels: number
  channels: number
  kernelSize: number
  stride: number
  expansion: number
  activation: (x: Tensor) => Tensor
  squeezeExcite: boolean
  dropRate: number
}

/** Convolution that keeps the size, up to its stride, and leaves the bias to the normalisation after it. */
function conv(inChannels: number, outChannels: number, kernelSize: number, stride = 1, groups = 1): Conv2d {
  const padding = (kernelSize - 1) / 2
  const initialize = kaimingNormal(groups)
  return new Conv2d(inChannels, outChannels, { kernelSize, stride, padding, groups, bias: false, initialize })
}

/** Squeeze and excitation over the channels inside a block: to a quarter of those that come in. */
function squeezeExcite(channels: number, { inChannels, activation }: BlockOptions): MobileSqueezeExcite {
  return new MobileSqueezeExcite(channels, inChannels / 4, activation)
}

/** x + branch under stochastic depth, where the shapes allow; else the branch alone. */
function connect(x: Tensor, branch: Tensor, options: BlockOptions, context: Context): Tensor {
  const { inChannels, channels, stride, dropRate } = options
  return stride === 1 && inChannels === channels ? add(dropPath(branch, dropRate, context), x) : branch
}

/** Depthwise convolution, squeeze and excitation, linear projection: the inverted residual that does not expand. */
class DepthwiseSeparableConv extends Block {
  readonly convDw: Conv2d
  readonly bn1: BatchNormAct2d
  readonly se?: MobileSqueezeExcite
  readonly convPw: Conv2d
  readonly bn2: BatchNorm2d
  readonly #options: BlockOptions

  constructor(options: BlockOptions) {
    super()
    const { inChannels, channels, kernelSize, stride, activation } = options
    this.convDw = conv(inChannels, inChannels, kernelSize, stride, inChannels)
    this.bn1 = new BatchNormAct2d(inChannels, activation)
    if (options.squeezeExcite) this.se = squeezeExcite(inChannels, options)
    this.convPw = conv(inChannels, channels, 1)
    this.bn2 = new BatchNorm2d(channels)
    this.#options = options
  }

  forward(x: Tensor, context: Context): Tensor {
    const spatial = this.bn1.forward(this.convDw.forward(x), context)
    const scaled = this.se ? this.se.forward(spatial) : spatial
    return connect(x, this.bn2.forward(this.convPw.forward(scaled), context), this.#options, context)
  }
}

/**
 * Expansion, depthwise convolution, squeeze and excitation, linear projection. Sandler et al. 2018, "MobileNetV2:
 * Inverted Residuals and Linear Bottlenecks", table 1 and figure 4 (d).
 */
class InvertedResidual extends Block {
  readonly convPw: Conv2d
  readonly bn1: BatchNormAct2d
  readonly convDw: Conv2d
  readonly bn2: BatchNormAct2d
  readonly se?: MobileSqueezeExcite
  readonly convPwl: Conv2d
  readonly bn3: BatchNorm2d
  readonly #options: BlockOptions

  constructor(options: BlockOptions) {
    super()
    const { inChannels, channels, kernelSize, stride, expansion, activation } = options
    const expanded = inChannels * expansion
    this.convPw = conv(inChannels, expanded, 1)
    this.bn1 = new BatchNormAct2d(expanded, activation)
    this.convDw = conv(expanded, expanded, kernelSize, stride, expanded)
    this.bn2 = new BatchNormAct2d(expanded, activation)
    if (options.squeezeExcite) this.se = squeezeExcite(expanded, options)
    this.convPwl = conv(expanded, channels, 1)
    this.bn3 = new BatchNorm2d(channels)
    this.#options = options
  }

  forward(x: Tensor, context: Context): Tensor {
    const expanded = this.bn1.forward(this.convPw.forward(x), context)
    const spatial = this.bn2.forward(this.convDw.forward(expanded), context)
    const scaled = this.se ? this.se.forward(spatial) : spatial
    return connect(x, this.bn3.forward(this.convPwl.forward(scaled), context), this.#options, context)
  }
}

/** Stem, stages of inverted residual blocks, a pointwise convolution, classifier: MobileNetV2 and EfficientNet. */
export class InvertedResidualNet extends Module implements ImageModel {
  readonly convStem: Conv2d
  readonly bn1: BatchNormAct2d
  readonly blocks: Block[][]
  readonly convHead: Conv2d
  readonly bn2: BatchNormAct2d
  readonly classifier?: Linear
  readonly classifiers = ["classifier"]
  readonly firstConv = "conv_stem"
  readonly featureInfo: readonly FeatureInfo[]
  readonly #dropRate: number
  /** Stages whose output is a level of the pyramid: the last one before each change of resolution. */
  readonly #levels: readonly number[]

  constructor(config: InvertedResidualNetConfig) {
    super()
    const { stages, stemChannels, headChannels, numClasses, activation } = config
    const strides = stages.map((_, i) => stages.slice(0, i + 1).reduce((product, { stride }) => product * stride, 2))
    this.convStem = conv(config.inChannels, stemChannels, 3, 2)
    this.bn1 = new BatchNormAct2d(stemChannels, activation)
    this.blocks = buildStages(config)
    this.convHead = conv(stages.at(-1)!.channels, headChannels, 1)
    this.bn2 = new BatchNormAct2d(headChannels, activation)
    if (numClasses > 0) {
      this.classifier = new Linear(headChannels, numClasses, { initialize: uniform(1 / Math.sqrt(numClasses)) })
    }
    this.#levels = [...stages.keys()].filter((i) => stages[i + 1]?.stride !== 1)
    this.featureInfo = this.#levels.map((i) => ({
      channels: stages[i]!.channels,
      stride: strides[i]!,
      module: `blocks.${i}`,
    }))
    this.#dropRate = config.dropRate
  }

  forwardPyramid(x: Tensor, context: Context): Tensor[] {
    let features = this.bn1.forward(this.convStem.forward(x), context)
    const outputs = this.blocks.map((blocks) => {
      features = chain(blocks, features, context)
      return features
    })
    return this.#levels.map((stage) => outputs[stage]!)
  }

  forwardFeatures(x: Tensor, context: Context): Tensor {
    const last = this.forwardPyramid(x, context).at(-1)!
    return this.bn2.forward(this.convHead.forward(last), context)
  }

  forwardHead(features: Tensor, context: Context, { preLogits = false } = {}): Tensor {
    const pooled = globalAvgPool(features)
    if (preLogits) return pooled
    const kept = dropout(pooled, this.#dropRate, context)
    return this.classifier ? this.classifier.forward(kept) : kept
  }

  forward(x: Tensor, context: Context): Tensor {
    return this.forwardHead(this.forwardFeatures(x, context), context)
  }

  /** Stem; each block, the last one together with the convolution after it; classifier. As timm. */
  layerGroup(parameter: string): number {
    if (/^(conv_stem|bn1)\./.test(parameter)) return 0
    const blockCount = this.blocks.flat().length
    if (parameter.startsWith("classifier.")) return blockCount + 1
    const [, stage, block] = /^blocks\.(\d+)\.(\d+)\./.exec(parameter) ?? []
    if (stage === undefined) return blockCount
    return this.blocks.slice(0, Number(stage)).flat().length + Number(block) + 1
  }
}

/** The blocks of each stage. The stochastic depth rate grows by equal steps; it would be reached after the last block. */
function buildStages({ stages, stemChannels, dropPathRate, ...config }: InvertedResidualNetConfig): Block[][] {
  const blockCount = stages.reduce((sum, { depth }) => sum + depth, 0)
  let index = 0
  return stages.map((stage, i) =>
    Array.from({ length: stage.depth }, (_, block) => {
      const first = block === 0
      const options = {
        inChannels: first ? (stages[i - 1]?.channels ?? stemChannels) : stage.channels,
        channels: stage.channels,
        kernelSize: stage.kernelSize,
        stride: first ? stage.stride : 1,
        expansion: stage.expansion,
        activation: config.activation,
        squeezeExcite: config.squeezeExcite,
        dropRate: (dropPathRate * index++) / blockCount,
      }
      return stage.expansion === 1 ? new DepthwiseSeparableConv(options) : new InvertedResidual(options)
    }),
  )
}

/** Channels times a factor, as a multiple of 8 that is at least 8 and at most a tenth smaller. */
export function scaleChannels(channels: number, multiplier: number): number {
  const scaled = channels * multiplier
  const rounded = Math.max(8, 8 * Math.trunc((scaled + 4) / 8))
  return rounded < 0.9 * scaled ? rounded + 8 : rounded
}

/** Blocks times a factor, rounded up. */
export const scaleDepth = (depth: number, multiplier: number): number => Math.ceil(depth * multiplier)

/** Throws a UsageError unless the value is a number above 0. */
export function checkMultiplier(field: string, value: number): void {
  check(Number.isFinite(value) && value > 0, `${field} must be a number above 0, got ${value}`)
}

export interface EfficientNetConfig {
  /** Factor on the channels of all layers. */
  channelMultiplier: number
  /** Factor on the blocks of all stages. */
  depthMultiplier: number
  /** Dropout rate before the classifier. */
  dropRate: number
  /** Stochastic depth rate that the last block comes near to. */
  dropPathRate: number
  /** Channels of the images. */
  inChannels: number
  /** Classes; 0 for a model that ends with pooled features. */
  numClasses: number
}

/** Table 1: EfficientNet-B0. */
const stages: readonly InvertedResidualStage[] = [
  { kernelSize: 3, stride: 1, expansion: 1, channels: 16, depth: 1 },
  { kernelSize: 3, stride: 2, expansion: 6, channels: 24, depth: 2 },
  { kernelSize: 5, stride: 2, expansion: 6, channels: 40, depth: 2 },
  { kernelSize: 3, stride: 2, expansion: 6, channels: 80, depth: 3 },
  { kernelSize: 5, stride: 1, expansion: 6, channels: 112, depth: 3 },
  { kernelSize: 5, stride: 2, expansion: 6, channels: 192, depth: 4 },
  { kernelSize: 3, stride: 1, expansion: 6, channels: 320, depth: 1 },
]

const b = (
  channelMultiplier: number,
  depthMultiplier: number,
  inputSize: number,
  cropPct: number,
  preprocessing: Partial<Preprocessing> = {},
) => ({ config: { channelMultiplier, depthMultiplier }, preprocessing: { inputSize, cropPct, ...preprocessing } })

const inception = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }

export const efficientnet: ModelFamily<EfficientNetConfig> = {
  name: "efficientnet",
  defaults: {
    channelMultiplier: 1,
    depthMultiplier: 1,
    dropRate: 0,
    dropPathRate: 0,
    inChannels: 3,
    numClasses: 1000,
  },
  models: {
    efficientnet_b0: b(1, 1, 224, 0.875),
    efficientnet_b1: b(1, 1.1, 240, 0.9, inception),
    efficientnet_b2: b(1.1, 1.2, 256, 0.875),
    efficientnet_b3: b(1.2, 1.4, 288, 0.875),
    efficientnet_b4: b(1.4, 1.8, 320, 0.875),
    efficientnet_b5: b(1.6, 2.2, 448, 1, { cropMode: "squash" }),
    efficientnet_b6: b(1.8, 2.6, 528, 0.942),
    efficientnet_b7: b(2, 3.1, 600, 0.949),
  },
  validate({ channelMultiplier, depthMultiplier, dropRate }) {
    checkMultiplier("channelMultiplier", channelMultiplier)
    checkMultiplier("depthMultiplier", depthMultiplier)
    checkRate("dropRate", dropRate)
  },
  build({ channelMultiplier, depthMultiplier, ...config }) {
    return new InvertedResidualNet({
      ...config,
      stages: stages.map((stage) => ({
        ...stage,
        channels: scaleChannels(stage.channels, channelMultiplier),
        depth: scaleDepth(stage.depth, depthMultiplier),
      })),
      stemChannels: scaleChannels(32, channelMultiplier),
      headChannels: scaleChannels(1280, channelMultiplier),
      activation: silu,
      squeezeExcite: true,
    })
  },
  // Padding keeps a position of the smallest image through all strides.
  minimumSize: () => 1,
}
