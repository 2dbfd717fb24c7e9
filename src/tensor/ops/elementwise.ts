/** Elementwise arithmetic with NumPy's broadcasting, and functions of one argument. */

import { type Dim, type Shape, sameShape } from "../dim.ts"
import type { NdArray } from "../ndarray.ts"
import { broadcastShapes, defineOp, named, type Op, type Operand, operands, type Tensor } from "../tensor.ts"
import { perChannel, sum } from "./reduce.ts"
import { broadcastStrides, forEachIndex } from "./reference.ts"
import { reshape } from "./shape.ts"

type None = Record<never, never>

export interface Binary {
  /** The ONNX operator. */
  onnx: string
  compute(a: number, b: number): number
  /** Gradients for both operands before they are summed over broadcast axes. */
  gradient(a: Tensor, b: Tensor, y: Tensor, dy: Tensor): [Tensor, Tensor]
}

/** An operator that combines the elements of two tensors of one type, broadcast. Operands may be numbers. */
export function defineBinary(name: string, { onnx, compute, gradient }: Binary): Op<None> {
  return defineOp<None>({
    name,
    shape: ([a, b]) => {
      if (a!.dtype !== b!.dtype) throw new RangeError(`operands have types ${a!.dtype} and ${b!.dtype}`)
      return { shape: broadcastShapes(a!.shape, b!.shape), dtype: a!.dtype }
    },
    gradient: ([a, b], [y], [dy]) => {
      const [da, db] = gradient(a!, b!, y!, dy!)
      return [sumToShape(da, a!.shape), sumToShape(db, b!.shape)]
    },
    onnx: (builder, inputs) => builder.node(onnx, inputs),
    reference: ([a, b], _, [y]) => {
      const strideA = broadcastStrides(a!.shape, y!.shape)
      const strideB = broadcastStrides(b!.shape, y!.shape)
      forEachIndex(y!.shape, [strideA, strideB], (i, [ia, ib]) => {
        y!.data[i] = compute(Number(a!.data[ia!]), Number(b!.data[ib!]))
      })
    },
  })
}

const addOp = defineBinary("add", { onnx: "Add", compute: (a, b) => a + b, gradient: (_a, _b, _y, dy) => [dy, dy] })

const subOp = defineBinary("sub", {
  onnx: "Sub",
  compute: (a, b) => a - b,
  gradient: (_a, _b, _y, dy) => [dy, neg(dy)],
})

const mulOp = defineBinary("mul", {
  onnx: "Mul",
  compute: (a, b) => a * b,
  gradient: (a, b, _y, dy) => [mul(dy, b), mul(dy, a)],
})

const divOp = defineBinary("div", {
  onnx: "Div",
  compute: (a, b) => a / b,
  gradient: (_a, b, y, dy) => [div(dy, b), neg(mul(dy, div(y, b)))],
})

/** Applies an operator of two operands; a number has the type of the other operand. */
export const applyBinary = (op: Op<None>, a: Operand, b: Operand): Tensor =>
  op(
    named(op.name, () => operands(a, b)),
    {},
  )

/** a + b, broadcast. */
export const add = (a: Operand, b: Operand): Tensor => applyBinary(addOp, a, b)
/** a - b, broadcast. */
export const sub = (a: Operand, b: Operand): Tensor => applyBinary(subOp, a, b)
/** a b, elementwise, broadcast. */
export const mul = (a: Operand, b: Operand): Tensor => applyBinary(mulOp, a, b)
/** a / b, broadcast. */
export const div = (a: Operand, b: Operand): Tensor => applyBinary(divOp, a, b)

export interface Unary {
  /** The ONNX operator. */
  onnx: string
  compute(x: number): number
  /** Undefined: zero everywhere. */
  gradient(x: Tensor, y: Tensor, dy: Tensor): Tensor | undefined
}

/** An operator that maps each element of a tensor by itself. */
export function defineUnary(name: string, { onnx, compute, gradient }: Unary): Op<None> {
  return defineOp<None>({
    name,
    shape: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
    gradient: ([x], [y], [dy]) => [gradient(x!, y!, dy!)],
    onnx: (builder, inputs) => builder.node(onnx, inputs),
    reference: ([x], _, [y]) => mapInto(x!, y!, compute),
  })
}

/** Fills y with the function's values for the elements of x. */
export function mapInto(x: NdArray, y: NdArray, compute: (x: number) => number): void {
  for (let i = 0; i < y.data.length; i++) y.data[i] = compute(Number(x.data[i]))
}

