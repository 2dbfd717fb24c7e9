/**
 * Reading and adding at positions that are tensors themselves, and finding such positions. Indices are int32 or int64;
 * the operators that find them give int32. An index that is not there fails when the graph runs; negative indices count
 * from the end.
 */

import { expectWhole } from "../checks.ts"
import { printShape, productOf, type Shape } from "../dim.ts"
import { type NdArray, ndarray } from "../ndarray.ts"
import { constant, defineOp, expectShape, named, normalizeAxis, type Op, type Tensor } from "../tensor.ts"
import { cast } from "./cast.ts"
import { equal } from "./compare.ts"
import { forEachIndex, forEachInLane, forEachLane, type Lane, stridesOf } from "./reference.ts"
import { broadcastTo, reshape, zerosLike } from "./shape.ts"

interface Along {
  /** In 0 .. rank - 1. */
  axis: number
}

function expectIndices(indices: Tensor): void {
  if (indices.dtype !== "int32" && indices.dtype !== "int64") {
    throw new RangeError(`indices must be int32 or int64, got ${indices}`)
  }
}

/** The index at a position, in 0 .. size - 1. Throws a RangeError for one that is not there, as the device does. */
function indexAt(indices: NdArray, position: number, size: number): number {
  const index = Number(indices.data[position])
  const positive = index < 0 ? index + size : index
  if (positive < 0 || positive >= size) throw new RangeError(`index ${index} is out of range for size ${size}`)
  return positive
}

/** `shape` with the one dimension at `axis` replaced by others. */
const replaceAxis = (shape: Shape, axis: number, by: Shape): Shape => [
  ...shape.slice(0, axis),
  ...by,
  ...shape.slice(axis + 1),
]

const gatherOp: Op<Along> = defineOp<Along>({
  name: "gather",
  shape: ([x, indices], { axis }) => {
    expectIndices(indices!)
    return { shape: replaceAxis(x!.shape, axis, indices!.shape), dtype: x!.dtype }
  },
  gradient: ([x, indices], _, [dy], { axis }) => [scatterAdd(zerosLike(x!), indices!, dy!, axis), undefined],
  onnx: (builder, inputs, { axis }) => builder.node("Gather", inputs, { axis }),
  reference: ([x, indices], { axis }, [y]) => {
    const strides = stridesOf(x!.shape)
    const still = indices!.shape.map(() => 0)
    const ofX = [...strides.slice(0, axis), ...still, ...strides.slice(axis + 1)]
    const ofIndices = y!.shape.map((_, i) => stridesOf(indices!.shape)[i - axis] ?? 0)
    forEachIndex(y!.shape, [ofX, ofIndices], (i, [at, which]) => {
      y!.data[i] = x!.data[at! + indexAt(indices!, which!, x!.shape[axis]!) * strides[axis]!]!
    })
  },
})

/**
 * The slices of x at some indices of one axis, as torch.index_select, for indices of any shape:
 * x [..A, S, ..B] and indices [..I] give [..A, ..I, ..B].
 */
export function gather(x: Tensor, indices: Tensor, axis = 0): Tensor {
  return gatherOp([x, indices], { axis: named("gather", () => normalizeAxis(axis, x.rank)) })
}

/**
 * x with slices added at some indices of one axis, as torch.index_add; an index may occur several times.
 * x [..A, S, ..B], indices [..I], updates [..A, ..I, ..B]. This is the gradient of `gather`.
 */
export function scatterAdd(x: Tensor, indices: Tensor, updates: Tensor, axis = 0): Tensor {
  return named("scatterAdd", () => {
    const along = normalizeAxis(axis, x.rank)
    expectIndices(indices)
    expectShape("updates", updates, replaceAxis(x.shape, along, indices.shape))
    const count = productOf(indices.shape)
    const flat = reshape(updates, replaceAxis(x.shape, along, [count]))
    const column = x.shape.map((_, i) => (i === along ? count : 1))
    return scatterAddElements(x, broadcastTo(reshape(indices, column), flat), flat, along)
  })
}

