/** Gradient clipping by global norm: Pascanu et al. 2013, as in PyTorch's `clip_grad_norm_`. */

import { sumOfSquaresInside } from "./kernels/squares.ts"

/** L2 norm over the elements of all gradients. Not finite if one of them is not. */
export function gradientNorm(gradients: readonly Float32Array[]): number {
  let sum = 0
  for (const gradient of gradients) sum += sumOfSquares(gradient)
  return Math.sqrt(sum)
}

/**
 * Factor that brings gradients of norm `norm` to at most `maxNorm`: min(1, maxNorm / (norm + 1e-6)). It goes into the
 * optimizer's step, so that clipping costs no pass over memory.
 */
export function clipScale(norm: number, maxNorm: number): number {
  return Math.min(1, maxNorm / (norm + 1e-6))
}

function sumOfSquares(values: Float32Array): number {
  const whole = values.subarray(0, values.length - (values.length % 4))
  let sum = sumOfSquaresInside(whole) ?? sumOfFourths(whole)
  for (const value of values.subarray(whole.length)) sum += value * value
  return sum
}

/** Four sums side by side, as in the kernel: one alone would wait for the addition before it. */
function sumOfFourths(values: Float32Array): number {
  let sum0 = 0
  let sum1 = 0
  let sum2 = 0
  let sum3 = 0
  for (let i = 0; i < values.length; i += 4) {
    const a = values[i]!
    const b = values[i + 1]!
    const c = values[i + 2]!
    const d = values[i + 3]!
    sum0 += a * a
    sum1 += b * b
    sum2 += c * c
    sum3 += d * d
  }
  return sum0 + sum1 + (sum2 + sum3)
}
