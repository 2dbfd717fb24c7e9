/**
 * RegNet: Radosavovic et al. 2020, "Designing Network Design Spaces" (arXiv 2003.13678). RegNetX is its simplest form;
 * RegNetY adds squeeze and excitation (section 5).
 *
 * Names of parameters as in timm (timm/models/regnet.py). Activations are [N, H, W, C] throughout.
 */

import { BatchNormAct2d } from "../nn/batch-norm-act.ts"
import type { Context } from "../nn/context.ts"
import { type Initializer, kaimingNormal, normal, ones, zeros } from "../nn/initializers.ts"
import { Conv2d, Linear } from "../nn/layers.ts"
import { Block, chain, Module } from "../nn/module.ts"
import { BatchNorm2d } from "../nn/norm.ts"
import { SqueezeExcite } from "../nn/squeeze-excite.ts"
import { dropout, dropPath, dropPathRates } from "../nn/stochastic.ts"
import { checkCount } from "../tensor/errors.ts"
import { add, globalAvgPool, relu } from "../tensor/ops/index.ts"
import type { Tensor } from "../tensor/tensor.ts"
import { check, checkRate, type FeatureInfo, type ImageModel, type ModelFamily, type Preprocessing } from "./family.ts"

export interface RegNetConfig {
  /** Blocks of all stages together. */
  depth: number
  /** Width of the first block, before it is quantized: a multiple of 8. */
  w0: number
  /** What each block is wider than the one before it, before they are quantized. */
  wa: number
  /** Ratio of the widths of neighbouring stages. */
  wm: number
  /** Channels of one group of the 3x3 convolutions. */
  groupSize: number
  /** Width of the 3x3 convolutions, as a share of the block's. */
  bottleRatio: number
  /** Channels that squeeze and excitation reduces to, as a share of the block's input; 0 for none (RegNetX). */
  seRatio: number
  /** Channels of the stem. */
  stemWidth: number
  /** The last normalisation of each block starts at 0, so that its branch begins by adding nothing. */
  zeroInitLast: boolean
  /** Dropout rate before the classifier. */
  dropRate: number
  /** Stochastic depth rate of the last block. */
  dropPathRate: number
  /** Channels of the images. */
  inChannels: number
  /** Classes; 0 for a model that ends with pooled features. */
  numClasses: number
}

interface ConvOptions {
  kernelSize: 1 | 3
  /** Default 1. */
  stride?: number
  /** Default 1. */
  groups?: number
}

const conv = (inChannels: number, outChannels: number, { kernelSize, stride, groups }: ConvOptions) =>
  new Conv2d(inChannels, outChannels, {
    kernelSize,
    stride,
    padding: (kernelSize - 1) / 2,
    groups,
    bias: false,
    initialize: kaimingNormal(groups),
  })

/** Convolution, batch normalisation, ReLU. */
class ConvNormAct extends Module {
  readonly conv: Conv2d
  readonly bn: BatchNormAct2d

  constructor(inChannels: number, outChannels: number, options: ConvOptions) {
    super()
    this.conv = conv(inChannels, outChannels, options)
    this.bn = new BatchNormAct2d(outChannels, relu)
  }

  forward(x: Tensor, context: Context): Tensor {
    return this.bn.forward(this.conv.forward(x), context)
  }
}

/** 1x1 convolution and batch normalisation: what is added up at the end of a block. */
class ConvNorm extends Module {
  readonly conv: Conv2d
  readonly bn: BatchNorm2d

  /** @param initialize first weight of the normalisation. */
  constructor(inChannels: number, outChannels: number, stride: number, initialize: Initializer) {
    super()
    this.conv = conv(inChannels, outChannels, { kernelSize: 1, stride })
    this.bn = new BatchNorm2d(outChannels, { initialize })
  }

  forward(x: Tensor, context: Context): Tensor {
    return this.bn.forward(this.conv.forward(x), context)
  }
}

/** Shapes of the blocks of one stage. */
interface StageShape {
  channels: number
  depth: number
  bottleneckChannels: number
  groups: number
}

interface BottleneckOptions extends StageShape {
  inChannels: number
  stride: number
  /** Channels inside squeeze and excitation; 0 for none. */
  squeezedChannels: number
  zeroInitLast: boolean
  dropRate: number
}

/** 1x1, grouped 3x3 with the stride, squeeze and excitation, 1x1; a 1x1 shortcut where the shape changes. Figure 4. */
class Bottleneck extends Block {
  readonly conv1: ConvNormAct
  readonly conv2: ConvNormAct
  readonly se?: SqueezeExcite
  readonly conv3: ConvNorm
  readonly downsample?: ConvNorm
  readonly #dropRate: number

