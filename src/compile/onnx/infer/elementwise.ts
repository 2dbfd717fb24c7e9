/**
 * Rules of operators that work on each element: arithmetic, activations, normalisation. Arithmetic of small constants is
 * done, for exporters compute the shapes that Reshape and its like get.
 */

import { isFloating } from "../data-types.ts"
import type { OnnxDim } from "../description.ts"
import { add, broadcast, concrete, divide, multiply, type OnnxShape } from "./dims.ts"
import { forAll, type NodeView, type OpRule, type OpRules } from "./node-view.ts"
import { pick, stridesOf } from "./pick.ts"

const sameShape: OpRule = { shapes: (node) => [node.shape(0)] }
const broadcasting: OpRule = { shapes: (node) => [broadcast(...node.shapes())] }

/** An operator of one operand that small constants are computed with. Symbols are whole numbers of at least 1. */
function unary(compute: (x: number) => number, ofSymbol: (x: string) => OnnxDim = () => null): OpRule {
  return {
    ...sameShape,
    elements: (node) =>
      node.elements(0).map((x) => (typeof x === "number" ? compute(x) : x === null ? null : ofSymbol(x))),
  }
}

/** The same of operands that broadcast. */
function nary(compute: (node: NodeView, ...values: OnnxDim[]) => OnnxDim, dtype?: OpRule["dtype"]): OpRule {
  return {
    ...broadcasting,
    dtype,
    elements: (node, output) => {
      const shape = concrete(output)
      const operands = node.shapes().map((_, i) => expandTo(node, i, shape))
      return operands[0]!.map((_, at) => compute(node, ...operands.map((values) => values[at]!)))
    },
  }
}

/** Elements of an input, as many as a shape that it broadcasts to has. */
function expandTo(node: NodeView, i: number, shape: readonly number[]): readonly OnnxDim[] {
  const own = concrete(node.shape(i))
  const values = node.elements(i)
  const strides = stridesOf(own)
  return pick(shape, values, (index) =>
    own.reduce(
      (at, size, axis) => at + (size === 1 ? 0 : index[axis + shape.length - own.length]! * strides[axis]!),
      0,
    ),
  )
}

const numbersOnly =
  (compute: (a: number, b: number) => number) =>
  (_: NodeView, a: OnnxDim, b: OnnxDim): OnnxDim =>
    typeof a === "number" && typeof b === "number" ? compute(a, b) : a === b ? a : null

/** True and false are 1 and 0. A symbol is 1 or more: of it and a number below 1 the result is known. */
function compare(holds: (a: number, b: number) => boolean): OpRule {
  return nary(
    (_, a, b) => {
      if (typeof a === "number" && typeof b === "number") return Number(holds(a, b))
      if (a === b && a !== null) return Number(holds(0, 0))
      if (typeof a === "string" && typeof b === "number" && b < 1) return Number(holds(1, b))
      if (typeof b === "string" && typeof a === "number" && a < 1) return Number(holds(a, 1))
      return null
    },
    () => "bool",
  )
}

const division = nary((node, a, b) => {
  if (typeof a !== "number" || typeof b !== "number") return divide(a, b)
  const dtype = node.dtype(0)
  return dtype !== undefined && isFloating(dtype) ? a / b : b === 0 ? null : Math.trunc(a / b)
})

const subtraction = nary((_, a, b) => {
  if (a === b && a !== null) return 0
  return typeof b === "number" ? add(a, -b) : null
})

const remainder = nary((_, a, b) => {
  if (typeof a === "number" && typeof b === "number") return b === 0 ? null : a - b * Math.floor(a / b)
  return divide(a, b) === null ? null : 0
})

const same = (x: string) => x

