/**
 * Weighted sums along one axis: what average pooling and interpolation have in common. Each output is a fixed sum of a
 * few inputs, so all outputs are a product with a small constant matrix, and the gradient is the product with its
 * transpose. It needs no other layout than [N, H, W, C].
 */

import { type Dim, printShape, productOf } from "../dim.ts"
import { ndarray } from "../ndarray.ts"
import { defineOp, named, normalizeAxis, type OnnxBuilder, type Op, type Tensor } from "../tensor.ts"

/** What one input adds to an output: its position along the axis, and its weight. */
export type Tap = readonly [position: number, weight: number]

/** The taps of each output. */
export type Taps = readonly (readonly Tap[])[]

interface Resample {
  axis: number
  taps: Taps
}

const resampleAxisOp: Op<Resample> = defineOp<Resample>({
  name: "resampleAxis",
  shape: ([x], { axis, taps }) => {
    if (typeof x!.dim(axis) !== "number") {
      throw new RangeError(`axis ${axis} of ${printShape(x!.shape)} has no fixed size`)
    }
    return { shape: x!.shape.map((dim, i) => (i === axis ? taps.length : dim)), dtype: x!.dtype }
  },
  gradient: ([x], _, [dy], { axis, taps }) => [
    resampleAxisOp([dy!], { axis, taps: transposed(taps, x!.dim(axis) as number) }),
  ],
  onnx: (builder, [x], { axis, taps }, node) => {
    const copied = copiedPositions(taps)
    if (copied) return builder.node("Gather", [x!, builder.ints(copied)], { axis })
    const shape = node.inputs[0]!.shape
    const size = shape[axis] as number
    const view = [productOf(shape.slice(0, axis)), size, productOf(shape.slice(axis + 1))]
    const rows = builder.node("MatMul", [builder.constant(matrix(taps, size)), reshaped(builder, x!, view)])
    return reshaped(builder, rows, node.outputs[0]!.shape)
  },
  reference: ([x], { axis, taps }, [y]) => {
    const size = x!.shape[axis]!
    const inner = x!.shape.slice(axis + 1).reduce((product, dim) => product * dim, 1)
    const outer = x!.data.length / (size * inner)
    for (let o = 0; o < outer; o++) {
      taps.forEach((row, position) => {
        for (let i = 0; i < inner; i++) {
          const total = row.reduce(
            (sum, [at, weight]) => sum + weight * Number(x!.data[(o * size + at) * inner + i]),
            0,
          )
          y!.data[(o * taps.length + position) * inner + i] = total
        }
      })
    }
  },
})

/** y[.., i, ..] = sum of weight x[.., position, ..] over the taps of i, along one axis. The other axes stay. */
export function resampleAxis(x: Tensor, axis: number, taps: Taps): Tensor {
  const along = named("resampleAxis", () => normalizeAxis(axis, x.rank))
  const copied = copiedPositions(taps)
  const isIdentity = copied?.length === x.shape[along] && copied?.every((position, i) => position === i)
  return isIdentity ? x : resampleAxisOp([x], { axis: along, taps })
}

const reshaped = (builder: OnnxBuilder, x: string, shape: readonly Dim[]) =>
  builder.node("Reshape", [x, builder.ints(shape.map((dim) => (typeof dim === "number" ? dim : -1)))])

/** The position that each output is a copy of; undefined if some output is more than a copy. */
function copiedPositions(taps: Taps): number[] | undefined {
  const isCopy = taps.every((row) => row.length === 1 && row[0]![1] === 1)
  return isCopy ? taps.map((row) => row[0]![0]) : undefined
}

/** The taps as a matrix [outputs, inputs]. */
function matrix(taps: Taps, size: number) {
  const values = new Float32Array(taps.length * size)
  taps.forEach((row, i) => {
    for (const [position, weight] of row) values[i * size + position]! += weight
  })
  return ndarray(values, [taps.length, size])
}

/** The taps of the transposed matrix. */
function transposed(taps: Taps, size: number): Taps {
  const columns = Array.from({ length: size }, (): Tap[] => [])
  taps.forEach((row, i) => {
    for (const [position, weight] of row) columns[position]!.push([i, weight])
  })
  return columns
}
