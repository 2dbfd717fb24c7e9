/** Layers: linear, convolution, layer normalisation, stochastic depth. */

import { conv2d, layerNorm, linear, mul, reshape } from "../tensor/ops/index.ts"
import type { Tensor } from "../tensor/tensor.ts"
import { type Initializer, ones, truncatedNormal, zeros } from "./initializers.ts"
import { type Context, Module, Parameter } from "./module.ts"

export interface LinearOptions {
  /** Default true. */
  bias?: boolean
  /** Initialisation of the weight. Default: truncated normal with std 0.02. The bias starts at zero. */
  initialize?: Initializer
}

/** y = x W^T + b over the last axis. x [..., inFeatures], y [..., outFeatures]; weight [outFeatures, inFeatures]. */
export class Linear extends Module {
  readonly weight: Parameter
  readonly bias?: Parameter

  constructor(inFeatures: number, outFeatures: number, { bias = true, initialize }: LinearOptions = {}) {
    super()
    this.weight = new Parameter([outFeatures, inFeatures], initialize ?? truncatedNormal())
    if (bias) this.bias = new Parameter([outFeatures], zeros)
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias)
  }
}

export interface Conv2dLayerOptions {
  kernelSize: number
  /** Default 1. */
  stride?: number
  /** Zeros on every side. Default 0. */
  padding?: number
  /** Default 1. */
  groups?: number
  /** Default true. */
  bias?: boolean
  /** Initialisation of the weight. Default: truncated normal with std 0.02. The bias starts at zero. */
  initialize?: Initializer
}

/** Convolution. x [N, H, W, inChannels], y [N, Ho, Wo, outChannels]; weight [outChannels, inChannels / groups, k, k]. */
export class Conv2d extends Module {
  readonly weight: Parameter
  readonly bias?: Parameter
  readonly #options: Required<Pick<Conv2dLayerOptions, "stride" | "padding" | "groups">>

  constructor(inChannels: number, outChannels: number, options: Conv2dLayerOptions) {
    super()
    const { kernelSize, stride = 1, padding = 0, groups = 1, bias = true, initialize = truncatedNormal() } = options
    this.weight = new Parameter([outChannels, inChannels / groups, kernelSize, kernelSize], initialize)
    if (bias) this.bias = new Parameter([outChannels], zeros)
    this.#options = { stride, padding, groups }
  }

  forward(x: Tensor): Tensor {
    return conv2d(x, this.weight, this.bias, this.#options)
  }
}

/** Normalisation of each position over its channels. x [..., C]; weight and bias [C]. */
export class LayerNorm extends Module {
  readonly weight: Parameter
  readonly bias: Parameter
  readonly #epsilon: number

  constructor(channels: number, epsilon = 1e-6) {
    super()
    this.weight = new Parameter([channels], ones)
    this.bias = new Parameter([channels], zeros)
    this.#epsilon = epsilon
  }

  forward(x: Tensor): Tensor {
    return layerNorm(x, this.weight, this.bias, this.#epsilon)
  }
}

/**
 * Stochastic depth: drops a residual branch for whole samples, and scales what is kept by 1 / (1 - rate), as timm does.
 * Huang et al. 2016, "Deep Networks with Stochastic Depth". branch [N, ...].
 */
export function dropPath(branch: Tensor, rate: number, context: Context): Tensor {
  if (!context.training || rate === 0) return branch
  const factors = context.dropPathFactors(rate)
  return mul(branch, reshape(factors, [branch.dim(0), ...new Array<number>(branch.rank - 1).fill(1)]))
}

/** Rates of `depth` blocks under stochastic depth: linear from 0 to the last block's. Liu et al. 2022, appendix A.1. */
export function dropPathRates(last: number, depth: number): number[] {
  return Array.from({ length: depth }, (_, i) => (depth === 1 ? 0 : (last * i) / (depth - 1)))
}
