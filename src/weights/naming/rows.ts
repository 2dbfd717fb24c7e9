/** Arrays seen as rows along their first axis. */

import { type NdArray, sizeOf, type TypedArray, zeros } from "../../tensor/ndarray.ts"

/** Rows next to one another: arrays of equal type and rows become one. */
export function joinRows(parts: readonly NdArray[]): NdArray {
  const [{ shape, dtype }] = parts as [NdArray]
  const joined = zeros([parts.reduce((rows, part) => rows + part.shape[0]!, 0), ...shape.slice(1)], dtype)
  let offset = 0
  for (const { data } of parts) {
    copy(data, joined.data, offset)
    offset += data.length
  }
  return joined
}

/** Equal parts, one below the other. They share memory with the array. */
export function splitRows({ shape, dtype, data }: NdArray, count: number): NdArray[] {
  const [rows = 0, ...rest] = shape
  const length = data.length / count
  return Array.from({ length: count }, (_, i) => ({
    shape: [rows / count, ...rest],
    dtype,
    data: data.subarray(i * length, (i + 1) * length) as TypedArray,
  }))
}

/** Row `rows[i]` of the array as row i. */
export function pickRows({ shape, dtype, data }: NdArray, rows: readonly number[]): NdArray {
  const rest = shape.slice(1)
  const length = sizeOf(rest)
  const picked = zeros([rows.length, ...rest], dtype)
  for (const [i, row] of rows.entries()) {
    copy(data.subarray(row * length, (row + 1) * length) as TypedArray, picked.data, i * length)
  }
  return picked
}

/** Between arrays of one type. */
function copy(from: TypedArray, to: TypedArray, offset: number): void {
  ;(to as Float32Array).set(from as Float32Array, offset)
}
