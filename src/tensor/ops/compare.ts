/** Comparisons, logic on their results, and what is chosen by them. Shapes broadcast by NumPy's rule. */

import type { Shape } from "../dim.ts"
import { broadcastShapes, defineOp, named, type Op, type Operand, operands, type Tensor } from "../tensor.ts"
import { applyBinary, defineBinary, mapInto, mul, sumToShape } from "./elementwise.ts"
import { broadcastStrides, forEachIndex } from "./reference.ts"

type None = Record<never, never>

/** An operator from two tensors of one type to `bool`. It has no gradient. */
function definePredicate(name: string, onnx: string, holds: (a: number, b: number) => boolean): Op<None> {
  return defineOp<None>({
    name,
    shape: ([a, b]) => ({ shape: commonShape(a!, b!), dtype: "bool" }),
    onnx: (builder, inputs) => builder.node(onnx, inputs),
    reference: ([a, b], _, [y]) => {
      const strides = [a!, b!].map((x) => broadcastStrides(x.shape, y!.shape))
      forEachIndex(y!.shape, strides, (i, [ia, ib]) => {
        y!.data[i] = holds(Number(a!.data[ia!]), Number(b!.data[ib!])) ? 1 : 0
      })
    },
  })
}

function commonShape(a: Tensor, b: Tensor): Shape {
  if (a.dtype !== b.dtype) throw new RangeError(`operands have types ${a.dtype} and ${b.dtype}`)
  return broadcastShapes(a.shape, b.shape)
}

const equalOp = definePredicate("equal", "Equal", (a, b) => a === b)
const lessOp = definePredicate("less", "Less", (a, b) => a < b)
const lessOrEqualOp = definePredicate("lessOrEqual", "LessOrEqual", (a, b) => a <= b)
const greaterOp = definePredicate("greater", "Greater", (a, b) => a > b)
const greaterOrEqualOp = definePredicate("greaterOrEqual", "GreaterOrEqual", (a, b) => a >= b)

/** a = b, as bool. */
export const equal = (a: Operand, b: Operand): Tensor => applyBinary(equalOp, a, b)
/** a < b, as bool. */
export const less = (a: Operand, b: Operand): Tensor => applyBinary(lessOp, a, b)
/** a <= b, as bool. */
export const lessOrEqual = (a: Operand, b: Operand): Tensor => applyBinary(lessOrEqualOp, a, b)
/** a > b, as bool. */
export const greater = (a: Operand, b: Operand): Tensor => applyBinary(greaterOp, a, b)
/** a >= b, as bool. */
export const greaterOrEqual = (a: Operand, b: Operand): Tensor => applyBinary(greaterOrEqualOp, a, b)

const andOp = definePredicate("logicalAnd", "And", (a, b) => a !== 0 && b !== 0)
const orOp = definePredicate("logicalOr", "Or", (a, b) => a !== 0 || b !== 0)
const notOp: Op<None> = defineOp<None>({
  name: "logicalNot",
  shape: ([x]) => ({ shape: x!.shape, dtype: "bool" }),
  onnx: (builder, inputs) => builder.node("Not", inputs),
  reference: ([x], _, [y]) => mapInto(x!, y!, (value) => (value === 0 ? 1 : 0)),
})

/** Both a and b. Throws a RangeError if one is not bool. */
export const logicalAnd = (a: Tensor, b: Tensor): Tensor => onBools(andOp, [a, b])
/** a, or b, or both. Throws a RangeError if one is not bool. */
export const logicalOr = (a: Tensor, b: Tensor): Tensor => onBools(orOp, [a, b])
/** True where x is false. Throws a RangeError if x is not bool. */
export const logicalNot = (x: Tensor): Tensor => onBools(notOp, [x])

function onBools(op: Op<None>, inputs: readonly Tensor[]): Tensor {
  for (const x of inputs) if (x.dtype !== "bool") throw new RangeError(`${op.name}: operands must be bool, got ${x}`)
  return op(inputs, {})
}

const whereOp: Op<None> = defineOp<None>({
  name: "where",
  shape: ([condition, a, b]) => {
    if (condition!.dtype !== "bool") throw new RangeError(`condition must be bool, got ${condition}`)
    return { shape: broadcastShapes(condition!.shape, commonShape(a!, b!)), dtype: a!.dtype }
  },
  gradient: ([condition, a, b], _, [dy]) => [
    undefined,
    sumToShape(where(condition!, dy!, 0), a!.shape),
    sumToShape(where(condition!, 0, dy!), b!.shape),
  ],
  onnx: (builder, inputs) => builder.node("Where", inputs),
  reference: (inputs, _, [y]) => {
    const [condition, a, b] = inputs
    const strides = inputs.map((x) => broadcastStrides(x.shape, y!.shape))
    forEachIndex(y!.shape, strides, (i, [ic, ia, ib]) => {
      y!.data[i] = condition!.data[ic!] ? a!.data[ia!]! : b!.data[ib!]!
    })
  },
})

/** a where the condition is true, b elsewhere. The condition is bool; no gradient passes through it. */
export const where = (condition: Tensor, a: Operand, b: Operand): Tensor =>
  whereOp([condition, ...named("where", () => operands(a, b))], {})

/** What of dy goes to the operand that wins: all of it, half of it in a tie (as PyTorch). */
const share = (wins: Tensor, ties: Tensor, dy: Tensor) => where(wins, dy, where(ties, mul(dy, 0.5), 0))

const maximumOp = defineBinary("maximum", {
  onnx: "Max",
  compute: Math.max,
  gradient: (a, b, _y, dy) => [share(greater(a, b), equal(a, b), dy), share(less(a, b), equal(a, b), dy)],
})
const minimumOp = defineBinary("minimum", {
  onnx: "Min",
  compute: Math.min,
  gradient: (a, b, _y, dy) => [share(less(a, b), equal(a, b), dy), share(greater(a, b), equal(a, b), dy)],
})

/** The larger of a and b, broadcast. Where they are equal, each gets half of the gradient. */
export const maximum = (a: Operand, b: Operand): Tensor => applyBinary(maximumOp, a, b)
/** The smaller of a and b, broadcast. Where they are equal, each gets half of the gradient. */
export const minimum = (a: Operand, b: Operand): Tensor => applyBinary(minimumOp, a, b)

interface Bounds {
  low: number
  high: number
}

const clipOp: Op<Bounds> = defineOp<Bounds>({
  name: "clip",
  shape: ([x], { low, high }) => {
    if (!(low <= high)) throw new RangeError(`the lower bound ${low} must not be above the upper bound ${high}`)
    return { shape: x!.shape, dtype: x!.dtype }
  },
  // Also at the bounds, as torch.clamp.
  gradient: ([x], [y], [dy]) => [where(equal(x!, y!), dy!, 0)],
  onnx: (builder, [x], { low, high }, node) => {
    const { dtype } = node.outputs[0]!
    return builder.node("Clip", [x!, builder.scalar(low, dtype), builder.scalar(high, dtype)])
  },
  reference: ([x], { low, high }, [y]) => mapInto(x!, y!, (value) => Math.min(Math.max(value, low), high)),
})

/** x within [low, high]; the gradient passes where x was in it. Throws a RangeError if low is above high. */
export const clip = (x: Tensor, low: number, high: number): Tensor => clipOp([x], { low, high })
