/** Matrix products. */

import { type Dim, printShape, productOf, type Shape } from "../dim.ts"
import type { NdArray } from "../ndarray.ts"
import { broadcastShapes, defineOp, expectShape, type OnnxAttributes, type Op, type Tensor } from "../tensor.ts"
import { sumToShape } from "./elementwise.ts"
import { perChannel, sum } from "./reduce.ts"
import { broadcastStrides, forEachIndex } from "./reference.ts"
import { reshape } from "./shape.ts"

export interface MatmulOptions {
  /** Take the first operand with its last two axes swapped. */
  transposeA?: boolean
  /** Take the second operand with its last two axes swapped. */
  transposeB?: boolean
}

/** A factor on a product, which costs nothing there. */
interface Scaled {
  /** Default 1. */
  alpha?: number
}

export interface MatmulAttributes extends Required<MatmulOptions>, Scaled {}

function parts(x: Tensor, transposed: boolean): { batch: Shape; rows: Dim; columns: Dim } {
  const [rows, columns] = transposed ? [x.dim(-1), x.dim(-2)] : [x.dim(-2), x.dim(-1)]
  return { batch: x.shape.slice(0, -2), rows, columns }
}

/** With `alpha`, which no function sets but passes do, operands must be matrices. */
export const matmulOp: Op<MatmulAttributes> = defineOp<MatmulAttributes>({
  name: "matmul",
  shape: ([a, b], { transposeA, transposeB, alpha }) => {
    if (alpha !== undefined && (a!.rank !== 2 || b!.rank !== 2)) throw new RangeError("only matrices take a factor")
    if (a!.rank < 2 || b!.rank < 2) {
      throw new RangeError(`operands must have rank 2 or more, got ${printShape(a!.shape)} and ${printShape(b!.shape)}`)
    }
    const x = parts(a!, transposeA)
    const y = parts(b!, transposeB)
    if (x.columns !== y.rows) {
      const swap = (transposed: boolean) => (transposed ? " (transposed)" : "")
      throw new RangeError(
        `inner sizes ${x.columns} and ${y.rows} differ: ` +
          `${printShape(a!.shape)}${swap(transposeA)} times ${printShape(b!.shape)}${swap(transposeB)}`,
      )
    }
    return { shape: [...broadcastShapes(x.batch, y.batch), x.rows, y.columns], dtype: a!.dtype }
  },
  gradient: ([a, b], _, [dy], { transposeA, transposeB, alpha }) => {
    const product = (x: Tensor, y: Tensor, { transposeA = false, transposeB = false }: MatmulOptions) =>
      matmulOp([x, y], { transposeA, transposeB, alpha })
    const da = transposeA
      ? product(b!, dy!, { transposeA: transposeB, transposeB: true })
      : product(dy!, b!, { transposeB: !transposeB })
    const db = transposeB
      ? product(dy!, a!, { transposeA: true, transposeB: transposeA })
      : product(a!, dy!, { transposeA: !transposeA })
    return [sumToShape(da, a!.shape), sumToShape(db, b!.shape)]
  },
  onnx: (builder, [a, b], { transposeA, transposeB, alpha }, node) => {
    if (node.inputs.every((x) => x.rank === 2)) {
      const transposes = { transA: transposeA ? 1 : 0, transB: transposeB ? 1 : 0 }
      return builder.node("Gemm", [a!, b!], { ...transposes, ...factor(alpha) })
    }
    const swapLast = (name: string, rank: number) =>
      builder.node("Transpose", [name], {
        perm: Array.from({ length: rank }, (_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i)),
      })
    return builder.node("MatMul", [
      transposeA ? swapLast(a!, node.inputs[0]!.rank) : a!,
      transposeB ? swapLast(b!, node.inputs[1]!.rank) : b!,
    ])
  },
  reference: ([a, b], { transposeA, transposeB, alpha = 1 }, [y]) => {
    const rank = y!.shape.length
    const rows = y!.shape[rank - 2]!
    const columns = y!.shape[rank - 1]!
    const inner = a!.shape.at(transposeA ? -2 : -1)!
    const batch = y!.shape.slice(0, -2)
    const matrixStrides = (x: NdArray) =>
      broadcastStrides(x.shape.slice(0, -2), batch).map((stride) => stride * x.shape.at(-1)! * x.shape.at(-2)!)
    const [aRow, aInner] = transposeA ? [1, rows] : [inner, 1]
    const [bInner, bColumn] = transposeB ? [1, inner] : [columns, 1]
    forEachIndex(batch, [matrixStrides(a!), matrixStrides(b!)], (i, [startA, startB]) => {
      for (let r = 0; r < rows; r++) {
        for (let c = 0; c < columns; c++) {
          let total = 0
          for (let k = 0; k < inner; k++) {
            total +=
              Number(a!.data[startA! + r * aRow + k * aInner]) * Number(b!.data[startB! + k * bInner + c * bColumn])
          }
          y!.data[(i * rows + r) * columns + c] = alpha * total
        }
      }
    })
  },
  macs: ([a], [y], { transposeA }) => macsOf(y!, parts(a!, transposeA).columns),
})

