/**
 * ConvNeXt: Liu et al. 2022, "A ConvNet for the 2020s" (arXiv 2201.03545), section 2 and figure 4; V2: Woo et al. 2023
 * (arXiv 2301.00808). Overlapping stems, the norm before the pooling and the hidden layer of the head are timm's own.
 *
 * Names of parameters as in timm (timm/models/convnext.py). Activations are [N, H, W, C] throughout. The blocks are in
 * convnext-block.ts, the named sizes in convnext-family.ts.
 */

import type { Context } from "../nn/context.ts"
import { truncatedNormal } from "../nn/initializers.ts"
import { Conv2d, Linear } from "../nn/layers.ts"
import { chain, Module } from "../nn/module.ts"
import { dropout, dropPathRates } from "../nn/stochastic.ts"
import { gelu, mean } from "../tensor/ops/index.ts"
import type { Tensor } from "../tensor/tensor.ts"
import { activations, type BlockConfig, ConvNeXtBlock, makeNorm } from "./convnext-block.ts"
import type { BaseConfig, FeatureInfo, ImageModel } from "./family.ts"

export const stemTypes = ["patch", "overlap", "overlap_tiered", "overlap_act"] as const

/** timm's constructor arguments. */
export interface ConvNeXtConfig extends BaseConfig, BlockConfig {
  /** Blocks of each stage. */
  depths: readonly number[]
  /** Channels of each stage. */
  dims: readonly number[]
  /** Kernel of the depthwise convolutions: one for all stages or one for each. Odd. */
  kernelSizes: number | readonly number[]
  /**
   * "patch": a convolution whose kernel is its stride. The others are two 3x3 convolutions of stride 2: "overlap" with
   * all channels in both, "overlap_tiered" with half of them in the first, "overlap_act" with an activation between.
   */
  stemType: (typeof stemTypes)[number]
  /**
   * Side and stride of the patches of a "patch" stem. As in timm, where it is 2 the first of four stages halves the map
   * once more, so that the strides are 4, 8, 16 and 32. Networks of fewer or more stages, which timm does not have, do not.
   */
  patchSize: number
  /** Pixels of the input for one position of the last map: 8, 16 or 32. Stages beyond it dilate instead of halving. */
  outputStride: number
  /** The last norm comes before the pooling, not after it. */
  headNormFirst: boolean
  /** Width of a hidden layer before the classifier; null for none. */
  headHiddenSize: number | null
  /** Factor on the first weights of the head's linear layers. */
  headInitScale: number
  /** Dropout before the classifier. */
  dropRate: number
}

/** An activation as a member of a sequence. It has no parameters, but an index of its own. */
class Activation extends Module {
  readonly #apply: (x: Tensor) => Tensor

  constructor(name: keyof typeof activations) {
    super()
    this.#apply = activations[name]
  }

  forward(x: Tensor): Tensor {
    return this.#apply(x)
  }
}

/** The resolution of a stage. */
interface StageResolution {
  /** Pixels of the input for one position. */
  stride: number
  /** Whether a 2x2 convolution comes before the blocks. */
  downsamples: boolean
  /** Step of that convolution: 2, or 1 where `outputStride` is reached. */
  step: number
  /** Distance between the taps of the blocks' convolutions. */
  dilation: number
}

/** Every stage but the first halves the map, as long as `outputStride` allows; from there on the taps move apart. */
export function stageResolutions(config: ConvNeXtConfig): StageResolution[] {
  const { depths, stemType, patchSize, outputStride } = config
  let stride = stemType === "patch" ? patchSize : 4
  let dilation = 1
  // See patchSize.
  const firstDownsamples = stride === 2 && depths.length === 4
  return depths.map((_, stage) => {
    const downsamples = stage > 0 || firstDownsamples
    const step = downsamples && stride < outputStride ? 2 : 1
    if (downsamples && step === 1) dilation *= 2
    stride *= step
    return { stride, downsamples, step, dilation }
  })
}

/** Blocks at one resolution, after a norm and a 2x2 convolution where the resolution changes. */
class Stage extends Module {
  readonly downsample: Module[]
  readonly blocks: ConvNeXtBlock[]

  constructor(downsample: Module[], blocks: ConvNeXtBlock[]) {
    super()
    this.downsample = downsample
    this.blocks = blocks
  }

  forward(x: Tensor, context: Context): Tensor {
    return chain(this.blocks, chain(this.downsample, x, context), context)
  }
}

function downsampling(
  inChannels: number,
  outChannels: number,
  { downsamples, step, dilation }: StageResolution,
  config: ConvNeXtConfig,
): Module[] {
  if (!downsamples) return []
  const convolution = new Conv2d(inChannels, outChannels, {
    kernelSize: 2,
    stride: step,
    // As timm: the taps of the first dilated stage's convolution lie together still.
    dilation: dilation > 2 ? 2 : 1,
    padding: dilation > 1 ? "same" : 0,
    bias: config.convBias,
  })
  return [makeNorm(inChannels, config), convolution]
}

function makeStem(config: ConvNeXtConfig): Module[] {
  const { inChannels, dims, stemType, patchSize, convBias: bias } = config
  const channels = dims[0]!
  const norm = makeNorm(channels, config)
  if (stemType === "patch") {
    return [new Conv2d(inChannels, channels, { kernelSize: patchSize, stride: patchSize, bias }), norm]
  }
  const between = stemType === "overlap_tiered" ? divisibleByEight(Math.floor(channels / 2)) : channels
  const overlapping = { kernelSize: 3, stride: 2, padding: 1, bias }
  return [
    new Conv2d(inChannels, between, overlapping),
    ...(stemType === "overlap_act" ? [new Activation(config.actLayer)] : []),
    new Conv2d(between, channels, overlapping),
    norm,
  ]
}