const negOp = defineUnary("neg", { onnx: "Neg", compute: (x) => -x, gradient: (_x, _y, dy) => neg(dy) })
const expOp = defineUnary("exp", { onnx: "Exp", compute: Math.exp, gradient: (_x, y, dy) => mul(dy, y) })
const logOp = defineUnary("log", { onnx: "Log", compute: Math.log, gradient: (x, _y, dy) => div(dy, x) })
const sqrtOp = defineUnary("sqrt", {
  onnx: "Sqrt",
  compute: Math.sqrt,
  gradient: (_x, y, dy) => div(mul(dy, 0.5), y),
})
const erfOp = defineUnary("erf", {
  onnx: "Erf",
  compute: erfOf,
  gradient: (x, _y, dy) => mul(dy, mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI))),
})

const absOp = defineUnary("abs", { onnx: "Abs", compute: Math.abs, gradient: (x, _y, dy) => mul(dy, sign(x)) })
const signOp = defineUnary("sign", { onnx: "Sign", compute: Math.sign, gradient: () => undefined })

/** -x */
export const neg = (x: Tensor): Tensor => negOp([x], {})
/** e^x */
export const exp = (x: Tensor): Tensor => expOp([x], {})
/** Natural logarithm. */
export const log = (x: Tensor): Tensor => logOp([x], {})
/** Square root. */
export const sqrt = (x: Tensor): Tensor => sqrtOp([x], {})
/** The error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x. */
export const erf = (x: Tensor): Tensor => erfOp([x], {})

/** |x|. Its gradient at 0 is 0. */
export const abs = (x: Tensor): Tensor => absOp([x], {})
/** -1, 0 or 1. Its gradient is 0. */
export const sign = (x: Tensor): Tensor => signOp([x], {})
/** x^2 */
export const square = (x: Tensor): Tensor => mul(x, x)
/** 1 / sqrt(x) */
export const rsqrt = (x: Tensor): Tensor => div(1, sqrt(x))

interface Power {
  exponent: number
}

const powOp: Op<Power> = defineOp<Power>({
  name: "pow",
  shape: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  gradient: ([x], _, [dy], { exponent }) => [
    exponent === 0 ? undefined : mul(dy!, mul(pow(x!, exponent - 1), exponent)),
  ],
  onnx: (builder, [x], { exponent }) => builder.node("Pow", [x!, builder.scalar(exponent)]),
  reference: ([x], { exponent }, [y]) => mapInto(x!, y!, (value) => value ** exponent),
})

/** x^exponent. NaN for a negative x with a fraction as exponent. Throws a RangeError for an exponent that is not finite. */
export function pow(x: Tensor, exponent: number): Tensor {
  if (!Number.isFinite(exponent)) throw new RangeError(`pow: exponent must be finite, got ${exponent}`)
  return exponent === 1 ? x : powOp([x], { exponent })
}

/** Operators that algebraic passes look for. */
export const arithmetic = { add: addOp, sub: subOp, mul: mulOp, div: divOp, neg: negOp } as const

/** Sums a broadcast gradient back to the shape of the operand it belongs to. */
export function sumToShape(gradient: Tensor, shape: Shape): Tensor {
  if (sameShape(gradient.shape, shape)) return gradient
  const lead = gradient.rank - shape.length
  if (shape.length === 1 && shape[0] === gradient.dim(-1)) return perChannel(sum, gradient)
  const axes = gradient.shape.flatMap((dim: Dim, i) => (i < lead || (shape[i - lead] === 1 && dim !== 1) ? [i] : []))
  return reshape(sum(gradient, axes, { keepDims: true }), shape)
}

/**
 * The error function to float64 precision: Maclaurin series for |x| < 3, continued fraction of erfc beyond (Abramowitz
 * and Stegun, 7.1.5 and 7.1.14).
 */
export function erfOf(x: number): number {
  const z = Math.abs(x)
  if (z > 6) return Math.sign(x)
  if (z < 3) {
    let term = x
    let total = x
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(total); n++) {
      term *= (-x * x) / n
      total += term / (2 * n + 1)
    }
    return (2 / Math.sqrt(Math.PI)) * total
  }
  let fraction = z
  for (let n = 60; n > 0; n--) fraction = z + n / 2 / fraction
  return Math.sign(x) * (1 - Math.exp(-z * z) / (Math.sqrt(Math.PI) * fraction))
}
