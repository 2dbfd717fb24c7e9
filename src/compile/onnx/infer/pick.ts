/** Elements of small constants, picked by their place. */

import type { OnnxDim } from "../description.ts"
import { unknown } from "./dims.ts"

/** Constants of more elements are not looked into: no shape has as many. */
export const MAX_ELEMENTS = 1024

/** Row-major strides. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1)
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!
  return strides
}

/** Elements of a constant of the given shape: each is that of `values` whose place `source` tells. */
export function pick(
  shape: readonly number[],
  values: readonly OnnxDim[],
  source: (index: readonly number[]) => number,
): OnnxDim[] {
  const count = shape.reduce((total, size) => total * size, 1)
  if (!(count <= MAX_ELEMENTS)) unknown()
  const strides = stridesOf(shape)
  return Array.from({ length: count }, (_, i) => {
    const value = values[source(shape.map((size, axis) => Math.floor(i / strides[axis]!) % size))]
    return value === undefined ? unknown() : value
  })
}