  constructor(options: BottleneckOptions) {
    super()
    const { inChannels, channels, bottleneckChannels, groups, stride, squeezedChannels, dropRate } = options
    this.conv1 = new ConvNormAct(inChannels, bottleneckChannels, { kernelSize: 1 })
    this.conv2 = new ConvNormAct(bottleneckChannels, bottleneckChannels, { kernelSize: 3, stride, groups })
    if (squeezedChannels > 0) this.se = new SqueezeExcite(bottleneckChannels, squeezedChannels)
    this.conv3 = new ConvNorm(bottleneckChannels, channels, 1, options.zeroInitLast ? zeros : ones)
    if (stride !== 1 || inChannels !== channels) this.downsample = new ConvNorm(inChannels, channels, stride, ones)
    this.#dropRate = dropRate
  }

  forward(x: Tensor, context: Context): Tensor {
    const spatial = this.conv2.forward(this.conv1.forward(x, context), context)
    const scaled = this.se ? this.se.forward(spatial) : spatial
    const branch = dropPath(this.conv3.forward(scaled, context), this.#dropRate, context)
    return relu(add(branch, this.downsample ? this.downsample.forward(x, context) : x))
  }
}

/** Blocks of one shape: fields b1, b2, ... */
class Stage extends Module {
  readonly #blocks: readonly Bottleneck[]

  constructor(blocks: readonly Bottleneck[]) {
    super()
    this.#blocks = blocks
    Object.assign(this, Object.fromEntries(blocks.map((block, i) => [`b${i + 1}`, block])))
  }

  get depth(): number {
    return this.#blocks.length
  }

  forward(x: Tensor, context: Context): Tensor {
    return chain(this.#blocks, x, context)
  }
}

/** Mean over all positions, dropout, classifier. */
class Head extends Module {
  readonly fc?: Linear
  readonly #dropRate: number

  constructor(channels: number, numClasses: number, dropRate: number) {
    super()
    if (numClasses > 0) this.fc = new Linear(channels, numClasses, { initialize: normal(0.01) })
    this.#dropRate = dropRate
  }

  forward(x: Tensor, context: Context): Tensor {
    const features = dropout(globalAvgPool(x), this.#dropRate, context)
    return this.fc ? this.fc.forward(features) : features
  }
}

/** To the nearest whole number; a half goes to the even one, as Python and PyTorch round. */
function roundHalfToEven(value: number): number {
  const floor = Math.floor(value)
  const isHalf = value - floor === 0.5
  return isHalf ? floor + (floor % 2) : Math.round(value)
}

/**
 * The stages that the quantized linear rule gives: block j wants the width w0 + wa j and gets the nearest w0 wm^s with a
 * whole s, in multiples of 8 (equations 2 to 4). Blocks of one width are a stage. Its width then changes a little, so
 * that groups fit into the bottleneck.
 */
function stageShapes({ depth, w0, wa, wm, groupSize, bottleRatio }: RegNetConfig): StageShape[] {
  const depths = new Map<number, number>()
  for (let block = 0; block < depth; block++) {
    const exponent = roundHalfToEven(Math.log((w0 + wa * block) / w0) / Math.log(wm))
    const width = 8 * roundHalfToEven((w0 * wm ** exponent) / 8)
    depths.set(width, (depths.get(width) ?? 0) + 1)
  }
  return [...depths].map(([width, stageDepth]) => {
    const inner = Math.trunc(width * bottleRatio)
    const group = Math.min(groupSize, inner)
    const channels = Math.trunc((group * roundHalfToEven(inner / group)) / bottleRatio)
    const bottleneckChannels = roundHalfToEven(channels * bottleRatio)
    return { channels, depth: stageDepth, bottleneckChannels, groups: Math.trunc(bottleneckChannels / group) }
  })
}

/** Channels inside squeeze and excitation of a block with this input. */
const squeezedChannels = (inChannels: number, seRatio: number) => roundHalfToEven(inChannels * seRatio)

export class RegNet extends Module implements ImageModel {
  readonly stem: ConvNormAct
  readonly s1: Stage
  readonly s2: Stage
  readonly s3: Stage
  readonly s4: Stage
  readonly head: Head
  readonly classifiers = ["head.fc"]
  readonly firstConv = "stem.conv"
  readonly featureInfo: readonly FeatureInfo[]

  constructor(config: RegNetConfig) {
    super()
    const shapes = stageShapes(config)
    const rates = dropPathRates(config.dropPathRate, config.depth)
    const stage = (index: number) => {
      const shape = shapes[index]!
      const stageInput = shapes[index - 1]?.channels ?? config.stemWidth
      const blocks = Array.from({ length: shape.depth }, (_, block) => {
        const inChannels = block === 0 ? stageInput : shape.channels
        return new Bottleneck({
          ...shape,
          inChannels,
          stride: block === 0 ? 2 : 1,
          squeezedChannels: squeezedChannels(inChannels, config.seRatio),
          zeroInitLast: config.zeroInitLast,
          dropRate: rates.shift()!,
        })
      })
      return new Stage(blocks)
    }
    this.stem = new ConvNormAct(config.inChannels, config.stemWidth, { kernelSize: 3, stride: 2 })
    this.s1 = stage(0)
    this.s2 = stage(1)
    this.s3 = stage(2)
    this.s4 = stage(3)
    this.head = new Head(shapes[3]!.channels, config.numClasses, config.dropRate)
    this.featureInfo = [
      { channels: config.stemWidth, stride: 2, module: "stem" },
      ...shapes.map(({ channels }, i) => ({ channels, stride: 2 ** (i + 2), module: `s${i + 1}` })),
    ]
  }

