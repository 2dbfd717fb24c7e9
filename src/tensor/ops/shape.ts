/** Operators that view or move all elements of a tensor, and compute nothing. */

import { type Dim, divideDims, expectDims, printShape, productOf, type Shape, sameShape, symbolOf } from "../dim.ts"
import { zeros } from "../ndarray.ts"
import { applies, broadcastShapes, constant, defineOp, named, normalizeAxis, type Op, type Tensor } from "../tensor.ts"
import { sumToShape } from "./elementwise.ts"
import { broadcastStrides, forEachIndex, stridesOf } from "./reference.ts"

const copy = (from: ArrayLike<unknown>, to: { [i: number]: unknown; length: number }) => {
  for (let i = 0; i < to.length; i++) to[i] = from[i]
}

export const reshapeOp: Op<{ shape: Shape }> = defineOp<{ shape: Shape }>({
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
  named("reshape", () => expectDims(shape.filter((_, i) => i !== free)))
  if (free < 0) return shape
  const rest = productOf(shape.filter((_, i) => i !== free))
  const dim: Dim | undefined = divideDims(productOf(x.shape), rest)
  if (dim === undefined) {
    throw new RangeError(`reshape: cannot view ${printShape(x.shape)} as ${printShape(shape)}`)
  }
  return shape.map((d, i) => (i === free ? dim : d))
}

/** x with an axis of size 1 put in, so that it is axis `axis` of the result. */
export function unsqueeze(x: Tensor, axis: number): Tensor {
  const at = named("unsqueeze", () => normalizeAxis(axis, x.rank + 1))
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)])
}

/** x without an axis of size 1. Throws a RangeError if it has another size. */
export function squeeze(x: Tensor, axis: number): Tensor {
  const at = axisOf("squeeze", x, axis)
  if (x.shape[at] !== 1) throw new RangeError(`squeeze: axis ${at} of ${printShape(x.shape)} has not size 1`)
  return reshape(x, [...x.shape.slice(0, at), ...x.shape.slice(at + 1)])
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
export const broadcastToOp: Op<Record<never, never>> = defineOp<Record<never, never>>({
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

/** Zeros of the shape and the type of x. */
export const zerosLike = (x: Tensor): Tensor => broadcastTo(constant(zeros([], x.dtype)), x)

interface Flip {
  axis: number
}

const flipOp: Op<Flip> = defineOp<Flip>({
  name: "flip",
  shape: ([x], { axis }) => {
    fixedSize(x!, axis)
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

/** An axis in 0 .. rank - 1. Throws a RangeError that begins with the operator for others. */
export function axisOf(operator: string, x: Tensor, axis: number): number {
  return named(operator, () => normalizeAxis(axis, x.rank))
}

/** The size of an axis. Throws a RangeError if it is symbolic. */
export function fixedSize(x: Tensor, axis: number): number {
  const size = x.shape[axis]
  if (typeof size !== "number") throw new RangeError(`axis ${axis} of ${printShape(x.shape)} has no fixed size`)
  return size
}
