/**
 * ResNet: He et al. 2015, "Deep Residual Learning for Image Recognition" (arXiv 1512.03385), table 1, with the stride of a
 * bottleneck on its 3x3 convolution as in torchvision. ResNeXt: Xie et al. 2017 (arXiv 1611.05431). Wide ResNet:
 * Zagoruyko and Komodakis 2016 (arXiv 1605.07146). ResNet-D: He et al. 2018, "Bag of Tricks for Image Classification
 * with Convolutional Neural Networks" (arXiv 1812.01187), section 4.
 *
 * Names of parameters as in timm (timm/models/resnet.py). Activations are [N, H, W, C] throughout.
 */

import type { Context } from "../nn/context.ts"
import { kaimingNormal, ones, uniform, zeros } from "../nn/initializers.ts"
import { Conv2d, Linear } from "../nn/layers.ts"
import { Block, chain, Module } from "../nn/module.ts"
import { BatchNorm2d } from "../nn/norm.ts"
import { dropout, dropPath, dropPathRates } from "../nn/stochastic.ts"
import { checkCount, isCount } from "../tensor/errors.ts"
import { add, avgPool2d, globalAvgPool, maxPool2d, relu } from "../tensor/ops/index.ts"
import type { Tensor } from "../tensor/tensor.ts"
import { check, checkRate, type FeatureInfo, type ImageModel, type ModelFamily, type Preprocessing } from "./family.ts"

export interface ResNetConfig {
  /** Kind of the residual blocks, also by timm's class names. */
  block: BlockName
  /** Blocks of each of the four stages. */
  layers: readonly number[]
  /** Base width of each stage: the channels of a basic block's output, a quarter of those of a bottleneck's. */
  channels: readonly number[]
  /** Groups of a bottleneck's 3x3 convolution. */
  cardinality: number
  /** Width of one group of a bottleneck's 3x3 convolution where the base width is 64; it grows with the base width. */
  baseWidth: number
  /** Channels of the first two convolutions of a deep stem; the third has twice as many. */
  stemWidth: number
  /** One 7x7 convolution to 64 channels (""), or three 3x3 ones ("deep"). */
  stemType: "" | "deep"
  /** Shortcuts that change the resolution take means of 2x2 pixels, instead of every second pixel of each axis. */
  avgDown: boolean
  /** The last normalisation of each residual branch begins with weight 0. Goyal et al. 2017, section 5.1. */
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

/** Convolution that keeps the size, up to its stride, and leaves the bias to the normalisation after it. */
function conv(inChannels: number, outChannels: number, kernelSize: number, { stride = 1, groups = 1 } = {}): Conv2d {
  const padding = (kernelSize - 1) / 2
  const initialize = kaimingNormal()
  return new Conv2d(inChannels, outChannels, { kernelSize, stride, padding, groups, bias: false, initialize })
}

class Relu extends Module {
  forward(x: Tensor): Tensor {
    return relu(x)
  }
}

/** Means of 2x2 pixels where the stride is 2, those at an odd end of fewer; at stride 1 the identity. */
class AvgPool extends Module {
  readonly #stride: number

  constructor(stride: number) {
    super()
    this.#stride = stride
  }

