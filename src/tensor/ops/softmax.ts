/** Softmax over the last axis, and the losses that are made of it. */

import type { NdArray } from "../ndarray.ts"
import { defineOp, expectShape, type OnnxBuilder, type Op, type Tensor } from "../tensor.ts"
import { mul, neg, sub } from "./elementwise.ts"
import { dotLast, mean, sum } from "./reduce.ts"

type None = Record<never, never>

const shape = ([x]: readonly Tensor[]) => ({ shape: x!.shape, dtype: x!.dtype })
const emit = (type: string) => (builder: OnnxBuilder, inputs: readonly string[]) =>
  builder.node(type, inputs, { axis: -1 })

/** Calls `visit` for each row with its start, its largest value and the logarithm of its sum of exponentials. */
function forEachRow(x: NdArray, visit: (start: number, end: number, logSumExp: number) => void): void {
  const width = x.shape.at(-1)!
  for (let start = 0; start < x.data.length; start += width) {
    let largest = Number.NEGATIVE_INFINITY
    for (let i = start; i < start + width; i++) largest = Math.max(largest, Number(x.data[i]))
    let total = 0
    for (let i = start; i < start + width; i++) total += Math.exp(Number(x.data[i]) - largest)
    visit(start, start + width, largest + Math.log(total))
  }
}

const softmaxOp: Op<None> = defineOp<None>({
  name: "softmax",
  shape,
  gradient: (_, [y], [dy]) => [mul(y!, sub(dy!, dotLast(dy!, y!)))],
  onnx: emit("Softmax"),
  reference: ([x], _, [y]) => {
    forEachRow(x!, (start, end, logSumExp) => {
      for (let i = start; i < end; i++) y!.data[i] = Math.exp(Number(x!.data[i]) - logSumExp)
    })
  },
})

const logSoftmaxOp: Op<None> = defineOp<None>({
  name: "logSoftmax",
  shape,
  gradient: ([x], _, [dy]) => [sub(dy!, mul(softmax(x!), sum(dy!, [-1], { keepDims: true })))],
  onnx: emit("LogSoftmax"),
  reference: ([x], _, [y]) => {
    forEachRow(x!, (start, end, logSumExp) => {
      for (let i = start; i < end; i++) y!.data[i] = Number(x!.data[i]) - logSumExp
    })
  },
})

/** exp(x) / sum(exp(x)) over the last axis. */
export const softmax = (x: Tensor): Tensor => softmaxOp([x], {})
/** log(softmax(x)) over the last axis, computed without overflow. */
export const logSoftmax = (x: Tensor): Tensor => logSoftmaxOp([x], {})

/** Mean over the batch of -sum(target log softmax(logits)). logits and targets [N, K]; the targets of a row sum to 1. */
export function crossEntropy(logits: Tensor, targets: Tensor): Tensor {
  expectShape("crossEntropy: targets", targets, logits.shape)
  return mean(neg(sum(mul(targets, logSoftmax(logits)), [-1])))
}
