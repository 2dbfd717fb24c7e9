/** The content of small stored tensors. */

import { sizeOf } from "../../../tensor/ndarray.ts"
import type { OnnxDType } from "../data-types.ts"
import type { OnnxTensor } from "../description.ts"
import { MAX_ELEMENTS } from "./pick.ts"

/** How an element is read from little-endian bytes, and how many it takes: of the types that shapes are computed in. */
const readers: { readonly [D in OnnxDType]?: readonly [bytes: number, read: (view: DataView, at: number) => number] } =
  {
    float32: [4, (view, at) => view.getFloat32(at, true)],
    float64: [8, (view, at) => view.getFloat64(at, true)],
    int8: [1, (view, at) => view.getInt8(at)],
    uint8: [1, (view, at) => view.getUint8(at)],
    bool: [1, (view, at) => view.getUint8(at)],
    int16: [2, (view, at) => view.getInt16(at, true)],
    uint16: [2, (view, at) => view.getUint16(at, true)],
    int32: [4, (view, at) => view.getInt32(at, true)],
    uint32: [4, (view, at) => view.getUint32(at, true)],
    int64: [8, (view, at) => Number(view.getBigInt64(at, true))],
    uint64: [8, (view, at) => Number(view.getBigUint64(at, true))],
  }

/** The elements of a small tensor; undefined for others. */
export function tensorElements({ dtype, shape, bytes }: OnnxTensor): number[] | undefined {
  const reader = readers[dtype]
  const count = sizeOf(shape)
  if (!bytes || !reader || count > MAX_ELEMENTS) return undefined
  const [size, read] = reader
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: count }, (_, i) => read(view, i * size))
}
