/**
 * Every network on the road from ResNet to ConvNeXt: Liu et al. 2022, "A ConvNet for the 2020s" (arXiv 2201.03545),
 * section 2, and all others that the same changes make. What a step changes is in roadmap-steps.ts, the block in
 * roadmap-block.ts. Exact definitions follow the authors' submitted code (github.com/anonymous20222022/convnext).
 *
 * Names of parameters as in timm's ConvNeXt. Activations are [N, H, W, C] throughout. First weights follow the paper:
 * truncated normal, where the submitted code left convolutions as PyTorch makes them.
 */

import type { Context } from "../nn/context.ts"
import { Conv2d, Linear } from "../nn/layers.ts"
import { chain, Module } from "../nn/module.ts"
import { dropout, dropPathRates } from "../nn/stochastic.ts"
import { globalAvgPool, maxPool2d, relu } from "../tensor/ops/index.ts"
import type { Tensor } from "../tensor/tensor.ts"
import { type BaseConfig, check, checkRate, type FeatureInfo, type ImageModel, type ModelFamily } from "./family.ts"
import { blockChannels, makeNorm, RoadmapBlock } from "./roadmap-block.ts"
import {
  architectureOf,
  changesUpTo,
  checkChanges,
  type Regime,
  type RoadmapArchitecture,
  type RoadmapChange,
  regimes,
  roadmapChanges,
} from "./roadmap-steps.ts"

export interface RoadmapConfig extends BaseConfig {
  /** Where the road begins: ResNet-50 or ResNet-200. */
  regime: Regime
  /** The changes that are made to it, in any order. */
  steps: readonly RoadmapChange[]
  /** Factor on all widths and depths. */
  scale: number
  /** Dropout before the classifier. */
  dropRate: number
}

/** Thousands of blocks: more would take longer to count than anybody waits. */
const LARGEST_SCALE = 8

/** ReLU and 3x3 max-pooling of stride 2: the end of ResNet's stem. */
class ReluMaxPool extends Module {
  forward(x: Tensor): Tensor {
    return maxPool2d(relu(x), { kernelSize: 3, stride: 2, padding: 1 })
  }
}

/** [N, H, W, inChannels] -> [N, H / 4, W / 4, width]. */
function makeStem(inChannels: number, architecture: RoadmapArchitecture): Module[] {
  const { stem, width, resolutionNorms } = architecture
  if (stem === "patchify") {
    const patches = new Conv2d(inChannels, width, { kernelSize: 4, stride: 4 })
    return resolutionNorms ? [patches, makeNorm(width, architecture)] : [patches]
  }
  const overlapping = new Conv2d(inChannels, width, { kernelSize: 7, stride: 2, padding: 3, bias: false })
  return [overlapping, makeNorm(width, architecture), new ReluMaxPool()]
}

/** Norm, 2x2 convolution of stride 2. Without the norm its place stays empty, as the names are by places. */
function makeDownsampling(channels: number, architecture: RoadmapArchitecture): (Module | undefined)[] {
  const convolution = new Conv2d(channels, 2 * channels, { kernelSize: 2, stride: 2 })
  return [architecture.resolutionNorms ? makeNorm(channels, architecture) : undefined, convolution]
}

/** Blocks at one resolution, after a separate downsampling where there is one. */
class Stage extends Module {
  readonly downsample: (Module | undefined)[]
  readonly blocks: RoadmapBlock[]

  constructor(downsample: (Module | undefined)[], blocks: RoadmapBlock[]) {
    super()
    this.downsample = downsample
    this.blocks = blocks
  }

  forward(x: Tensor, context: Context): Tensor {
    const downsample = this.downsample.filter((module) => module !== undefined)
    return chain([...downsample, ...this.blocks], x, context)
  }
}

/** Mean over all positions, norm where there is one, dropout, classifier. */
class Head extends Module {
  readonly norm?: Module
  readonly fc?: Linear
  readonly #dropRate: number

  constructor(channels: number, { numClasses, dropRate }: RoadmapConfig, architecture: RoadmapArchitecture) {
    super()
    if (architecture.finalNorm) this.norm = makeNorm(channels, architecture)
    if (numClasses > 0) this.fc = new Linear(channels, numClasses)
    this.#dropRate = dropRate
  }

  /** [N, H, W, C] -> what the classifier reads: [N, C]. */
  pool(x: Tensor, context: Context): Tensor {
    const pooled = globalAvgPool(x)
    return dropout(this.norm?.forward(pooled, context) ?? pooled, this.#dropRate, context)
  }

  forward(x: Tensor, context: Context): Tensor {
    const features = this.pool(x, context)
    return this.fc?.forward(features) ?? features
  }
}

/** A network of the roadmap. forward: [N, H, W, C] -> [N, numClasses]. */
export class Roadmap extends Module implements ImageModel {
  readonly stem: Module[]
  readonly stages: Stage[]
  readonly head: Head
  readonly classifiers = ["head.fc"]
  readonly firstConv = "stem.0"
  readonly featureInfo: readonly FeatureInfo[]

