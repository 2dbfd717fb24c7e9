/** What the reference evaluations of several operators share: walking through row-major arrays. */

import { sizeOf } from "../ndarray.ts"

/** Row-major strides of a shape, in elements. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length)
  let stride = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride
    stride *= shape[axis]!
  }
  return strides
}

/** Strides with which an array of shape `from` is read as if it were broadcast to `to`: 0 along broadcast axes. */
export function broadcastStrides(from: readonly number[], to: readonly number[]): number[] {
  const strides = stridesOf(from)
  const lead = to.length - from.length
  return to.map((_, axis) => (axis < lead || from[axis - lead] === 1 ? 0 : strides[axis - lead]!))
}

/**
 * Calls `visit` for every index of `shape` in row-major order with its flat position and, for each list of strides,
 * the position that the index has under them.
 */
export function forEachIndex(
  shape: readonly number[],
  strides: readonly (readonly number[])[],
  visit: (flat: number, positions: readonly number[], index: readonly number[]) => void,
): void {
  const size = sizeOf(shape)
  const index = new Array<number>(shape.length).fill(0)
  const positions = new Array<number>(strides.length).fill(0)
  for (let flat = 0; flat < size; flat++) {
    visit(flat, positions, index)
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]!++
      for (let s = 0; s < strides.length; s++) positions[s]! += strides[s]![axis]!
      if (index[axis]! < shape[axis]!) break
      for (let s = 0; s < strides.length; s++) positions[s]! -= strides[s]![axis]! * shape[axis]!
      index[axis] = 0
    }
  }
}
