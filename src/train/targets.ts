/** Targets of classification as shares of the classes. */

import { printShape } from "../tensor/dim.ts"
import { type NdArray, zeros } from "../tensor/ndarray.ts"

/**
 * Targets [N, K] float32 from classes [N] int32 or shares [N, K] float32. Label smoothing s gives 1 - s + s / K to the
 * true class and s / K to the others (Szegedy et al. 2016, section 7); shares are mixed with 1 / K in the same way.
 * Throws a RangeError for other shapes and for a class that is not in 0 .. K - 1.
 */
export function softTargets(targets: NdArray, batch: number, classes: number, smoothing: number): NdArray<"float32"> {
  const { shape, data } = targets
  const soft = zeros([batch, classes])
  if (shape.length === 2 && shape[0] === batch && shape[1] === classes) {
    for (let i = 0; i < soft.data.length; i++) soft.data[i] = Number(data[i]) * (1 - smoothing) + smoothing / classes
    return soft
  }
  if (shape.length !== 1 || shape[0] !== batch || (targets.dtype !== "int32" && targets.dtype !== "int64")) {
    throw new RangeError(
      `targets must be int32 [${batch}] or float32 [${batch}, ${classes}], got ${targets.dtype} ${printShape(shape)}`,
    )
  }
  soft.data.fill(smoothing / classes)
  for (let n = 0; n < batch; n++) {
    const target = Number(data[n])
    if (!(Number.isInteger(target) && target >= 0 && target < classes)) {
      throw new RangeError(`target ${n} must be a class from 0 to ${classes - 1}, got ${target}`)
    }
    soft.data[n * classes + target]! += 1 - smoothing
  }
  return soft
}