/** The nearest multiple of 8, at least 8 and no more than a tenth smaller: timm's make_divisible. */
function divisibleByEight(channels: number): number {
  const nearest = Math.max(8, Math.floor((channels + 4) / 8) * 8)
  return nearest < 0.9 * channels ? nearest + 8 : nearest
}

/** A linear layer with GELU, before the classifier. */
class HiddenLayer extends Module {
  readonly fc: Linear

  constructor(inFeatures: number, outFeatures: number, initScale: number) {
    super()
    this.fc = new Linear(inFeatures, outFeatures, { initialize: truncatedNormal(0.02 * initScale) })
  }

  forward(x: Tensor): Tensor {
    return gelu(this.fc.forward(x))
  }
}

/** Mean over all positions, norm unless it came before, hidden layer if there is one, dropout, classifier. */
class Head extends Module {
  readonly norm?: Module
  readonly preLogits?: HiddenLayer
  readonly fc?: Linear
  readonly #dropRate: number

  constructor(channels: number, config: ConvNeXtConfig) {
    super()
    const { headNormFirst, headHiddenSize, headInitScale, numClasses } = config
    if (!headNormFirst) this.norm = makeNorm(channels, config)
    if (headHiddenSize !== null) this.preLogits = new HiddenLayer(channels, headHiddenSize, headInitScale)
    if (numClasses > 0) {
      const initialize = truncatedNormal(0.02 * headInitScale)
      this.fc = new Linear(headHiddenSize ?? channels, numClasses, { initialize })
    }
    this.#dropRate = config.dropRate
  }

  /** [N, H, W, C] to what the classifier reads: [N, headHiddenSize ?? C]. */
  pool(x: Tensor, context: Context): Tensor {
    const layers = [this.norm, this.preLogits].filter((layer) => layer !== undefined)
    return dropout(chain(layers, mean(x, [1, 2]), context), this.#dropRate, context)
  }

  forward(x: Tensor, context: Context): Tensor {
    const features = this.pool(x, context)
    return this.fc ? this.fc.forward(features) : features
  }
}

export class ConvNeXt extends Module implements ImageModel {
  readonly stem: Module[]
  readonly stages: Stage[]
  readonly normPre?: Module
  readonly head: Head
  readonly classifiers = ["head.fc"]
  readonly firstConv = "stem.0"
  readonly featureInfo: readonly FeatureInfo[]

  constructor(config: ConvNeXtConfig) {
    super()
    const { depths, dims, kernelSizes } = config
    const totalDepth = depths.reduce((sum, depth) => sum + depth, 0)
    const rates = dropPathRates(config.dropPathRate, totalDepth)
    const resolutions = stageResolutions(config)
    this.stem = makeStem(config)
    this.stages = depths.map((depth, stage) => {
      const channels = dims[stage]!
      const resolution = resolutions[stage]!
      const { dilation } = resolution
      const kernelSize = typeof kernelSizes === "number" ? kernelSizes : kernelSizes[stage]!
      const blocks = rates
        .splice(0, depth)
        .map((dropPathRate) => new ConvNeXtBlock(channels, { kernelSize, dilation, dropPathRate }, config))
      return new Stage(downsampling(dims[stage - 1] ?? channels, channels, resolution, config), blocks)
    })
    if (config.headNormFirst) this.normPre = makeNorm(dims.at(-1)!, config)
    this.head = new Head(dims.at(-1)!, config)
    this.featureInfo = dims.map((channels, stage) => ({
      channels,
      stride: resolutions[stage]!.stride,
      module: `stages.${stage}`,
    }))
  }

  forwardPyramid(x: Tensor, context: Context): Tensor[] {
    let features = chain(this.stem, x, context)
    return this.stages.map((stage) => {
      features = stage.forward(features, context)
      return features
    })
  }

  forwardFeatures(x: Tensor, context: Context): Tensor {
    const features = this.forwardPyramid(x, context).at(-1)!
    return this.normPre ? this.normPre.forward(features, context) : features
  }

  forwardHead(features: Tensor, context: Context, { preLogits = false } = {}): Tensor {
    return preLogits ? this.head.pool(features, context) : this.head.forward(features, context)
  }

  forward(x: Tensor, context: Context): Tensor {
    return this.forwardHead(this.forwardFeatures(x, context), context)
  }

  /**
   * Stem; then each block, the first of a stage together with the downsampling before it, the last together with a norm
   * before the pooling; then the head. As timm.
   */
  layerGroup(parameter: string): number {
    const depthOf = (stages: readonly Stage[]) => stages.reduce((sum, { blocks }) => sum + blocks.length, 0)
    if (parameter.startsWith("stem.")) return 0
    if (parameter.startsWith("norm_pre.")) return depthOf(this.stages)
    const [, stage, block = 0] = /^stages\.(\d+)\.(?:downsample|blocks\.(\d+))/.exec(parameter) ?? []
    if (stage === undefined) return depthOf(this.stages) + 1
    return depthOf(this.stages.slice(0, Number(stage))) + Number(block) + 1
  }
}
