/** Reductions over axes. */

import { bindShape, type Dim, printShape, productOf, type Shape, symbolOf } from "../dim.ts"
import type { NdArray } from "../ndarray.ts"
import { defineOp, named, normalizeAxes, type OnnxBuilder, type Op, type Tensor } from "../tensor.ts"
import { cast } from "./cast.ts"
import { equal, where } from "./compare.ts"
import { div, exp, mul, square, sub } from "./elementwise.ts"
import { broadcastStrides, forEachIndex } from "./reference.ts"
import { broadcastTo, reshape } from "./shape.ts"

/** What a reduction goes over. */
export interface Axes {
  /** Sorted, in 0 .. rank - 1. */
  axes: readonly number[]
  keepDims: boolean
}

export interface ReduceOptions {
  /** Keep the reduced axes with size 1. Default false. */
  keepDims?: boolean
}

function reducedShape(shape: Shape, axes: readonly number[], keepDims: boolean): Shape {
  return keepDims
    ? shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim))
    : shape.filter((_, axis) => !axes.includes(axis))
}

/** Broadcasts a reduced tensor back to the shape of `x`. */
function expand(reduced: Tensor, x: Tensor, axes: readonly number[]): Tensor {
  return broadcastTo(reshape(reduced, reducedShape(x.shape, axes, true)), x)
}

/** Accumulates the elements of `x` into the outputs they reduce to, which begin as `start`. */
function reduceInto(
  x: NdArray,
  y: NdArray,
  axes: readonly number[],
  start: number,
  combine: (a: number, b: number) => number,
): void {
  y.data.fill(start as never)
  const kept = reducedShape(x.shape, axes, true) as number[]
  forEachIndex(x.shape, [broadcastStrides(kept, x.shape)], (i, [j]) => {
    y.data[j!] = combine(Number(y.data[j!]), Number(x.data[i]))
  })
}

const emit =
  (type: string) =>
  (builder: OnnxBuilder, [x]: readonly string[], { axes, keepDims }: Axes) =>
    builder.node(type, [x!, builder.ints(axes)], { keepdims: keepDims ? 1 : 0 })

const shape = ([x]: readonly Tensor[], { axes, keepDims }: Axes) => ({
  shape: reducedShape(x!.shape, axes, keepDims),
  dtype: x!.dtype,
})

const sumOp: Op<Axes> = defineOp<Axes>({
  name: "sum",
  shape,
  gradient: ([x], _, [dy], { axes }) => [expand(dy!, x!, axes)],
  onnx: emit("ReduceSum"),
  reference: ([x], { axes }, [y]) => reduceInto(x!, y!, axes, 0, (a, b) => a + b),
})

const meanOp: Op<Axes> = defineOp<Axes>({
  name: "mean",
  shape,
  gradient: ([x], _, [dy], { axes }) => [div(expand(dy!, x!, axes), sizeAlong(x!, axes))],
  onnx: emit("ReduceMean"),
  reference: ([x], { axes }, [y]) => {
    reduceInto(x!, y!, axes, 0, (a, b) => a + b)
    const count = x!.data.length / y!.data.length
    for (let i = 0; i < y!.data.length; i++) y!.data[i] = Number(y!.data[i]) / count
  },
})

/** Number of elements along some axes, as a scalar of the type of x. */
const countOp: Op<{ axes: readonly number[] }> = defineOp<{ axes: readonly number[] }>({
  name: "count",
  shape: ([x]) => ({ shape: [], dtype: x!.dtype }),
  gradient: () => [undefined],
  onnx: (builder, [x], { axes }, node) => {
    const along = axes.map((axis) => node.inputs[0]!.shape[axis]!)
    const shape = builder.node("Shape", [x!])
    const counts = builder.node("Gather", [shape, builder.ints(along.map((_, i) => axes[i]!))], { axis: 0 })
    const product = builder.node("ReduceProd", [counts, builder.ints([0])], { keepdims: 0 })
    return builder.node("Cast", [product], { to: node.inputs[0]!.dtype })
  },
  reference: ([x], { axes }, [y]) => {
    y!.data[0] = axes.reduce((count, axis) => count * x!.shape[axis]!, 1)
  },
})

