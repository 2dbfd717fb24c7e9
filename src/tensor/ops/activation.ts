/** Nonlinearities. */

import { defineOp, type Op, type Tensor } from "../tensor.ts"
import { add, erf, erfOf, exp, mul, sub } from "./elementwise.ts"

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