  constructor(config: RoadmapConfig) {
    super()
    const architecture = architectureOf(config.regime, config.steps, config.scale)
    const { width, inverted } = architecture
    this.stem = makeStem(config.inChannels, architecture)
    this.stages = makeStages(config.dropPathRate, architecture)
    this.featureInfo = this.stages.map((_, stage) => ({
      channels: blockChannels(width * 2 ** stage, inverted),
      stride: 4 * 2 ** stage,
      module: `stages.${stage}`,
    }))
    this.head = new Head(this.featureInfo.at(-1)!.channels, config, architecture)
  }

  forwardPyramid(x: Tensor, context: Context): Tensor[] {
    let features = chain(this.stem, x, context)
    return this.stages.map((stage) => {
      features = stage.forward(features, context)
      return features
    })
  }

  forwardFeatures(x: Tensor, context: Context): Tensor {
    return this.forwardPyramid(x, context).at(-1)!
  }

  forwardHead(features: Tensor, context: Context, { preLogits = false } = {}): Tensor {
    return preLogits ? this.head.pool(features, context) : this.head.forward(features, context)
  }

  forward(x: Tensor, context: Context): Tensor {
    return this.forwardHead(this.forwardFeatures(x, context), context)
  }

  /** Stem; each block, the first of a stage together with the downsampling before it; head. As timm's ConvNeXt. */
  layerGroup(parameter: string): number {
    const depthOf = (stages: readonly Stage[]) => stages.reduce((sum, { blocks }) => sum + blocks.length, 0)
    if (parameter.startsWith("stem.")) return 0
    const [, stage, block = 0] = /^stages\.(\d+)\.(?:downsample|blocks\.(\d+))/.exec(parameter) ?? []
    if (stage === undefined) return depthOf(this.stages) + 1
    return depthOf(this.stages.slice(0, Number(stage))) + Number(block) + 1
  }
}

/** Four stages, each of half the resolution and twice the width of the one before. */
function makeStages(dropPathRate: number, architecture: RoadmapArchitecture): Stage[] {
  const { depths, inverted, separateDownsampling } = architecture
  const rates = dropPathRates(
    dropPathRate,
    depths.reduce((sum, depth) => sum + depth, 0),
  )
  let channels = architecture.width
  return depths.map((depth, stage) => {
    const width = architecture.width * 2 ** stage
    const shrinks = stage > 0
    const downsample = shrinks && separateDownsampling ? makeDownsampling(channels, architecture) : []
    if (downsample.length > 0) channels *= 2
    const blocks = rates.splice(0, depth).map((rate, index) => {
      const stride = shrinks && index === 0 && !separateDownsampling ? 2 : 1
      const block = new RoadmapBlock({ inChannels: channels, width, stride }, rate, architecture)
      channels = blockChannels(width, inverted)
      return block
    })
    return new Stage(downsample, blocks)
  })
}

/** The start of each road, and the network at each of its steps. */
const models = Object.fromEntries(
  regimes.flatMap((regime) => [
    [`roadmap/${regime}`, { config: { regime, steps: [] } }],
    ...roadmapChanges.map((step) => [`roadmap/${regime}/${step}`, { config: { regime, steps: changesUpTo(step) } }]),
  ]),
)

export const roadmap: ModelFamily<RoadmapConfig> = {
  name: "roadmap",
  defaults: {
    regime: 50,
    steps: [],
    scale: 1,
    dropRate: 0,
    dropPathRate: 0,
    inChannels: 3,
    numClasses: 1000,
  },
  models,
  listed: false,
  validate({ regime, steps, scale, dropRate }) {
    check(regimes.includes(regime), `regime must be ${regimes.join(" or ")}, got ${regime}`)
    checkChanges(steps)
    check(Number.isFinite(scale) && scale > 0, `scale must be a number above 0, got ${scale}`)
    check(scale <= LARGEST_SCALE, `scale must be at most ${LARGEST_SCALE}, got ${scale}`)
    const { width } = architectureOf(regime, steps, scale)
    check(
      width > 0,
      `a scale of ${scale} leaves no channel: the first stage has ${architectureOf(regime, steps).width}`,
    )
    checkRate("dropRate", dropRate)
  },
  build: (config) => new Roadmap(config),
  // The stride of the last stage.
  minimumSize: () => 32,
}
