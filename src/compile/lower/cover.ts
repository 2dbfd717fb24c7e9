/** What lowerings of windows share: the part of an axis that the windows reach, and their taps. */

import { pad, slice } from "../../tensor/ops/index.ts"
import type { Tensor } from "../../tensor/tensor.ts"

/** x with `before` zeros put before an axis, and cut or filled up at its end to `size`. */
export function cover(x: Tensor, axis: number, before: number, size: number): Tensor {
  const missing = size - before - (x.dim(axis) as number)
  return missing >= 0 ? pad(x, axis, before, missing) : slice(pad(x, axis, before, 0), axis, 0, size)
}

/** 0 .. count - 1 */
export const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i)