/** The attribute of Gemm. */
const factor = (alpha: number | undefined): OnnxAttributes => (alpha === undefined ? {} : { alpha: { float: alpha } })

/** Multiply-accumulates of a product with `inner` terms for each element of y, for a batch of one. */
function macsOf(y: Tensor, inner: Dim): number {
  return [...y.shape, inner].reduce<number>(
    (total, dim) => total * (typeof dim === "number" ? dim : coefficient(dim)),
    1,
  )
}

function coefficient(dim: string): number {
  return dim.includes("*") ? Number(dim.slice(0, dim.indexOf("*"))) : 1
}

/** Matrix product over the last two axes; the axes before them broadcast. [..., M, K] times [..., K, N] is [..., M, N]. */
export function matmul(a: Tensor, b: Tensor, { transposeA = false, transposeB = false }: MatmulOptions = {}): Tensor {
  return matmulOp([a, b], { transposeA, transposeB })
}

/** `alpha`, which no function sets but passes do, is on the product, not on the bias. */
export const linearOp: Op<Scaled> = defineOp<Scaled>({
  name: "linear",
  shape: ([x, weight, bias]) => {
    const [outputs, inputs] = weight!.shape
    if (weight!.rank !== 2) throw new RangeError(`weight must have rank 2, got ${printShape(weight!.shape)}`)
    if (x!.rank < 1 || x!.dim(-1) !== inputs) {
      throw new RangeError(`last axis of ${printShape(x!.shape)} does not fit weight ${printShape(weight!.shape)}`)
    }
    if (bias) expectShape("bias", bias, [outputs!])
    return { shape: [...x!.shape.slice(0, -1), outputs!], dtype: x!.dtype }
  },
  gradient: ([x, weight, bias], _, [dy], { alpha }) => {
    const rows = (t: Tensor) => reshape(t, [productOf(t.shape.slice(0, -1)), t.dim(-1)])
    const plain = { transposeA: false, transposeB: false, alpha }
    const dx = reshape(matmulOp([rows(dy!), weight!], plain), x!.shape)
    const dw = matmulOp([rows(dy!), rows(x!)], { ...plain, transposeA: true })
    return bias ? [dx, dw, perChannel(sum, dy!)] : [dx, dw]
  },
  onnx: (builder, inputs, { alpha }, node) => {
    const [x, weight] = node.inputs as [Tensor, Tensor]
    const attributes = { transB: 1, ...factor(alpha) }
    if (x.rank === 2) return builder.node("Gemm", inputs, attributes)
    const flat = builder.node("Reshape", [inputs[0]!, builder.ints([-1, x.dim(-1) as number])])
    const product = builder.node("Gemm", [flat, ...inputs.slice(1)], attributes)
    const shape = [...x.shape.slice(0, -1), weight.dim(0)].map((dim) => (typeof dim === "number" ? dim : -1))
    return builder.node("Reshape", [product, builder.ints(shape)])
  },
  reference: ([x, weight, bias], { alpha = 1 }, [y]) => {
    const [outputs, inputs] = weight!.shape as [number, number]
    for (let row = 0; row * outputs < y!.data.length; row++) {
      for (let o = 0; o < outputs; o++) {
        let total = 0
        for (let i = 0; i < inputs; i++) {
          total += Number(x!.data[row * inputs + i]) * Number(weight!.data[o * inputs + i])
        }
        y!.data[row * outputs + o] = alpha * total + (bias ? Number(bias.data[o]) : 0)
      }
    }
  },
  macs: ([, weight], [y]) => macsOf(y!, weight!.dim(1)),
})

/** y = x W^T + b over the last axis, as torch.nn.functional.linear. x [..., I], weight [O, I], bias [O], y [..., O]. */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  return linearOp(bias ? [x, weight, bias] : [x, weight], {})
}
