/**
 * ConvNeXt: Liu et al. 2022, "A ConvNet for the 2020s" (arXiv 2201.03545), section 2 and figure 4.
 *
 * Names of parameters as in timm (timm/models/convnext.py). Activations are [N, H, W, C] throughout.
 */

import { constantValue, truncatedNormal } from "../nn/initializers.ts"
import { Conv2d, dropPath, dropPathRates, LayerNorm, Linear } from "../nn/layers.ts"
import { type Context, chain, Module, Parameter } from "../nn/module.ts"
import { checkCount, isCount } from "../tensor/errors.ts"
import { add, gelu, mean, mul } from "../tensor/ops/index.ts"
import type { Tensor } from "../tensor/tensor.ts"
import { check, type ImageModel, type ModelFamily, type Preprocessing } from "./family.ts"

export interface ConvNeXtConfig {
  /** Blocks of each stage. */
  depths: readonly number[]
  /** Channels of each stage. */
  dims: readonly number[]
  /** Kernel of the depthwise convolutions: one for all stages or one for each. Odd. */
  kernelSizes: number | readonly number[]
  /** Side and stride of the stem's patches. */
  patchSize: number
  /** First value of the layer scale; null for none. */
  lsInitValue: number | null
  /** Factor on the first weight and bias of the classifier. */
  headInitScale: number
  /** Stochastic depth rate of the last block. */
  dropPathRate: number
  /** Channels of the images. */
  inChannels: number
  /** Classes; 0 for a model that ends with pooled features. */
  numClasses: number
}

/** Two linear layers with GELU between: expand by 4, project back. The inverted bottleneck of figure 3 (b). */
class Mlp extends Module {
  readonly fc1: Linear
  readonly fc2: Linear

  constructor(channels: number) {
    super()
    this.fc1 = new Linear(channels, 4 * channels)
    this.fc2 = new Linear(4 * channels, channels)
  }

  forward(x: Tensor): Tensor {
    return this.fc2.forward(gelu(this.fc1.forward(x)))
  }
}

/** Depthwise convolution, LayerNorm, expand, GELU, project, layer scale, stochastic depth, residual. Figure 4. */
class Block extends Module {
  readonly gamma?: Parameter
  readonly convDw: Conv2d
  readonly norm: LayerNorm
  readonly mlp: Mlp
  readonly #dropRate: number

  constructor(channels: number, kernelSize: number, dropRate: number, lsInitValue: number | null) {
    super()
    if (lsInitValue !== null) this.gamma = new Parameter([channels], constantValue(lsInitValue))
    this.convDw = new Conv2d(channels, channels, { kernelSize, padding: (kernelSize - 1) / 2, groups: channels })
    this.norm = new LayerNorm(channels)
    this.mlp = new Mlp(channels)
    this.#dropRate = dropRate
  }

