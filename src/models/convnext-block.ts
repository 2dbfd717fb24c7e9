/**
 * The blocks of ConvNeXt. Liu et al. 2022, "A ConvNet for the 2020s" (arXiv 2201.03545), figure 4; V2: Woo et al. 2023,
 * "ConvNeXt V2: Co-designing and Scaling ConvNets with Masked Autoencoders" (arXiv 2301.00808), figure 5.
 *
 * Names of parameters as in timm (timm/models/convnext.py). Activations are [N, H, W, C] throughout.
 */

import type { Context } from "../nn/context.ts"
import { constantValue, truncatedNormal, zeros } from "../nn/initializers.ts"
import { Conv2d, Linear } from "../nn/layers.ts"
import { Block, Module, Parameter } from "../nn/module.ts"
import { LayerNorm } from "../nn/norm.ts"
import { RmsNorm, SimpleNorm } from "../nn/scale-norm.ts"
import { residual } from "../nn/stochastic.ts"
import { gelu, geluTanh, globalResponseNorm, hardSwish, linear, mul, relu, reshape, silu } from "../tensor/ops/index.ts"
import type { Tensor } from "../tensor/tensor.ts"

/** Activations by timm's names. */
export const activations = { gelu, gelu_tanh: geluTanh, hard_swish: hardSwish, relu, silu } as const

/** Norms over the channels by timm's names; "2d" is the same there for another layout. */
export const norms = {
  layernorm: LayerNorm,
  layernorm2d: LayerNorm,
  rmsnorm: RmsNorm,
  rmsnorm2d: RmsNorm,
  simplenorm: SimpleNorm,
  simplenorm2d: SimpleNorm,
} as const

/** What all blocks of a network have in common: timm's constructor arguments. */
export interface BlockConfig {
  /** First value of the layer scale; null for none. */
  lsInitValue: number | null
  /** Global response normalisation: ConvNeXt V2. */
  useGrn: boolean
  /** The weights of the two linear layers have the shape of 1x1 convolutions: [out, in, 1, 1]. */
  convMlp: boolean
  /** Biases in the convolutions. */
  convBias: boolean
  actLayer: keyof typeof activations
  normLayer: keyof typeof norms
  /** What the norms add to the variance. */
  normEps: number
}

export interface BlockOptions {
  /** Side of the depthwise convolution's kernel. Odd. */
  kernelSize: number
  /** Distance between its taps. Default 1. */
  dilation?: number
  /** Rate of stochastic depth. */
  dropPathRate: number
}

/** A network's norm for this many channels. */
export function makeNorm(channels: number, { normLayer, normEps }: Pick<BlockConfig, "normLayer" | "normEps">): Module {
  return new norms[normLayer](channels, normEps)
}

/** A linear layer whose weight is stored as that of a 1x1 convolution: [outFeatures, inFeatures, 1, 1]. */
class PointwiseLinear extends Module {
  readonly weight: Parameter
  readonly bias: Parameter

  constructor(inFeatures: number, outFeatures: number) {
    super()
    this.weight = new Parameter([outFeatures, inFeatures, 1, 1], truncatedNormal())
    this.bias = new Parameter([outFeatures], zeros)
  }

  forward(x: Tensor): Tensor {
    return linear(x, reshape(this.weight, this.weight.size.slice(0, 2)), this.bias)
  }
}

/** Lets the channels of a map compete: Woo et al. 2023, equations 1 to 3. x [N, H, W, C]; weight and bias [C]. */
class GlobalResponseNorm extends Module {
  readonly weight: Parameter
  readonly bias: Parameter

  constructor(channels: number) {
    super()
    this.weight = new Parameter([channels], zeros)
    this.bias = new Parameter([channels], zeros)
  }

  forward(x: Tensor): Tensor {
    return globalResponseNorm(x, this.weight, this.bias)
  }
}

/**
 * Expand by 4, activation, project back: the inverted bottleneck of figure 3 (b). In V2 the expanded channels are
 * normalised by their global response.
 */
class Mlp extends Module {
  readonly fc1: Module
  readonly grn?: GlobalResponseNorm
  readonly fc2: Module
  readonly #activation: (x: Tensor) => Tensor

  constructor(channels: number, { convMlp, useGrn, actLayer }: BlockConfig) {
    super()
    const Layer = convMlp ? PointwiseLinear : Linear
    this.fc1 = new Layer(channels, 4 * channels)
    if (useGrn) this.grn = new GlobalResponseNorm(4 * channels)
    this.fc2 = new Layer(4 * channels, channels)
    this.#activation = activations[actLayer]
  }

  forward(x: Tensor, context: Context): Tensor {
    const expanded = this.#activation(this.fc1.forward(x, context))
    return this.fc2.forward(this.grn ? this.grn.forward(expanded) : expanded, context)
  }
}

/**
 * Depthwise convolution, norm, expand, activation, project, layer scale, stochastic depth, residual. Figure 4.
 * x and y [N, H, W, channels].
 */
export class ConvNeXtBlock extends Block {
  readonly gamma?: Parameter
  readonly convDw: Conv2d
  readonly norm: Module
  readonly mlp: Mlp
  readonly #dropPathRate: number

  constructor(channels: number, { kernelSize, dilation = 1, dropPathRate }: BlockOptions, config: BlockConfig) {
    super()
    if (config.lsInitValue !== null) this.gamma = new Parameter([channels], constantValue(config.lsInitValue))
    this.convDw = new Conv2d(channels, channels, {
      kernelSize,
      padding: (dilation * (kernelSize - 1)) / 2,
      dilation,
      groups: channels,
      bias: config.convBias,
    })
    this.norm = makeNorm(channels, config)
    this.mlp = new Mlp(channels, config)
    this.#dropPathRate = dropPathRate
  }

  forward(x: Tensor, context: Context): Tensor {
    return residual(x, this.#dropPathRate, context, (rows) => {
      const branch = this.mlp.forward(this.norm.forward(this.convDw.forward(rows), context), context)
      return this.gamma ? mul(branch, this.gamma) : branch
    })
  }
}
