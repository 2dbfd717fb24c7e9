/** Operators that move or view elements and compute nothing. */

import { type Dim, divideDims, printShape, productOf, type Shape, sameShape, symbolOf } from "../dim.ts"
import { applies, broadcastShapes, defineOp, named, normalizeAxis, type Op, type Tensor } from "../tensor.ts"
import { sumToShape } from "./elementwise.ts"
import { broadcastStrides, forEachIndex, stridesOf } from "./reference.ts"

const copy = (from: ArrayLike<unknown>, to: { [i: number]: unknown; length: number }) => {
  for (let i = 0; i < to.length; i++) to[i] = from[i]
}

const reshapeOp: Op<{ shape: Shape }> = defineOp<{ shape: Shape }>({
  name: "reshape",
  shape: ([x], { shape }) => {
    if (productOf(shape) !== productOf(x!.shape)) {
      throw new RangeError(`cannot view ${printShape(x!.shape)} as ${printShape(shape)}`)
    }
    return { shape, dtype: x!.dtype }
  },
  gradient: ([x], _, [dy]) => [reshape(dy!, x!.shape)],
  onnx: (builder, [x], { shape }) =>
    builder.node("Reshape", [x!, builder.ints(shape.map((dim) => (symbolOf(dim) ? -1 : (dim as number))))]),
  reference: ([x], _, [y]) => copy(x!.data, y!.data),
})

/** The same elements under another shape; one dimension may be -1: what is left. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const resolved = resolveShape(x, shape)
  if (sameShape(x.shape, resolved)) return x
  // A view of a view is one view.
  const source = applies(x.node, reshapeOp) ? x.node.inputs[0]! : x
  return sameShape(source.shape, resolved) ? source : reshapeOp([source], { shape: resolved })
}

function resolveShape(x: Tensor, shape: Shape): Shape {
  const free = shape.indexOf(-1)
  if (free < 0) return shape
  const rest = productOf(shape.filter((_, i) => i !== free))
  const dim: Dim | undefined = divideDims(productOf(x.shape), rest)
  if (dim === undefined) {
    throw new RangeError(`reshape: cannot view ${printShape(x.shape)} as ${printShape(shape)}`)
  }
  return shape.map((d, i) => (i === free ? dim : d))
}

const transposeOp: Op<{ permutation: readonly number[] }> = defineOp<{ permutation: readonly number[] }>({
  name: "transpose",
  shape: ([x], { permutation }) => {
    if (permutation.length !== x!.rank || new Set(permutation).size !== x!.rank) {
      throw new RangeError(`[${permutation.join(", ")}] is no permutation of the axes of ${printShape(x!.shape)}`)
    }
    return { shape: permutation.map((axis) => x!.shape[axis]!), dtype: x!.dtype }
  },
  gradient: (_x, _y, [dy], { permutation }) => [
    transpose(
      dy!,
      permutation.map((_, axis) => permutation.indexOf(axis)),
    ),
  ],
  onnx: (builder, [x], { permutation }) => builder.node("Transpose", [x!], { perm: permutation }),
  reference: ([x], { permutation }, [y]) => {
    const strides = stridesOf(x!.shape)
    const moved = permutation.map((axis) => strides[axis]!)
    forEachIndex(y!.shape, [moved], (i, [j]) => {
      y!.data[i] = x!.data[j!]!
    })
  },
})

/** Reorders the axes: axis i of the result is axis `permutation[i]` of x. Without one, reverses them. */
export function transpose(x: Tensor, permutation?: readonly number[]): Tensor {
  const order = permutation?.map((axis) => axisOf("transpose", x, axis)) ?? x.shape.map((_, axis) => x.rank - 1 - axis)
  return order.every((axis, i) => axis === i) && order.length === x.rank ? x : transposeOp([x], { permutation: order })
}

/** The second input gives the shape and nothing else, so that symbolic dimensions have a source when the graph runs. */
const broadcastToOp: Op<Record<never, never>> = defineOp<Record<never, never>>({
  name: "broadcastTo",
  shape: ([x, like]) => {
    if (!sameShape(broadcastShapes(x!.shape, like!.shape), like!.shape)) {
      throw new RangeError(`${printShape(x!.shape)} does not broadcast to ${printShape(like!.shape)}`)
    }
    return { shape: like!.shape, dtype: x!.dtype }
  },
  gradient: ([x], _, [dy]) => [sumToShape(dy!, x!.shape), undefined],
  onnx: (builder, [x, like], _, node) => {
    const shape = node.outputs[0]!.shape
    const isStatic = shape.every((dim) => typeof dim === "number")
    return builder.node("Expand", [x!, isStatic ? builder.ints(shape as number[]) : builder.node("Shape", [like!])])
  },
  reference: ([x], _, [y]) => {
    forEachIndex(y!.shape, [broadcastStrides(x!.shape, y!.shape)], (i, [j]) => {
      y!.data[i] = x!.data[j!]!
    })
  },
})