  forward(x: Tensor): Tensor {
    if (this.#stride === 1) return x
    return avgPool2d(x, { kernelSize: 2, stride: this.#stride, ceilMode: true, countIncludePad: false })
  }
}

interface BlockOptions {
  inChannels: number
  /** Base width. */
  channels: number
  stride: number
  cardinality: number
  baseWidth: number
  avgDown: boolean
  zeroInitLast: boolean
  dropRate: number
}

/** The shortcut of a block whose output has another shape than its input: 1x1 convolution and batch normalisation. */
function projection(outChannels: number, { inChannels, stride, avgDown }: BlockOptions): Module[] | undefined {
  if (stride === 1 && inChannels === outChannels) return undefined
  const norm = new BatchNorm2d(outChannels)
  return avgDown
    ? [new AvgPool(stride), conv(inChannels, outChannels, 1), norm]
    : [conv(inChannels, outChannels, 1, { stride }), norm]
}

/** The normalisation at the end of a residual branch. */
function lastNorm(channels: number, { zeroInitLast }: BlockOptions): BatchNorm2d {
  return new BatchNorm2d(channels, { initialize: zeroInitLast ? zeros : ones })
}

/** 3x3, 3x3, each with batch normalisation; add, ReLU. He et al. 2015, figure 5 left. */
class BasicBlock extends Block {
  static readonly expansion = 1
  readonly conv1: Conv2d
  readonly bn1: BatchNorm2d
  readonly conv2: Conv2d
  readonly bn2: BatchNorm2d
  readonly downsample?: Module[]
  readonly #dropRate: number

  constructor(options: BlockOptions) {
    super()
    const { inChannels, channels, stride } = options
    this.conv1 = conv(inChannels, channels, 3, { stride })
    this.bn1 = new BatchNorm2d(channels)
    this.conv2 = conv(channels, channels, 3)
    this.bn2 = lastNorm(channels, options)
    this.downsample = projection(channels, options)
    this.#dropRate = options.dropRate
  }

  forward(x: Tensor, context: Context): Tensor {
    const inner = relu(this.bn1.forward(this.conv1.forward(x), context))
    const branch = this.bn2.forward(this.conv2.forward(inner), context)
    return relu(add(dropPath(branch, this.#dropRate, context), chain(this.downsample ?? [], x, context)))
  }
}

/** 1x1, 3x3, 1x1, each with batch normalisation; add, ReLU. He et al. 2015, figure 5 right; Xie et al. 2017, figure 3 (c). */
class Bottleneck extends Block {
  static readonly expansion = 4
  readonly conv1: Conv2d
  readonly bn1: BatchNorm2d
  readonly conv2: Conv2d
  readonly bn2: BatchNorm2d
  readonly conv3: Conv2d
  readonly bn3: BatchNorm2d
  readonly downsample?: Module[]
  readonly #dropRate: number

  constructor(options: BlockOptions) {
    super()
    const { inChannels, channels, stride, cardinality } = options
    const width = groupWidth(channels, options) * cardinality
    const outChannels = channels * Bottleneck.expansion
    this.conv1 = conv(inChannels, width, 1)
    this.bn1 = new BatchNorm2d(width)
    this.conv2 = conv(width, width, 3, { stride, groups: cardinality })
    this.bn2 = new BatchNorm2d(width)
    this.conv3 = conv(width, outChannels, 1)
    this.bn3 = lastNorm(outChannels, options)
    this.downsample = projection(outChannels, options)
    this.#dropRate = options.dropRate
  }

  forward(x: Tensor, context: Context): Tensor {
    const reduced = relu(this.bn1.forward(this.conv1.forward(x), context))
    const spatial = relu(this.bn2.forward(this.conv2.forward(reduced), context))
    const branch = this.bn3.forward(this.conv3.forward(spatial), context)
    return relu(add(dropPath(branch, this.#dropRate, context), chain(this.downsample ?? [], x, context)))
  }
}

/** Channels of one group of a bottleneck's 3x3 convolution. */
const groupWidth = (channels: number, { baseWidth }: { baseWidth: number }) => Math.floor((channels * baseWidth) / 64)

const blocks = { basic: BasicBlock, bottleneck: Bottleneck, BasicBlock, Bottleneck }
type BlockName = keyof typeof blocks

/** The convolutions before the first normalisation: to 64 channels, or with a deep stem to twice its width. */
function stem({ stemType, stemWidth, inChannels }: ResNetConfig): { conv1: Conv2d | Module[]; channels: number } {
  if (stemType === "") return { conv1: conv(inChannels, 64, 7, { stride: 2 }), channels: 64 }
  const conv1 = [
    conv(inChannels, stemWidth, 3, { stride: 2 }),
    new BatchNorm2d(stemWidth),
    new Relu(),
    conv(stemWidth, stemWidth, 3),
    new BatchNorm2d(stemWidth),
    new Relu(),
    conv(stemWidth, 2 * stemWidth, 3),
  ]
  return { conv1, channels: 2 * stemWidth }
}

export class ResNet extends Module implements ImageModel {
  readonly conv1: Conv2d | Module[]
  readonly bn1: BatchNorm2d
  readonly layer1: Block[]
  readonly layer2: Block[]
  readonly layer3: Block[]
  readonly layer4: Block[]
  readonly fc?: Linear
  readonly classifiers = ["fc"]
  readonly firstConv: string
  readonly featureInfo: readonly FeatureInfo[]
  readonly #dropRate: number

  constructor(config: ResNetConfig) {
    super()
    const { layers, channels, numClasses } = config
    const first = stem(config)
    this.conv1 = first.conv1
    this.bn1 = new BatchNorm2d(first.channels)
    const [layer1, layer2, layer3, layer4] = makeStages(config, first.channels) as [Block[], Block[], Block[], Block[]]
    this.layer1 = layer1
    this.layer2 = layer2
    this.layer3 = layer3
    this.layer4 = layer4
    const { expansion } = blocks[config.block]
    const features = channels.at(-1)! * expansion
    if (numClasses > 0) {
      const initialize = uniform(1 / Math.sqrt(features))
      this.fc = new Linear(features, numClasses, { initialize, initializeBias: initialize })
    }
    this.firstConv = config.stemType === "" ? "conv1" : "conv1.0"
    this.featureInfo = [
      { channels: first.channels, stride: 2, module: "act1" },
      ...layers.map((_, i) => ({ channels: channels[i]! * expansion, stride: 4 * 2 ** i, module: `layer${i + 1}` })),
    ]
    this.#dropRate = config.dropRate
  }

  get #stages(): readonly Block[][] {
    return [this.layer1, this.layer2, this.layer3, this.layer4]
  }

  forwardPyramid(x: Tensor, context: Context): Tensor[] {
    const stemFeatures = relu(chain([this.conv1, this.bn1].flat(), x, context))
    let features = maxPool2d(stemFeatures, { kernelSize: 3, stride: 2, padding: 1 })
    const levels = this.#stages.map((stage) => {
      features = chain(stage, features, context)
      return features
    })
    return [stemFeatures, ...levels]
  }

  forwardFeatures(x: Tensor, context: Context): Tensor {
    return this.forwardPyramid(x, context).at(-1)!
  }

  forwardHead(features: Tensor, context: Context, { preLogits = false } = {}): Tensor {
    const pooled = dropout(globalAvgPool(features), this.#dropRate, context)
    return preLogits || !this.fc ? pooled : this.fc.forward(pooled)
  }

  forward(x: Tensor, context: Context): Tensor {
    return this.forwardHead(this.forwardFeatures(x, context), context)
  }

  /** Stem, each block, classifier. As timm. */
  layerGroup(parameter: string): number {
    if (/^(conv1|bn1)\./.test(parameter)) return 0
    const [, stage, block] = /^layer(\d)\.(\d+)\./.exec(parameter) ?? []
    const before = this.#stages.slice(0, stage === undefined ? undefined : Number(stage) - 1)
    return 1 + before.flat().length + Number(block ?? 0)
  }
}

/** The four stages; all but the first begin with a stride of 2. Stochastic depth grows with each block. */
function makeStages(config: ResNetConfig, stemChannels: number): Block[][] {
  const { layers, channels, cardinality, baseWidth, avgDown, zeroInitLast } = config
  const kind = blocks[config.block]
  const rates = dropPathRates(
    config.dropPathRate,
    layers.reduce((sum, depth) => sum + depth, 0),
  )
  let inChannels = stemChannels
  return layers.map((depth, stage) =>
    Array.from({ length: depth }, (_, index) => {
      const block = new kind({
        inChannels,
        channels: channels[stage]!,
        stride: stage > 0 && index === 0 ? 2 : 1,
        cardinality,
        baseWidth,
        avgDown,
        zeroInitLast,
        dropRate: rates.shift()!,
      })
      inChannels = channels[stage]! * kind.expansion
      return block
    }),
  )
}

const d: Partial<ResNetConfig> = { stemType: "deep", stemWidth: 32, avgDown: true }
const a1: Partial<Preprocessing> = { cropPct: 0.95 }
const large: Partial<Preprocessing> = { inputSize: 256, cropPct: 0.95 }
const bilinear: Partial<Preprocessing> = { interpolation: "bilinear" }

/** Sizes of the papers; how images are prepared as for timm's first weights of each. */
const sizes: Record<string, { config: Partial<ResNetConfig>; preprocessing?: Partial<Preprocessing> }> = {
  resnet18: { config: { block: "basic", layers: [2, 2, 2, 2] }, preprocessing: a1 },
  resnet26: { config: { layers: [2, 2, 2, 2] } },
  resnet34: { config: { block: "basic", layers: [3, 4, 6, 3] }, preprocessing: a1 },
  resnet50: { config: { layers: [3, 4, 6, 3] }, preprocessing: a1 },
  resnet101: { config: { layers: [3, 4, 23, 3] }, preprocessing: a1 },
  resnet152: { config: { layers: [3, 8, 36, 3] }, preprocessing: a1 },
  resnet200: { config: { layers: [3, 24, 36, 3] } },
  resnet18d: { config: { block: "basic", layers: [2, 2, 2, 2], ...d } },
  resnet26d: { config: { layers: [2, 2, 2, 2], ...d } },
  resnet34d: { config: { block: "basic", layers: [3, 4, 6, 3], ...d } },
  resnet50d: { config: { layers: [3, 4, 6, 3], ...d } },
  resnet101d: { config: { layers: [3, 4, 23, 3], ...d }, preprocessing: large },
  resnet152d: { config: { layers: [3, 8, 36, 3], ...d }, preprocessing: large },
  resnet200d: { config: { layers: [3, 24, 36, 3], ...d }, preprocessing: large },
  resnext50_32x4d: { config: { layers: [3, 4, 6, 3], cardinality: 32, baseWidth: 4 }, preprocessing: a1 },
  resnext101_32x4d: { config: { layers: [3, 4, 23, 3], cardinality: 32, baseWidth: 4 }, preprocessing: bilinear },
  resnext101_32x8d: { config: { layers: [3, 4, 23, 3], cardinality: 32, baseWidth: 8 }, preprocessing: bilinear },
  resnext101_64x4d: { config: { layers: [3, 4, 23, 3], cardinality: 64, baseWidth: 4 }, preprocessing: a1 },
  wide_resnet50_2: { config: { layers: [3, 4, 6, 3], baseWidth: 128 } },
  wide_resnet101_2: { config: { layers: [3, 4, 23, 3], baseWidth: 128 }, preprocessing: bilinear },
}

export const resnet: ModelFamily<ResNetConfig> = {
  name: "resnet",
  defaults: {
    block: "bottleneck",
    layers: [3, 4, 6, 3],
    channels: [64, 128, 256, 512],
    cardinality: 1,
    baseWidth: 64,
    stemWidth: 64,
    stemType: "",
    avgDown: false,
    zeroInitLast: true,
    dropRate: 0,
    dropPathRate: 0,
    inChannels: 3,
    numClasses: 1000,
  },
  models: sizes,
  validate(config) {
    const { block, cardinality, baseWidth, channels, stemType, dropRate } = config
    check(Object.hasOwn(blocks, block), `block must be one of ${Object.keys(blocks).join(", ")}, got ${block}`)
    for (const field of ["layers", "channels"] as const) {
      const list: unknown = config[field]
      const fits = Array.isArray(list) && list.length === 4 && list.every((value) => isCount(value))
      check(fits, `${field} must be four whole numbers of at least 1, got ${JSON.stringify(list)}`)
    }
    for (const field of ["cardinality", "baseWidth", "stemWidth"] as const) checkCount(field, config[field])
    check(stemType === "" || stemType === "deep", `stemType must be "" or "deep", got ${stemType}`)
    for (const field of ["avgDown", "zeroInitLast"] as const) {
      check(typeof config[field] === "boolean", `${field} must be true or false, got ${config[field]}`)
    }
    checkRate("dropRate", dropRate)
    if (blocks[block] === BasicBlock) {
      const message = `basic blocks have cardinality 1 and baseWidth 64, got ${cardinality} and ${baseWidth}`
      check(cardinality === 1 && baseWidth === 64, `${message}; block "bottleneck" takes others`)
    } else {
      const narrowest = Math.min(...channels)
      const fits = groupWidth(narrowest, config) > 0
      check(fits, `baseWidth ${baseWidth} leaves no channel in a group of a stage of ${narrowest} channels`)
    }
  },
  build: (config) => new ResNet(config),
  // Padding keeps a position of the smallest image through all strides.
  minimumSize: () => 1,
}