/** Throws a RangeError unless `x` and `indices` differ in nothing but the size of the axis. */
function expectSameBut(axis: number, x: Tensor, indices: Tensor): void {
  expectIndices(indices)
  expectShape(
    "indices",
    indices,
    x.shape.map((dim, i) => (i === axis ? (indices.shape[i] ?? dim) : dim)),
  )
}

/** Calls `visit` for each element of `indices` with its position and that of the element of x that it names. */
function forEachNamed(x: NdArray, indices: NdArray, axis: number, visit: (i: number, at: number) => void): void {
  const strides = stridesOf(x.shape)
  const others = strides.map((stride, i) => (i === axis ? 0 : stride))
  forEachIndex(indices.shape, [others], (i, [at]) => {
    visit(i, at! + indexAt(indices, i, x.shape[axis]!) * strides[axis]!)
  })
}

const gatherElementsOp: Op<Along> = defineOp<Along>({
  name: "gatherElements",
  shape: ([x, indices], { axis }) => {
    expectSameBut(axis, x!, indices!)
    return { shape: indices!.shape, dtype: x!.dtype }
  },
  gradient: ([x, indices], _, [dy], { axis }) => [scatterAddElements(zerosLike(x!), indices!, dy!, axis), undefined],
  onnx: (builder, inputs, { axis }) => builder.node("GatherElements", inputs, { axis }),
  reference: ([x, indices], { axis }, [y]) => {
    forEachNamed(x!, indices!, axis, (i, at) => {
      y!.data[i] = x!.data[at]!
    })
  },
})

/**
 * One element of x for each index, along an axis, as torch.gather: y[a, i, b] = x[a, indices[a, i, b], b].
 * x [..A, S, ..B], indices and the result [..A, I, ..B].
 */
export function gatherElements(x: Tensor, indices: Tensor, axis: number): Tensor {
  return gatherElementsOp([x, indices], { axis: named("gatherElements", () => normalizeAxis(axis, x.rank)) })
}

/** ONNX has ScatterND for whole slices, but ONNX Runtime lets threads race in it where an index occurs twice. */
const scatterAddElementsOp: Op<Along> = defineOp<Along>({
  name: "scatterAddElements",
  shape: ([x, indices, updates], { axis }) => {
    expectSameBut(axis, x!, indices!)
    expectShape("updates", updates!, indices!.shape)
    return { shape: x!.shape, dtype: x!.dtype }
  },
  gradient: ([, indices], _, [dy], { axis }) => [dy, undefined, gatherElements(dy!, indices!, axis)],
  onnx: (builder, inputs, { axis }) => builder.node("ScatterElements", inputs, { axis, reduction: "add" }),
  reference: ([x, indices, updates], { axis }, [y]) => {
    for (let i = 0; i < y!.data.length; i++) y!.data[i] = x!.data[i]!
    forEachNamed(x!, indices!, axis, (i, at) => {
      y!.data[at] = Number(y!.data[at]) + Number(updates!.data[i])
    })
  },
})

/**
 * x with an element added at each index, along an axis, as torch.scatter_add: y[a, indices[a, i, b], b] += updates[a, i, b].
 * x [..A, S, ..B], indices and updates [..A, I, ..B]. This is the gradient of `gatherElements`.
 */
export function scatterAddElements(x: Tensor, indices: Tensor, updates: Tensor, axis: number): Tensor {
  const along = named("scatterAddElements", () => normalizeAxis(axis, x.rank))
  return scatterAddElementsOp([x, indices, updates], { axis: along })
}

/**
 * float32 [..., depth]: 1 at each index, 0 elsewhere; only zeros for an index that is not in 0 .. depth - 1.
 * Throws a RangeError unless the depth is a whole number of at least 1.
 */
export function oneHot(indices: Tensor, depth: number): Tensor {
  named("oneHot", () => {
    expectIndices(indices)
    expectWhole("depth", depth, 1)
  })
  const positions = Array.from({ length: depth }, (_, i) => i)
  const range =
    indices.dtype === "int64"
      ? ndarray(BigInt64Array.from(positions, BigInt), [depth], "int64")
      : ndarray(positions, [depth], "int32")
  return cast(equal(reshape(indices, [...indices.shape, 1]), constant(range)), "float32")
}

