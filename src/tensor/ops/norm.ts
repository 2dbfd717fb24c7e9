/** Normalisation. */

import { productOf } from "../dim.ts"
import { defineOp, expectShape, type Op, type Tensor } from "../tensor.ts"
import { mul, sub } from "./elementwise.ts"
import { dotLast, mean, sum } from "./reduce.ts"
import { reshape } from "./shape.ts"

export const layerNormOp: Op<{ epsilon: number }> = defineOp<{ epsilon: number }>({
  name: "layerNorm",
  shape: ([x, weight, bias]) => {
    const channels = x!.dim(-1)
    expectShape("weight", weight!, [channels])
    expectShape("bias", bias!, [channels])
    const statistics = { shape: [...x!.shape.slice(0, -1), 1], dtype: x!.dtype }
    return [{ shape: x!.shape, dtype: x!.dtype }, statistics, statistics]
  },
  gradient: ([x, weight], [, average, inverseStd], [dy, ...statistics]) => {
    if (!dy || statistics.some((gradient) => gradient)) {
      throw new Error("layerNorm: its mean and deviation cannot be differentiated, only its result, and that once")
    }
    const normalised = mul(sub(x!, average!), inverseStd!)
    const scaled = mul(dy, weight!)
    const channels = x!.dim(-1) as number
    const centred = sub(
      sub(scaled, mean(scaled, [-1], { keepDims: true })),
      mul(normalised, mul(dotLast(scaled, normalised), 1 / channels)),
    )
    const rows = (t: Tensor) => reshape(t, [productOf(t.shape.slice(0, -1)), channels])
    return [mul(centred, inverseStd!), sum(rows(mul(dy, normalised)), [0]), sum(rows(dy), [0])]
  },
  onnx: (builder, inputs, { epsilon }) =>
    builder.nodes("LayerNormalization", inputs, { axis: -1, epsilon: { float: epsilon } }, 3),
  reference: ([x, weight, bias], { epsilon }, [y, average, inverseStd]) => {
    const channels = x!.shape.at(-1)!
    for (let row = 0; row < average!.data.length; row++) {
      const at = row * channels
      let total = 0
      for (let c = 0; c < channels; c++) total += Number(x!.data[at + c])
      const m = total / channels
      let squares = 0
      for (let c = 0; c < channels; c++) squares += (Number(x!.data[at + c]) - m) ** 2
      const inverse = 1 / Math.sqrt(squares / channels + epsilon)
      average!.data[row] = m
      inverseStd!.data[row] = inverse
      for (let c = 0; c < channels; c++) {
        y!.data[at + c] = (Number(x!.data[at + c]) - m) * inverse * Number(weight!.data[c]) + Number(bias!.data[c])
      }
    }
  },
})

/**
 * Layer normalisation over the last axis, with the biased variance. Ba et al. 2016, "Layer Normalization", equation 4.
 * x [..., C], weight and bias [C].
 */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, epsilon: number): Tensor {
  return layerNormOp([x, weight, bias], { epsilon })
}