/** Repeats x along the axes where it has size 1, to the shape of `like`. */
export function broadcastTo(x: Tensor, like: Tensor): Tensor {
  return sameShape(x.shape, like.shape) ? x : broadcastToOp([x, like], {})
}

interface Flip {
  axis: number
}

const flipOp: Op<Flip> = defineOp<Flip>({
  name: "flip",
  shape: ([x], { axis }) => {
    if (typeof x!.shape[axis] !== "number")
      throw new RangeError(`axis ${axis} of ${printShape(x!.shape)} has no fixed size`)
    return { shape: x!.shape, dtype: x!.dtype }
  },
  gradient: (_x, _y, [dy], { axis }) => [flip(dy!, axis)],
  onnx: (builder, [x], { axis }, node) => {
    const size = node.inputs[0]!.shape[axis] as number
    return builder.node("Gather", [x!, builder.ints(Array.from({ length: size }, (_, i) => size - 1 - i))], { axis })
  },
  reference: ([x], { axis }, [y]) => {
    const strides = stridesOf(x!.shape)
    forEachIndex(y!.shape, [strides], (i, _, index) => {
      y!.data[i] = x!.data[i + (x!.shape[axis]! - 1 - 2 * index[axis]!) * strides[axis]!]!
    })
  },
})

/** Reverses the order along one axis. */
export const flip = (x: Tensor, axis: number): Tensor => flipOp([x], { axis: axisOf("flip", x, axis) })

interface Range {
  axis: number
  start: number
  end: number
}

const sliceOp: Op<Range> = defineOp<Range>({
  name: "slice",
  shape: ([x], { axis, start, end }) => {
    const size = fixedSize(x!, axis)
    if (!(0 <= start && start < end && end <= size)) {
      throw new RangeError(`${start} to ${end} is no range of axis ${axis} of ${printShape(x!.shape)}`)
    }
    return { shape: x!.shape.map((dim, i) => (i === axis ? end - start : dim)), dtype: x!.dtype }
  },
  gradient: ([x], _, [dy], { axis, start, end }) => [
    padOp([dy!], { axis, before: start, after: fixedSize(x!, axis) - end }),
  ],
  onnx: (builder, [x], { axis, start, end }) =>
    builder.node("Slice", [x!, builder.ints([start]), builder.ints([end]), builder.ints([axis])]),
  reference: ([x], { axis, start }, [y]) => {
    const strides = stridesOf(x!.shape)
    forEachIndex(y!.shape, [strides], (i, [j]) => {
      y!.data[i] = x!.data[j! + start * strides[axis]!]!
    })
  },
})

/** Elements `start` to `end` (exclusive) along one axis. */
export function slice(x: Tensor, axis: number, start: number, end: number): Tensor {
  const along = axisOf("slice", x, axis)
  return start === 0 && end === x.shape[along] ? x : sliceOp([x], { axis: along, start, end })
}

interface Padding {
  axis: number
  before: number
  after: number
}

const padOp: Op<Padding> = defineOp<Padding>({
  name: "pad",
  shape: ([x], { axis, before, after }) => {
    const size = fixedSize(x!, axis)
    if (before < 0 || after < 0) throw new RangeError(`padding must not be negative, got ${before} and ${after}`)
    return { shape: x!.shape.map((dim, i) => (i === axis ? before + size + after : dim)), dtype: x!.dtype }
  },
  gradient: ([x], _, [dy], { axis, before }) => [slice(dy!, axis, before, before + fixedSize(x!, axis))],
  onnx: (builder, [x], { axis, before, after }, node) => {
    const rank = node.inputs[0]!.rank
    const pads = new Array<number>(2 * rank).fill(0)
    pads[axis] = before
    pads[axis + rank] = after
    return builder.node("Pad", [x!, builder.ints(pads)])
  },
  reference: ([x], { axis, before }, [y]) => {
    const strides = stridesOf(y!.shape)
    forEachIndex(x!.shape, [strides], (i, [j]) => {
      y!.data[j! + before * strides[axis]!] = x!.data[i]!
    })
  },
})

/** Zeros before and after x along one axis. */
export function pad(x: Tensor, axis: number, before: number, after: number): Tensor {
  return before === 0 && after === 0 ? x : padOp([x], { axis: axisOf("pad", x, axis), before, after })
}

function axisOf(operator: string, x: Tensor, axis: number): number {
  return named(operator, () => normalizeAxis(axis, x.rank))
}

function fixedSize(x: Tensor, axis: number): number {
  const size = x.shape[axis]
  if (typeof size !== "number") throw new RangeError(`axis ${axis} of ${printShape(x.shape)} has no fixed size`)
  return size
}