  forward(x: Tensor, context: Context): Tensor {
    const branch = this.mlp.forward(this.norm.forward(this.convDw.forward(x)))
    const scaled = this.gamma ? mul(branch, this.gamma) : branch
    return add(x, dropPath(scaled, this.#dropRate, context))
  }
}

/** Blocks at one resolution, after a LayerNorm and a 2x2 convolution of stride 2 in all stages but the first. */
class Stage extends Module {
  readonly downsample: Module[]
  readonly blocks: Block[]

  constructor(inChannels: number, channels: number, first: boolean, blocks: Block[]) {
    super()
    const shrink = () => [new LayerNorm(inChannels), new Conv2d(inChannels, channels, { kernelSize: 2, stride: 2 })]
    this.downsample = first ? [] : shrink()
    this.blocks = blocks
  }

  forward(x: Tensor, context: Context): Tensor {
    return chain(this.blocks, chain(this.downsample, x, context), context)
  }
}

/** Mean over all positions, LayerNorm, classifier. */
class Head extends Module {
  readonly norm: LayerNorm
  readonly fc?: Linear

  constructor(channels: number, numClasses: number, initScale: number) {
    super()
    this.norm = new LayerNorm(channels)
    if (numClasses > 0) this.fc = new Linear(channels, numClasses, { initialize: truncatedNormal(0.02 * initScale) })
  }

  /** [N, H, W, C] to the pooled features [N, C]. */
  pool(x: Tensor): Tensor {
    return this.norm.forward(mean(x, [1, 2]))
  }

  forward(x: Tensor): Tensor {
    const features = this.pool(x)
    return this.fc ? this.fc.forward(features) : features
  }
}

export class ConvNeXt extends Module implements ImageModel {
  readonly stem: [Conv2d, LayerNorm]
  readonly stages: Stage[]
  readonly head: Head
  readonly classifier = "head.fc"

  constructor(config: ConvNeXtConfig) {
    super()
    const { depths, dims, patchSize, dropPathRate } = config
    const kernels = depths.map((_, stage) =>
      typeof config.kernelSizes === "number" ? config.kernelSizes : config.kernelSizes[stage]!,
    )
    const rates = dropPathRates(
      dropPathRate,
      depths.reduce((sum, depth) => sum + depth, 0),
    )
    this.stem = [
      new Conv2d(config.inChannels, dims[0]!, { kernelSize: patchSize, stride: patchSize }),
      new LayerNorm(dims[0]!),
    ]
    this.stages = depths.map((depth, stage) => {
      const channels = dims[stage]!
      const blocks = Array.from(
        { length: depth },
        () => new Block(channels, kernels[stage]!, rates.shift()!, config.lsInitValue),
      )
      return new Stage(dims[stage - 1] ?? channels, channels, stage === 0, blocks)
    })
    this.head = new Head(dims.at(-1)!, config.numClasses, config.headInitScale)
  }

  forwardFeatures(x: Tensor, context: Context): Tensor {
    return chain(this.stages, chain(this.stem, x, context), context)
  }

  forwardHead(features: Tensor, _context: Context, { preLogits = false } = {}): Tensor {
    return preLogits ? this.head.pool(features) : this.head.forward(features)
  }

  forward(x: Tensor, context: Context): Tensor {
    return this.forwardHead(this.forwardFeatures(x, context), context)
  }

  /** Stem; then each block, the first of a stage together with the downsampling before it; then the head. As timm. */
  layerGroup(parameter: string): number {
    if (parameter.startsWith("stem.")) return 0
    const [, stage, part, block] = /^stages\.(\d+)\.(\w+)\.(\d+)/.exec(parameter) ?? []
    const before = this.stages.slice(0, stage === undefined ? undefined : Number(stage))
    const blocksBefore = before.reduce((sum, { blocks }) => sum + blocks.length, 0)
    return blocksBefore + 1 + (part === "blocks" ? Number(block) : 0)
  }
}

/** Sizes of the paper (section 3 and table 9), and one of ours for images of 28 to 64 pixels. */
const sizes: Record<string, { config: Partial<ConvNeXtConfig>; preprocessing?: Partial<Preprocessing> }> = {
  convnext_mini: {
    config: { depths: [1, 2, 2], dims: [32, 64, 128], patchSize: 2 },
    preprocessing: { inputSize: 32, cropPct: 1 },
  },
  convnext_tiny: { config: { depths: [3, 3, 9, 3], dims: [96, 192, 384, 768] } },
  convnext_small: { config: { depths: [3, 3, 27, 3], dims: [96, 192, 384, 768] } },
  convnext_base: { config: { depths: [3, 3, 27, 3], dims: [128, 256, 512, 1024] } },
  convnext_large: { config: { depths: [3, 3, 27, 3], dims: [192, 384, 768, 1536] } },
  convnext_xlarge: { config: { depths: [3, 3, 27, 3], dims: [256, 512, 1024, 2048] } },
}

export const convnext: ModelFamily<ConvNeXtConfig> = {
  name: "convnext",
  defaults: {
    depths: [3, 3, 9, 3],
    dims: [96, 192, 384, 768],
    kernelSizes: 7,
    patchSize: 4,
    lsInitValue: 1e-6,
    headInitScale: 1,
    dropPathRate: 0,
    inChannels: 3,
    numClasses: 1000,
  },
  models: sizes,
  validate(config) {
    const { depths, dims, kernelSizes, lsInitValue, headInitScale } = config
    const kernels = typeof kernelSizes === "number" ? [kernelSizes] : kernelSizes
    for (const [field, list] of Object.entries({ depths, dims, kernelSizes: kernels })) {
      check(Array.isArray(list), `${field} must be a list of whole numbers, got ${list}`)
    }
    const stages = depths.length
    check(
      stages > 0 && depths.every((depth) => isCount(depth)),
      `depths must be whole numbers of at least 1, got [${depths}]`,
    )
    check(
      dims.every((dim) => isCount(dim)),
      `dims must be whole numbers of at least 1, got [${dims}]`,
    )
    check(dims.length === stages, `depths and dims must be equally long, got [${depths}] and [${dims}]`)
    check(
      kernels.every((size) => isCount(size) && size % 2 === 1),
      `kernelSizes must be odd, got [${kernels}]`,
    )
    const perStage = typeof kernelSizes === "number" || kernels.length === stages
    check(perStage, `kernelSizes must be one number or one for each of ${stages} stages, got [${kernels}]`)
    checkCount("patchSize", config.patchSize)
    check(
      lsInitValue === null || Number.isFinite(lsInitValue),
      `lsInitValue must be a number or null, got ${lsInitValue}`,
    )
    check(Number.isFinite(headInitScale), `headInitScale must be a number, got ${headInitScale}`)
  },
  build: (config) => new ConvNeXt(config),
  stride: ({ patchSize, depths }) => patchSize * 2 ** (depths.length - 1),
}
