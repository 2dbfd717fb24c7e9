/** Nonlinearities. */

import { defineOp, type Op, type Tensor } from "../tensor.ts"
import { clip, greater, less, logicalAnd, where } from "./compare.ts"
import { add, defineUnary, div, erf, erfOf, exp, mapInto, mul, square, sub } from "./elementwise.ts"

type None = Record<never, never>

const gaussianCdf = (x: number) => 0.5 * (1 + erfOf(x / Math.SQRT2))
const gaussianPdf = (x: number) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)

/** (1 + erf(x / sqrt 2)) / 2: the one part that GELU and its derivative share. */
const cdf = (x: Tensor): Tensor => mul(add(erf(mul(x, Math.SQRT1_2)), 1), 0.5)

export const geluOp: Op<None> = defineOp<None>({
  name: "gelu",
  shape: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  gradient: ([x], _, [dy]) => [mul(dy!, geluDerivativeOp([x!], {}))],
  onnx: (builder, inputs) => builder.node("Gelu", inputs),
  decompose: ([x]) => mul(x!, cdf(x!)),
  reference: ([x], _, [y]) => {
    for (let i = 0; i < y!.data.length; i++) y!.data[i] = Number(x!.data[i]) * gaussianCdf(Number(x!.data[i]))
  },
})

export const geluDerivativeOp: Op<None> = defineOp<None>({
  name: "geluDerivative",
  shape: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  decompose: ([x]) => add(cdf(x!), mul(x!, mul(exp(mul(mul(x!, x!), -0.5)), 1 / Math.sqrt(2 * Math.PI)))),
  reference: ([x], _, [y]) => {
    for (let i = 0; i < y!.data.length; i++) {
      const value = Number(x!.data[i])
      y!.data[i] = gaussianCdf(value) + value * gaussianPdf(value)
    }
  },
})

/** Gaussian error linear unit x Phi(x), exact (by erf). Hendrycks and Gimpel 2016, "Gaussian Error Linear Units". */
export const gelu = (x: Tensor): Tensor => geluOp([x], {})

const sharedFactor = (u: Tensor): Tensor => add(erf(u), 1)

/** u (1 + erf u): GELU without its scale factors, see compile/passes/fold-scales. */
export const scaledGeluOp: Op<None> = defineOp<None>({
  name: "scaledGelu",
  shape: ([u]) => ({ shape: u!.shape, dtype: u!.dtype }),
  gradient: ([u], _, [dy]) => [mul(dy!, scaledGeluDerivativeOp([u!], {}))],
  decompose: ([u]) => mul(u!, sharedFactor(u!)),
  reference: ([u], _, [y]) => {
    for (let i = 0; i < y!.data.length; i++) y!.data[i] = Number(u!.data[i]) * (1 + erfOf(Number(u!.data[i])))
  },
})

/** 1 + erf u + u exp(c - u^2), with c = ln(2 / sqrt pi). */
const scaledGeluDerivativeOp: Op<None> = defineOp<None>({
  name: "scaledGeluDerivative",
  shape: ([u]) => ({ shape: u!.shape, dtype: u!.dtype }),
  decompose: ([u]) => {
    const logFactor = Math.log(2 / Math.sqrt(Math.PI))
    return add(sharedFactor(u!), mul(u!, exp(sub(logFactor, mul(u!, u!)))))
  },
  reference: ([u], _, [y]) => {
    for (let i = 0; i < y!.data.length; i++) {
      const value = Number(u!.data[i])
      y!.data[i] = 1 + erfOf(value) + (value * 2 * Math.exp(-value * value)) / Math.sqrt(Math.PI)
    }
  },
})

/**
 * GELU by the tanh approximation: x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2. Hendrycks and Gimpel 2016, section 2.
 */
export function geluTanh(x: Tensor): Tensor {
  const argument = mul(mul(x, add(mul(square(x), 0.044715), 1)), Math.sqrt(2 / Math.PI))
  return mul(mul(x, 0.5), add(tanh(argument), 1))
}

export const reluOp = defineUnary("relu", {
  onnx: "Relu",
  compute: (x) => Math.max(x, 0),
  // Of the result, which the next layer keeps anyway.
  gradient: (_x, y, dy) => where(greater(y, 0), dy, 0),
})

const relu6Op: Op<None> = defineOp<None>({
  name: "relu6",
  shape: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  gradient: (_, [y], [dy]) => [where(logicalAnd(greater(y!, 0), less(y!, 6)), dy!, 0)],
  decompose: ([x]) => clip(x!, 0, 6),
  reference: ([x], _, [y]) => mapInto(x!, y!, (value) => Math.min(Math.max(value, 0), 6)),
})

const sigmoidOf = (x: number) => 1 / (1 + Math.exp(-x))

const sigmoidOp = defineUnary("sigmoid", {
  onnx: "Sigmoid",
  compute: sigmoidOf,
  gradient: (_x, y, dy) => mul(dy, mul(y, sub(1, y))),
})

const tanhOp = defineUnary("tanh", {
  onnx: "Tanh",
  compute: Math.tanh,
  gradient: (_x, y, dy) => mul(dy, sub(1, square(y))),
})

const softplusOp = defineUnary("softplus", {
  onnx: "Softplus",
  compute: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  gradient: (x, _y, dy) => mul(dy, sigmoid(x)),
})

const hardSigmoidOp: Op<None> = defineOp<None>({
  name: "hardSigmoid",
  shape: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  gradient: (_, [y], [dy]) => [where(logicalAnd(greater(y!, 0), less(y!, 1)), div(dy!, 6), 0)],
  onnx: (builder, inputs) => builder.node("HardSigmoid", inputs, { alpha: { float: 1 / 6 }, beta: { float: 0.5 } }),
  reference: ([x], _, [y]) => mapInto(x!, y!, (value) => Math.min(Math.max(value / 6 + 0.5, 0), 1)),
})

/** max(x, 0). Its gradient at 0 is 0. */
export const relu = (x: Tensor): Tensor => reluOp([x], {})
/** min(max(x, 0), 6). Its gradient is 0 at both bounds. Krizhevsky 2010, "Convolutional Deep Belief Networks on CIFAR-10". */
export const relu6 = (x: Tensor): Tensor => relu6Op([x], {})
/** 1 / (1 + exp(-x)) */
export const sigmoid = (x: Tensor): Tensor => sigmoidOp([x], {})
/** x sigmoid(x), also called swish. Hendrycks and Gimpel 2016; Ramachandran et al. 2017, "Searching for Activation Functions". */
export const silu = (x: Tensor): Tensor => mul(x, sigmoid(x))
/** Hyperbolic tangent. */
export const tanh = (x: Tensor): Tensor => tanhOp([x], {})
/** log(1 + exp(x)), computed without overflow. */
export const softplus = (x: Tensor): Tensor => softplusOp([x], {})
/** min(max(x / 6 + 1 / 2, 0), 1). Howard et al. 2019, "Searching for MobileNetV3". */
export const hardSigmoid = (x: Tensor): Tensor => hardSigmoidOp([x], {})
/** x hardSigmoid(x). Howard et al. 2019, "Searching for MobileNetV3", section 5.2. */
export const hardSwish = (x: Tensor): Tensor => mul(x, hardSigmoid(x))