/** The indices along a lane in the order of their values, the largest first and equal ones as they stand. */
function descending(x: NdArray, lane: Lane): number[] {
  const values: number[] = []
  forEachInLane(lane, (at) => values.push(Number(x.data[at])))
  return values.map((_, i) => i).sort((a, b) => values[b]! - values[a]!)
}

const argMaxOp: Op<Along> = defineOp<Along>({
  name: "argMax",
  shape: ([x], { axis }) => ({ shape: replaceAxis(x!.shape, axis, []), dtype: "int32" }),
  onnx: (builder, [x], { axis }) =>
    builder.node("Cast", [builder.node("ArgMax", [x!], { axis, keepdims: 0 })], { to: "int32" }),
  reference: ([x], { axis }, [y]) => {
    let i = 0
    forEachLane(x!.shape, axis, (lane) => {
      y!.data[i++] = descending(x!, lane)[0]!
    })
  },
})

/** Index of the largest element along an axis, the first of equal ones: int32, without the axis. No gradient. */
export function argMax(x: Tensor, axis: number): Tensor {
  return argMaxOp([x], { axis: named("argMax", () => normalizeAxis(axis, x.rank)) })
}

const topKOp: Op<Along & { k: number }> = defineOp<Along & { k: number }>({
  name: "topK",
  shape: ([x], { axis, k }) => {
    const size = x!.shape[axis]!
    if (!(Number.isInteger(k) && k >= 1 && typeof size === "number" && k <= size)) {
      throw new RangeError(`axis ${axis} of ${printShape(x!.shape)} has no ${k} largest elements`)
    }
    const shape = replaceAxis(x!.shape, axis, [k])
    return [
      { shape, dtype: x!.dtype },
      { shape, dtype: "int32" },
    ]
  },
  gradient: ([x], [, indices], [dy], { axis }) => [scatterAddElements(zerosLike(x!), indices!, dy!, axis)],
  onnx: (builder, [x], { axis, k }) => {
    const [values, indices] = builder.nodes("TopK", [x!, builder.ints([k])], { axis }, 2)
    return [values!, builder.node("Cast", [indices!], { to: "int32" })]
  },
  reference: ([x], { axis }, [values, indices]) => {
    const sources: Lane[] = []
    forEachLane(x!.shape, axis, (lane) => sources.push(lane))
    let which = 0
    forEachLane(values!.shape, axis, (lane) => {
      const source = sources[which++]!
      const order = descending(x!, source)
      forEachInLane(lane, (at, i) => {
        values!.data[at] = x!.data[source.start + order[i]! * source.step]!
        indices!.data[at] = order[i]!
      })
    })
  },
})

/**
 * The k largest elements along an axis, largest first, and their indices (int32); of equal elements the first ones.
 * Throws a RangeError if the axis has no fixed size of at least k.
 */
export function topK(x: Tensor, k: number, axis = -1): { values: Tensor; indices: Tensor } {
  const along = named("topK", () => normalizeAxis(axis, x.rank))
  const [values, indices] = topKOp.apply([x], { axis: along, k })
  return { values: values!, indices: indices! }
}

const cumulativeSumOp: Op<Along & { reverse: boolean }> = defineOp<Along & { reverse: boolean }>({
  name: "cumulativeSum",
  shape: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  gradient: (_x, _y, [dy], { axis, reverse }) => [cumulativeSumOp([dy!], { axis, reverse: !reverse })],
  onnx: (builder, [x], { axis, reverse }) =>
    builder.node("CumSum", [x!, builder.ints([axis])], { reverse: reverse ? 1 : 0 }),
  reference: ([x], { axis, reverse }, [y]) => {
    forEachLane(x!.shape, axis, ({ start, step, size }) => {
      let total = 0
      for (let i = 0; i < size; i++) {
        const at = start + (reverse ? size - 1 - i : i) * step
        total += Number(x!.data[at])
        y!.data[at] = total
      }
    })
  },
})

/** Sums of the elements up to and including each one, along an axis. Same shape as x. */
export function cumulativeSum(x: Tensor, axis: number): Tensor {
  return cumulativeSumOp([x], { axis: named("cumulativeSum", () => normalizeAxis(axis, x.rank)), reverse: false })
}
