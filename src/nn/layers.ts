/** Layers with a matrix of weights: linear and convolution. */

import { expectWhole } from "../tensor/checks.ts"
import { conv2d, linear } from "../tensor/ops/index.ts"
import { named, type Tensor } from "../tensor/tensor.ts"
import { type Initializer, truncatedNormal, zeros } from "./initializers.ts"
import { Module, Parameter } from "./module.ts"

export interface LinearOptions {
  /** Default true. */
  bias?: boolean
  /** Initialisation of the weight. Default: truncated normal with std 0.02. */
  initialize?: Initializer
  /** Initialisation of the bias. Default: zeros. */
  initializeBias?: Initializer
}

/**
 * y = x W^T + b over the last axis. x [..., inFeatures], y [..., outFeatures]; weight [outFeatures, inFeatures].
 * Throws a RangeError for features that are no whole numbers of at least 1.
 */
export class Linear extends Module {
  readonly weight: Parameter
  readonly bias?: Parameter

  constructor(inFeatures: number, outFeatures: number, options: LinearOptions = {}) {
    super()
    const { bias = true, initialize = truncatedNormal(), initializeBias = zeros } = options
    named("Linear", () => {
      expectWhole("inFeatures", inFeatures, 1)
      expectWhole("outFeatures", outFeatures, 1)
    })
    this.weight = new Parameter([outFeatures, inFeatures], initialize)
    if (bias) this.bias = new Parameter([outFeatures], initializeBias)
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias)
  }
}

export interface Conv2dLayerOptions {
  kernelSize: number
  /** Default 1. */
  stride?: number
  /** Zeros on every side. Default 0. "same": as many as give ceil(size / stride) positions, TensorFlow's rule. */
  padding?: number | "same"
  /** Distance between taps. Default 1. */
  dilation?: number
  /** Default 1. */
  groups?: number
  /** Default true. */
  bias?: boolean
  /** Initialisation of the weight. Default: truncated normal with std 0.02. The bias starts at zero. */
  initialize?: Initializer
}

/**
 * Convolution. x [N, H, W, inChannels], y [N, Ho, Wo, outChannels]; weight [outChannels, inChannels / groups, k, k].
 * Throws a RangeError for numbers that are not whole, and for channels that the groups do not divide.
 */
export class Conv2d extends Module {
  readonly weight: Parameter
  readonly bias?: Parameter
  readonly #options: Required<Pick<Conv2dLayerOptions, "stride" | "padding" | "dilation" | "groups">>

  constructor(inChannels: number, outChannels: number, options: Conv2dLayerOptions) {
    super()
    const { kernelSize, stride = 1, padding = 0, dilation = 1, groups = 1, bias = true } = options
    named("Conv2d", () => {
      const counts = { inChannels, outChannels, kernelSize, stride, dilation, groups }
      for (const [name, count] of Object.entries(counts)) expectWhole(name, count, 1)
      if (padding !== "same") expectWhole("padding", padding, 0)
      if (inChannels % groups !== 0 || outChannels % groups !== 0) {
        throw new RangeError(`${groups} groups do not divide ${inChannels} input and ${outChannels} output channels`)
      }
    })
    const shape = [outChannels, inChannels / groups, kernelSize, kernelSize]
    this.weight = new Parameter(shape, options.initialize ?? truncatedNormal())
    if (bias) this.bias = new Parameter([outChannels], zeros)
    this.#options = { stride, padding, dilation, groups }
  }

  forward(x: Tensor): Tensor {
    return conv2d(x, this.weight, this.bias, this.#options)
  }
}
