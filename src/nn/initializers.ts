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