  get #stages(): readonly Stage[] {
    return [this.s1, this.s2, this.s3, this.s4]
  }

  forwardPyramid(x: Tensor, context: Context): Tensor[] {
    let features = x
    return [this.stem, ...this.#stages].map((module) => {
      features = module.forward(features, context)
      return features
    })
  }

  forwardFeatures(x: Tensor, context: Context): Tensor {
    return this.forwardPyramid(x, context).at(-1)!
  }

  forwardHead(features: Tensor, context: Context, { preLogits = false } = {}): Tensor {
    return preLogits ? globalAvgPool(features) : this.head.forward(features, context)
  }

  forward(x: Tensor, context: Context): Tensor {
    return this.forwardHead(this.forwardFeatures(x, context), context)
  }

  /** Stem, each block, head. As timm. */
  layerGroup(parameter: string): number {
    if (parameter.startsWith("stem.")) return 0
    const [, stage, block] = /^s(\d)\.b(\d+)\./.exec(parameter) ?? []
    const before = this.#stages.slice(0, stage === undefined ? undefined : Number(stage) - 1)
    const blocksBefore = before.reduce((sum, { depth }) => sum + depth, 0)
    return blocksBefore + (block === undefined ? 1 : Number(block))
  }
}

/** RegNetY of the paper's table 3 and appendix; each row is one of the models that its search found. */
const sizes: Record<string, { config: Partial<RegNetConfig>; preprocessing: Partial<Preprocessing> }> = {
  regnety_016: {
    config: { w0: 48, wa: 20.71, wm: 2.65, groupSize: 24, depth: 27, seRatio: 0.25 },
    preprocessing: { cropPct: 0.965 },
  },
  regnety_040: {
    config: { w0: 96, wa: 31.41, wm: 2.24, groupSize: 64, depth: 22, seRatio: 0.25 },
    preprocessing: { cropPct: 0.95 },
  },
  regnety_080: {
    config: { w0: 192, wa: 76.82, wm: 2.19, groupSize: 56, depth: 17, seRatio: 0.25 },
    preprocessing: { cropPct: 0.95 },
  },
  regnety_160: {
    config: { w0: 200, wa: 106.23, wm: 2.48, groupSize: 112, depth: 18, seRatio: 0.25 },
    preprocessing: { cropPct: 0.95 },
  },
}

export const regnet: ModelFamily<RegNetConfig> = {
  name: "regnet",
  defaults: {
    depth: 21,
    w0: 80,
    wa: 42.63,
    wm: 2.66,
    groupSize: 24,
    bottleRatio: 1,
    seRatio: 0,
    stemWidth: 32,
    zeroInitLast: true,
    dropRate: 0,
    dropPathRate: 0,
    inChannels: 3,
    numClasses: 1000,
  },
  models: sizes,
  validate(config) {
    const { w0, wa, wm, bottleRatio, seRatio, stemWidth, zeroInitLast, dropRate } = config
    for (const field of ["depth", "w0", "groupSize", "stemWidth"] as const) checkCount(field, config[field])
    check(w0 % 8 === 0, `w0 must be a multiple of 8, got ${w0}`)
    check(Number.isFinite(wa) && wa >= 0, `wa must be a number of at least 0, got ${wa}`)
    check(Number.isFinite(wm) && wm > 1, `wm must be a number above 1, got ${wm}`)
    check(Number.isFinite(bottleRatio) && bottleRatio > 0, `bottleRatio must be a number above 0, got ${bottleRatio}`)
    check(Number.isFinite(seRatio) && seRatio >= 0, `seRatio must be a number of at least 0, got ${seRatio}`)
    check(typeof zeroInitLast === "boolean", `zeroInitLast must be true or false, got ${zeroInitLast}`)
    checkRate("dropRate", dropRate)
    const shapes = stageShapes(config)
    const widths = shapes.map(({ channels }) => channels)
    check(shapes.length === 4, `depth, w0, wa and wm must give 4 stages, got widths [${widths}]`)
    for (const { bottleneckChannels, groups } of shapes) {
      const fits = groups > 0 && bottleneckChannels % groups === 0
      check(
        fits,
        `bottleRatio and groupSize do not fit: ${bottleneckChannels} channels do not make ${groups} equal groups`,
      )
    }
    const narrowest = Math.min(stemWidth, ...widths)
    check(
      seRatio === 0 || squeezedChannels(narrowest, seRatio) > 0,
      `seRatio must be 0 or leave at least one of ${narrowest} channels, got ${seRatio}`,
    )
  },
  build: (config) => new RegNet(config),
  // Padding keeps a position of the smallest image through all strides.
  minimumSize: () => 1,
}
