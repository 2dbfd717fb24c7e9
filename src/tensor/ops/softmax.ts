/** Softmax over one axis. */

import type { NdArray } from "../ndarray.ts"
import { defineOp, named, normalizeAxis, type OnnxBuilder, type Op, type Tensor } from "../tensor.ts"
import { mul, sub } from "./elementwise.ts"
import { sum } from "./reduce.ts"
import { forEachInLane, forEachLane } from "./reference.ts"

/** What a softmax goes along. */
export interface Along {
  /** In 0 .. rank - 1. */
  axis: number
}

const shape = ([x]: readonly Tensor[]) => ({ shape: x!.shape, dtype: x!.dtype })
const emit = (type: string) => (builder: OnnxBuilder, inputs: readonly string[], attributes: Along) =>
  builder.node(type, inputs, { ...attributes })

const total = (x: Tensor, { axis }: Along) => sum(x, [axis], { keepDims: true })

/** Calls `visit` for each element with its position and its log-softmax. */
function forEachLogSoftmax(x: NdArray, { axis }: Along, visit: (position: number, value: number) => void): void {
  forEachLane(x.shape, axis, (lane) => {
    let largest = Number.NEGATIVE_INFINITY
    forEachInLane(lane, (at) => {
      largest = Math.max(largest, Number(x.data[at]))
    })
    let exponentials = 0
    forEachInLane(lane, (at) => {
      exponentials += Math.exp(Number(x.data[at]) - largest)
    })
    forEachInLane(lane, (at) => visit(at, Number(x.data[at]) - largest - Math.log(exponentials)))
  })
}

const softmaxOp: Op<Along> = defineOp<Along>({
  name: "softmax",
  shape,
  gradient: (_, [y], [dy], along) => [mul(y!, sub(dy!, total(mul(dy!, y!), along)))],
  onnx: emit("Softmax"),
  reference: ([x], along, [y]) => {
    forEachLogSoftmax(x!, along, (at, value) => {
      y!.data[at] = Math.exp(value)
    })
  },
})

export const logSoftmaxOp: Op<Along> = defineOp<Along>({
  name: "logSoftmax",
  shape,
  gradient: ([x], _, [dy], along) => [sub(dy!, mul(softmaxOp([x!], along), total(dy!, along)))],
  onnx: emit("LogSoftmax"),
  reference: ([x], along, [y]) => {
    forEachLogSoftmax(x!, along, (at, value) => {
      y!.data[at] = value
    })
  },
})

function along(op: Op<Along>) {
  return (x: Tensor, axis = -1): Tensor => op([x], { axis: named(op.name, () => normalizeAxis(axis, x.rank)) })
}

/** exp(x) / sum(exp(x)) over one axis, by default the last, computed without overflow. */
export const softmax = along(softmaxOp)
/** log(softmax(x)) over one axis, by default the last, computed without overflow. */
export const logSoftmax = along(logSoftmaxOp)
