/**
 * Isotropic ConvNeXt: Liu et al. 2022, "A ConvNet for the 2020s" (arXiv 2201.03545), section 3.3 and table 2. Blocks of
 * ConvNeXt at one resolution, a 16th of the image's, as in a plain vision transformer.
 *
 * Names of parameters as those of timm's ConvNeXt; the structure as in the authors' code (models/convnext_isotropic.py),
 * which timm does not have. Activations are [N, H, W, C].
 */

import type { Context } from "../nn/context.ts"
import { truncatedNormal } from "../nn/initializers.ts"
import { Conv2d, Linear } from "../nn/layers.ts"
import { chain, Module } from "../nn/module.ts"
import { LayerNorm } from "../nn/norm.ts"
import { dropout, dropPathRates } from "../nn/stochastic.ts"
import { checkCount } from "../tensor/errors.ts"
import { mean } from "../tensor/ops/index.ts"
import type { Tensor } from "../tensor/tensor.ts"
import { type BlockConfig, ConvNeXtBlock } from "./convnext-block.ts"
import { checkBlockConfig, checkHeadConfig } from "./convnext-family.ts"
import type { BaseConfig, FeatureInfo, ImageModel, ModelFamily } from "./family.ts"

/** Side and stride of the patches. */
const PATCH_SIZE = 16

export interface IsotropicConfig extends BaseConfig {
  /** Blocks. */
  depth: number
  /** Channels. */
  dim: number
  /** First value of the layer scale; null for none. */
  lsInitValue: number | null
  /** Factor on the first weights of the classifier. */
  headInitScale: number
  /** Dropout before the classifier. */
  dropRate: number
}

const blockConfig = ({ lsInitValue }: IsotropicConfig): BlockConfig => ({
  lsInitValue,
  useGrn: false,
  convMlp: false,
  convBias: true,
  actLayer: "gelu",
  normLayer: "layernorm",
  normEps: 1e-6,
})

export class IsotropicConvNeXt extends Module implements ImageModel {
  readonly stem: Conv2d
  readonly blocks: ConvNeXtBlock[]
  readonly norm: LayerNorm
  readonly head?: Linear
  readonly classifiers = ["head"]
  readonly firstConv = "stem"
  readonly featureInfo: readonly FeatureInfo[]
  readonly #dropRate: number

  constructor(config: IsotropicConfig) {
    super()
    const { depth, dim, inChannels, numClasses, headInitScale } = config
    this.stem = new Conv2d(inChannels, dim, { kernelSize: PATCH_SIZE, stride: PATCH_SIZE })
    this.blocks = dropPathRates(config.dropPathRate, depth).map(
      (dropPathRate) => new ConvNeXtBlock(dim, { kernelSize: 7, dropPathRate }, blockConfig(config)),
    )
    this.norm = new LayerNorm(dim)
    if (numClasses > 0) {
      this.head = new Linear(dim, numClasses, { initialize: truncatedNormal(0.02 * headInitScale) })
    }
    this.featureInfo = [{ channels: dim, stride: PATCH_SIZE, module: `blocks.${depth - 1}` }]
    this.#dropRate = config.dropRate
  }

  forwardFeatures(x: Tensor, context: Context): Tensor {
    return chain(this.blocks, this.stem.forward(x), context)
  }

  /** There is one resolution only. */
  forwardPyramid(x: Tensor, context: Context): Tensor[] {
    return [this.forwardFeatures(x, context)]
  }

  forwardHead(features: Tensor, context: Context, { preLogits = false } = {}): Tensor {
    const pooled = dropout(this.norm.forward(mean(features, [1, 2])), this.#dropRate, context)
    return preLogits || !this.head ? pooled : this.head.forward(pooled)
  }

  forward(x: Tensor, context: Context): Tensor {
    return this.forwardHead(this.forwardFeatures(x, context), context)
  }

  /** Stem, then each block, then norm and classifier. */
  layerGroup(parameter: string): number {
    if (parameter.startsWith("stem.")) return 0
    const [, block = this.blocks.length] = /^blocks\.(\d+)\./.exec(parameter) ?? []
    return Number(block) + 1
  }
}

export const isotropicConvNeXt: ModelFamily<IsotropicConfig> = {
  name: "convnext_iso",
  defaults: {
    depth: 18,
    dim: 384,
    lsInitValue: null,
    headInitScale: 1,
    dropRate: 0,
    dropPathRate: 0,
    inChannels: 3,
    numClasses: 1000,
  },
  models: {
    convnext_iso_small: { config: { depth: 18, dim: 384 } },
    convnext_iso_base: { config: { depth: 18, dim: 768 } },
    // Section 3.3: only this one needs layer scale.
    convnext_iso_large: { config: { depth: 36, dim: 1024, lsInitValue: 1e-6 } },
  },
  validate(config) {
    checkCount("depth", config.depth)
    checkCount("dim", config.dim)
    checkBlockConfig(blockConfig(config))
    checkHeadConfig(config)
  },
  build: (config) => new IsotropicConvNeXt(config),
  minimumSize: () => PATCH_SIZE,
}
