/** First values of parameters. */

import { sizeOf } from "../tensor/ndarray.ts"
import type { Random } from "../tensor/random.ts"

/** Makes the values of a parameter, in row-major order. */
export type Initializer = (shape: readonly number[], random: Random) => Float32Array

/** All elements the same. */
export const constantValue =
  (value: number): Initializer =>
  (shape) =>
    new Float32Array(sizeOf(shape)).fill(value)

export const zeros: Initializer = constantValue(0)
export const ones: Initializer = constantValue(1)

/**
 * Normal with mean 0, cut off at `low` and `high` by drawing again. The bounds are absolute, as in PyTorch and timm:
 * with the usual std of 0.02 they are never met.
 */
export const truncatedNormal =
  (std = 0.02, low = -2, high = 2): Initializer =>
  (shape, random) => {
    const values = new Float32Array(sizeOf(shape))
    random.fillNormal(values, 0, std)
    for (let i = 0; i < values.length; i++) {
      while (values[i]! < low || values[i]! > high) values[i] = random.normal(0, std)
    }
    return values
  }

/** Normal with mean 0. */
export const normal =
  (std: number): Initializer =>
  (shape, random) => {
    const values = new Float32Array(sizeOf(shape))
    random.fillNormal(values, 0, std)
    return values
  }

/** Uniform in [-bound, bound). */
export const uniform =
  (bound: number): Initializer =>
  (shape, random) =>
    Float32Array.from({ length: sizeOf(shape) }, () => random.uniform(-bound, bound))

/**
 * Normal with variance 2 / fan-out, for a convolution's weight [out, in / groups, k, k]: fan-out = k * k * out / groups.
 * He et al. 2015, "Delving Deep into Rectifiers", equation 14. PyTorch's `kaiming_normal_(mode="fan_out")` leaves the
 * groups out: that is groups = 1, whatever the convolution has.
 */
export const kaimingNormal =
  (groups = 1): Initializer =>
  (shape, random) =>
    normal(Math.sqrt((2 * groups) / (sizeOf(shape) / shape[1]!)))(shape, random)