/** Limits are inputs; those of old sets are attributes, with which nobody computes shapes. */
const clip: OpRule = {
  ...sameShape,
  elements: (node) => {
    const limit = (i: number, open: number) => (node.has(i) ? node.numbers(i)[0]! : open)
    const [least, most] = [limit(1, Number.NEGATIVE_INFINITY), limit(2, Number.POSITIVE_INFINITY)]
    return node.elements(0).map((x) => {
      if (typeof x === "number") return Math.min(Math.max(x, least), most)
      // A symbol is 1 or more.
      return least <= 1 && most === Number.POSITIVE_INFINITY ? x : null
    })
  },
}

/** y of the shape of x, then means and deviations [..., 1, ..] over the axes that are normalised. */
const layerNormalization: OpRule = {
  shapes: (node) => {
    const x = node.shape(0)
    const axis = node.axis(-1, x.length)
    const statistics: OnnxShape = x.map((dim, i) => (i < axis ? dim : 1))
    return [x, statistics, statistics]
  },
}

export const elementwiseRules: OpRules = {
  ...forAll(
    [
      "LeakyRelu Elu Selu Celu Gelu FastGelu QuickGelu BiasGelu HardSigmoid HardSwish Sigmoid Swish Softplus Softsign",
      "ThresholdedRelu Shrink Mish Tanh Erf Exp Log Softmax LogSoftmax Hardmax Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh",
      "Atanh IsNaN IsInf LRN MeanVarianceNormalization LpNormalization InstanceNormalization GroupNormalization",
      "BatchNormalization RMSNormalization SimplifiedLayerNormalization RotaryEmbedding CumSum Trilu BitwiseNot Bernoulli",
      "RandomNormalLike RandomUniformLike QuantizeLinear DequantizeLinear Scatter ScatterElements ScatterND TensorScatter",
      "QLinearSigmoid QLinearLeakyRelu QLinearSoftmax EyeLike",
    ].flatMap((names) => names.split(" ")),
    sameShape,
  ),
  ...forAll(["PRelu", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitShift", "Sum", "Mean"], broadcasting),
  ...forAll(["QLinearAdd", "QLinearMul"], { shapes: (node) => [broadcast(node.shape(0), node.shape(3))] }),
  Add: nary((_, a, b) => add(a, b)),
  Sub: subtraction,
  Mul: nary((_, a, b) => multiply(a, b)),
  Div: division,
  Mod: remainder,
  Pow: nary(numbersOnly(Math.pow)),
  Max: nary((node, ...values) => values.reduce((a, b) => numbersOnly(Math.max)(node, a, b))),
  Min: nary((node, ...values) => values.reduce((a, b) => numbersOnly(Math.min)(node, a, b))),
  Equal: compare((a, b) => a === b),
  Greater: compare((a, b) => a > b),
  GreaterOrEqual: compare((a, b) => a >= b),
  Less: compare((a, b) => a < b),
  LessOrEqual: compare((a, b) => a <= b),
  And: nary(numbersOnly((a, b) => Number(a !== 0 && b !== 0))),
  Or: nary(numbersOnly((a, b) => Number(a !== 0 || b !== 0))),
  Xor: nary(numbersOnly((a, b) => Number((a !== 0) !== (b !== 0)))),
  Not: unary((x) => Number(x === 0)),
  Where: nary(
    (_, condition, a, b) => (typeof condition === "number" ? (condition !== 0 ? a : b) : a === b ? a : null),
    (node) => node.dtype(1),
  ),
  Clip: clip,
  Relu: unary((x) => Math.max(0, x), same),
  Neg: unary((x) => -x),
  Abs: unary(Math.abs, same),
  Sign: unary(Math.sign, () => 1),
  Floor: unary(Math.floor, same),
  Ceil: unary(Math.ceil, same),
  Round: unary(Math.round, same),
  Sqrt: unary(Math.sqrt),
  Reciprocal: unary((x) => 1 / x),
  LayerNormalization: layerNormalization,
  SkipLayerNormalization: sameShape,
  Dropout: { shapes: (node) => [node.shape(0), node.shape(0)] },
  DynamicQuantizeLinear: { shapes: (node) => [node.shape(0), [], []], dtype: () => "uint8" },
}
