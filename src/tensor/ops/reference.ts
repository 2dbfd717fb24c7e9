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

/** One line of elements along an axis: where it starts, and the distance and number of its elements. */
export interface Lane {
  start: number
  step: number
  size: number
}

/** Calls `visit` for each line of elements along an axis of a row-major array. */
export function forEachLane(shape: readonly number[], axis: number, visit: (lane: Lane) => void): void {
  const size = shape[axis]!
  const step = stridesOf(shape)[axis]!
  const total = sizeOf(shape)
  for (let outer = 0; outer < total; outer += size * step) {
    for (let inner = 0; inner < step; inner++) visit({ start: outer + inner, step, size })
  }
}

/** Calls `visit` with the position of each element of a lane, and its index along the axis. */
export function forEachInLane({ start, step, size }: Lane, visit: (position: number, index: number) => void): void {
  for (let i = 0; i < size; i++) visit(start + i * step, i)
}