/** The largest or smallest element. Equal ones share the gradient evenly, as in torch.amax and amin. */
function defineExtremum(name: string, onnx: string, start: number, pick: (a: number, b: number) => number): Op<Axes> {
  return defineOp<Axes>({
    name,
    shape,
    gradient: ([x], [y], [dy], { axes }) => {
      const isExtreme = equal(x!, expand(y!, x!, axes))
      const count = sum(cast(isExtreme, x!.dtype as "float32" | "float64"), axes, { keepDims: true })
      return [where(isExtreme, div(reshape(dy!, count.shape), count), 0)]
    },
    onnx: emit(onnx),
    reference: ([x], { axes }, [y]) => reduceInto(x!, y!, axes, start, pick),
  })
}

const maxOp = defineExtremum("max", "ReduceMax", Number.NEGATIVE_INFINITY, Math.max)
const minOp = defineExtremum("min", "ReduceMin", Number.POSITIVE_INFINITY, Math.min)

export const logSumExpOp: Op<Axes> = defineOp<Axes>({
  name: "logSumExp",
  shape,
  gradient: ([x], [y], [dy], { axes }) => {
    // Divided by their sum, the shares are free of the rounding of y, which is large where y is.
    const shares = exp(sub(x!, expand(y!, x!, axes)))
    const scale = div(expand(dy!, x!, axes), sum(shares, axes, { keepDims: true }))
    return [mul(shares, scale)]
  },
  onnx: emit("ReduceLogSumExp"),
  reference: ([x], { axes }, [y]) => {
    reduceInto(x!, y!, axes, Number.NEGATIVE_INFINITY, (a, b) => {
      const [low, high] = a < b ? [a, b] : [b, a]
      return low === Number.NEGATIVE_INFINITY ? high : high + Math.log1p(Math.exp(low - high))
    })
  },
})

/** Number of elements along some axes: a number, or a scalar of the type of x where it is known only when the graph runs. */
export function sizeAlong(x: Tensor, axes: readonly number[]): Tensor | number {
  const size: Dim = productOf(axes.map((axis) => x.shape[axis]!))
  return symbolOf(size) === undefined ? bindShape([size], {})[0]! : countOp([x], { axes })
}

function reduction(op: Op<Axes>) {
  return (x: Tensor, axes?: readonly number[], { keepDims = false }: ReduceOptions = {}): Tensor => {
    const reduced = named(op.name, () => normalizeAxes(axes ?? x.shape.map((_, axis) => axis), x.rank))
    // ONNX takes an empty list of axes for all of them.
    return reduced.length === 0 ? x : op([x], { axes: reduced, keepDims })
  }
}

/** Sum over the given axes, all of them if none are given. */
export const sum = reduction(sumOp)
/** Arithmetic mean over the given axes, all of them if none are given. */
export const mean = reduction(meanOp)

/** Largest element over the given axes, all of them if none are given. Equal ones share the gradient evenly. */
export const max = reduction(maxOp)
/** Smallest element over the given axes, all of them if none are given. Equal ones share the gradient evenly. */
export const min = reduction(minOp)
/** log(sum(exp(x))) over the given axes, all of them if none are given, computed without overflow. */
export const logSumExp = reduction(logSumExpOp)

export interface VarianceOptions extends ReduceOptions {
  /** What is taken from the number of elements that the squares are divided by; 1 for the unbiased variance. Default 0. */
  correction?: 0 | 1
}

/**
 * Mean squared distance from the mean over the given axes, all of them if none are given.
 * Throws a RangeError for the unbiased variance of a single element.
 */
export function variance(
  x: Tensor,
  axes: readonly number[] = x.shape.map((_, axis) => axis),
  { keepDims = false, correction = 0 }: VarianceOptions = {},
): Tensor {
  const along = named("variance", () => normalizeAxes(axes, x.rank))
  const squares = square(sub(x, mean(x, along, { keepDims: true })))
  if (correction === 0) return mean(squares, along, { keepDims })
  const size = sizeAlong(x, along)
  if (typeof size === "number" && size < 2) {
    throw new RangeError(`variance: ${size} element of ${printShape(x.shape)} has no unbiased variance`)
  }
  return div(sum(squares, along, { keepDims }), sub(size, 1))
}

/** Euclidean dot product along the last axis, which is kept with size 1. */
export const dotLast = (a: Tensor, b: Tensor): Tensor => sum(mul(a, b), [-1], { keepDims: true })

/**
 * Sum or mean of each channel over the batch: [N, ..., C] to [C]. The positions of each sample go first: ONNX Runtime
 * shares that among its threads, and in one step it does not.
 */
export function perChannel(reduce: typeof sum, x: Tensor): Tensor {
  if (x.rank === 1) return x
  const positions = Array.from({ length: x.rank - 2 }, (_, i) => i + 1)
  return reduce(reduce(x, positions), [0])
}
