/** Views of a storage by offset and strides, all counted in elements. */
import type { TypedArray } from "../../tensor/ndarray.ts"

/** Whether the elements of a view lie one after the other in row-major order. */
export function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] === 0) return true
    if (shape[axis] !== 1 && strides[axis] !== expected) return false
    expected *= shape[axis]!
  }
  return true
}

/** Elements that a storage must have for a view that begins at `offset` to lie inside. */
export function viewEnd(offset: number, shape: readonly number[], strides: readonly number[]): number {
  if (shape.includes(0)) return offset
  return shape.reduce((last, dim, axis) => last + (dim - 1) * strides[axis]!, offset) + 1
}

/** Copies a view, row-major, into `target`, which has as many elements as the view. */
export function copyStrided(
  storage: TypedArray,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
  target: TypedArray,
): void {
  const rank = shape.length
  const [columns, step] = rank === 0 ? [1, 1] : [shape[rank - 1]!, strides[rank - 1]!]
  const index = new Array<number>(Math.max(rank - 1, 0)).fill(0)
  let start = offset
  for (let done = 0; done < target.length; done += columns) {
    for (let i = 0; i < columns; i++) target[done + i] = storage[start + i * step]!
    // The next row, as an odometer counts.
    for (let axis = rank - 2; axis >= 0; axis--) {
      start += strides[axis]!
      if (++index[axis]! < shape[axis]!) break
      start -= shape[axis]! * strides[axis]!
      index[axis] = 0
    }
  }
}
