/** Normalisation by a scale alone: without LayerNorm's centring and bias. */

import { add, mul, rmsNorm, rsqrt, variance } from "../tensor/ops/index.ts"
import type { Tensor } from "../tensor/tensor.ts"
import { ones } from "./initializers.ts"
import { Module, Parameter } from "./module.ts"

/** x / sqrt(mean(x^2) + epsilon) times the weight, over the channels. x [..., C]; weight [C]. Zhang and Sennrich 2019. */
export class RmsNorm extends Module {
  readonly weight: Parameter
  readonly #epsilon: number

  constructor(channels: number, epsilon = 1e-6) {
    super()
    this.weight = new Parameter([channels], ones)
    this.#epsilon = epsilon
  }

  forward(x: Tensor): Tensor {
    return rmsNorm(x, this.weight, this.#epsilon)
  }
}

/**
 * x / sqrt(var(x) + epsilon) times the weight, over the channels, with the unbiased variance. x [..., C] with C > 1;
 * weight [C]. As timm's SimpleNorm: the mean is taken out of the variance, not out of x.
 */
export class SimpleNorm extends Module {
  readonly weight: Parameter
  readonly #epsilon: number

  constructor(channels: number, epsilon = 1e-6) {
    super()
    this.weight = new Parameter([channels], ones)
    this.#epsilon = epsilon
  }

  forward(x: Tensor): Tensor {
    const inverse = rsqrt(add(variance(x, [-1], { keepDims: true, correction: 1 }), this.#epsilon))
    return mul(mul(x, inverse), this.weight)
  }
}
