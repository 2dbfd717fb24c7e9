/**
 * Some of the samples of a batch: taken out, worked on alone, and put back. The rows are int64 positions in the batch,
 * each at most once, so that threads never meet in one place.
 */

import type { Dim } from "../dim.ts"
import type { NdArray } from "../ndarray.ts"
import { defineOp, expectShape, type OnnxBuilder, type Op, type Tensor } from "../tensor.ts"
import { zerosLike } from "./shape.ts"

type NoAttributes = Record<never, never>

function expectRows(rows: Tensor): void {
  if (rows.dtype !== "int64" || rows.rank !== 1) throw new RangeError(`rows must be int64 [K], got ${rows}`)
}

/** Calls `visit` for each element of the rows, with its position among all rows and among the taken ones. */
function forEachTaken(rows: NdArray, taken: NdArray, visit: (whole: number, part: number) => void): void {
  const size = taken.data.length / rows.data.length
  for (let row = 0; row < rows.data.length; row++) {
    const start = Number(rows.data[row]) * size
    for (let i = 0; i < size; i++) visit(start + i, row * size + i)
  }
}

export const takeRowsOp: Op<NoAttributes> = defineOp<NoAttributes>({
  name: "takeRows",
  shape: ([x, rows]) => {
    expectRows(rows!)
    return { shape: [rows!.dim(0), ...x!.shape.slice(1)], dtype: x!.dtype }
  },
  gradient: ([x, rows], _, [dy]) => [addRows(zerosLike(x!), rows!, dy!), undefined],
  onnx: (builder, inputs) => builder.node("Gather", inputs, { axis: 0 }),
  reference: ([x, rows], _, [y]) =>
    forEachTaken(rows!, y!, (whole, part) => {
      y!.data[part] = x!.data[whole]!
    }),
})

/** The samples at `rows`, each at most once. x [N, ...], rows int64 [K]; result [K, ...]. */
export function takeRows(x: Tensor, rows: Tensor): Tensor {
  return takeRowsOp([x, rows], {})
}

export const addRowsOp: Op<NoAttributes> = defineOp<NoAttributes>({
  name: "addRows",
  shape: ([x, rows, updates]) => {
    expectRows(rows!)
    expectShape("updates", updates!, [rows!.dim(0), ...x!.shape.slice(1)])
    return { shape: x!.shape, dtype: x!.dtype }
  },
  gradient: ([, rows], _, [dy]) => [dy, undefined, takeRows(dy!, rows!)],
  // Each row occurs once, so that the sums can be made first and written without a reduction.
  onnx: (builder, [x, rows, updates]) => {
    const sums = builder.node("Add", [builder.node("Gather", [x!, rows!], { axis: 0 }), updates!])
    return builder.node("ScatterND", [x!, builder.node("Unsqueeze", [rows!, builder.ints([1])]), sums])
  },
  reference: ([x, rows, updates], _, [y]) => {
    for (let i = 0; i < y!.data.length; i++) y!.data[i] = x!.data[i]!
    forEachTaken(rows!, updates!, (whole, part) => {
      y!.data[whole] = Number(y!.data[whole]) + Number(updates!.data[part])
    })
  },
})

/** x with something added to the samples at `rows`, each at most once. x [N, ...], rows int64 [K], updates [K, ...]. */
export function addRows(x: Tensor, rows: Tensor, updates: Tensor): Tensor {
  return addRowsOp([x, rows, updates], {})
}

export const padRowsOp: Op<{ count: number }> = defineOp<{ count: number }>({
  name: "padRows",
  shape: ([x], { count }) => ({ shape: [count, ...x!.shape.slice(1)], dtype: x!.dtype }),
  onnx: (builder, [x], { count }, node) => {
    const rank = node.inputs[0]!.rank
    const size = builder.node("Shape", [x!], { start: 0, end: 1 })
    const missing = builder.node("Sub", [builder.ints([count]), size])
    const pads = [zeros(builder, rank), missing, ...(rank > 1 ? [zeros(builder, rank - 1)] : [])]
    return builder.node("Pad", [x!, builder.node("Concat", pads, { axis: 0 })], { mode: "constant" })
  },
  reference: ([x], _, [y]) => {
    y!.data.fill(0 as never)
    for (let i = 0; i < x!.data.length; i++) y!.data[i] = x!.data[i]!
  },
})

const zeros = (builder: OnnxBuilder, count: number) => builder.ints(new Array<number>(count).fill(0))

/** x followed by samples of zeros, `count` in all. x [K, ...] with K of at most `count`. Has no gradient. */
export function padRows(x: Tensor, count: number): Tensor {
  return (x.dim(0) as Dim) === count ? x : padRowsOp([x], { count })
}
