/** Operators against PyTorch, torchvision and timm: values and gradients in float64. */

import { describe, test } from "vitest"
import { gradients } from "../../../src/autodiff/gradients.ts"
import { evaluate } from "../../../src/tensor/evaluate.ts"
import { type NdArray, ndarray, sizeOf } from "../../../src/tensor/ndarray.ts"
import {
  adaptiveAvgPool2d,
  avgPool2d,
  batchNorm,
  batchNormTraining,
  conv2d,
  convTranspose2d,
  globalMaxPool,
  globalResponseNorm,
  groupNorm,
  interpolate,
  maxPool2d,
  mul,
  pad,
  rmsNorm,
  roiAlign,
  roll,
  scaledDotProductAttention,
  sum,
} from "../../../src/tensor/ops/index.ts"
import { constant, input, type Tensor } from "../../../src/tensor/tensor.ts"
import { expectClose } from "../../support/arrays.ts"
import { readGolden } from "../../support/golden.ts"

interface Case {
  op: keyof typeof builders
  // biome-ignore lint/suspicious/noExplicitAny: each operator has its own options
  options: any
  inputs: number[][]
  outputs: { shape: number[]; values: number[] }[]
  gradients: number[][]
  extra?: number[][]
}

/** Constants inside the operators are float32. */
const TOLERANCE = 1e-6

const table = (rows: number[][], dtype: "float32" | "bool" = "float32"): Tensor =>
  constant(ndarray(rows.flat(), [rows.length, rows[0]!.length], dtype))

const builders = {
  conv2d: ({ options }: Case, [x, w]: Tensor[]) => conv2d(x!, w!, undefined, options),
  convTranspose2d: ({ options }: Case, [x, w, b]: Tensor[]) => convTranspose2d(x!, w!, b, options),
  maxPool2d: ({ options }: Case, [x]: Tensor[]) => maxPool2d(x!, options),
  avgPool2d: ({ options }: Case, [x]: Tensor[]) => avgPool2d(x!, options),
  adaptiveAvgPool2d: ({ options }: Case, [x]: Tensor[]) => adaptiveAvgPool2d(x!, options.size),
  globalMaxPool: (_: Case, [x]: Tensor[]) => globalMaxPool(x!),
  interpolate: ({ options }: Case, [x]: Tensor[]) => interpolate(x!, options),
  roiAlign: ({ options, extra }: Case, [x]: Tensor[]) => roiAlign(x!, table(extra!), options),
  batchNormTraining: ({ options }: Case, [x, w, b]: Tensor[]) => {
    const { y, mean, variance } = batchNormTraining(x!, w!, b!, options.epsilon)
    return [y, mean, variance]
  },
  batchNorm: ({ options, extra }: Case, [x, w, b]: Tensor[]) => {
    const [mean, variance] = extra!.map((row) => constant(ndarray(row)))
    return batchNorm(x!, w!, b!, mean!, variance!, options.epsilon)
  },
  groupNorm: ({ options }: Case, [x, w, b]: Tensor[]) => groupNorm(x!, options.groups, w!, b!, options.epsilon),
  rmsNorm: ({ options }: Case, [x, w]: Tensor[]) => rmsNorm(x!, w!, options.epsilon),
  globalResponseNorm: (_: Case, [x, w, b]: Tensor[]) => globalResponseNorm(x!, w!, b!),
  attention: ({ options, extra }: Case, [q, k, v, bias]: Tensor[]) =>
    scaledDotProductAttention(q!, k!, v!, { ...options, bias, mask: extra && table(extra, "bool") }),
  pad: ({ options: { axis, before, after, mode } }: Case, [x]: Tensor[]) => pad(x!, axis, before, after, mode),
  roll: ({ options: { axis, shift } }: Case, [x]: Tensor[]) => roll(x!, axis, shift),
}

/** The tensor that stands for input k. */
function ruled(shape: number[], k: number): NdArray {
  const values = Float64Array.from({ length: sizeOf(shape) }, (_, i) => ((379 * i + 131 * k) % 1009) / 1009 - 0.5)
  return ndarray(values, shape, "float64")
}

function check(golden: Case): void {
  const leaves = golden.inputs.map((shape, k) => input(`x${k}`, shape))
  const built = builders[golden.op](golden, leaves)
  const outputs = Array.isArray(built) ? built : [built]
  const shape = golden.outputs[0]!.shape
  const differentiated = leaves.slice(0, golden.gradients.length)
  const derivatives = gradients(sum(mul(outputs[0]!, input("dy", shape))), differentiated)
  const graph = Object.fromEntries([
    ...outputs.map((y, i) => [`y${i}`, y] as const),
    ...derivatives.map((dx, k) => [`d${k}`, dx] as const),
  ])
  const feeds = Object.fromEntries(golden.inputs.map((size, k) => [`x${k}`, ruled(size, k)]))
  const values = evaluate(graph, { ...feeds, dy: ruled(shape, 9) })
  golden.outputs.forEach((expected, i) => {
    expectClose(`output ${i}`, values[`y${i}`]!, ndarray(expected.values, expected.shape, "float64"), TOLERANCE)
  })
  golden.gradients.forEach((expected, k) => {
    expectClose(`gradient ${k}`, values[`d${k}`]!, ndarray(expected, golden.inputs[k]!, "float64"), TOLERANCE, 1e-2)
  })
}

const cases = readGolden<Case[]>(new URL("./", import.meta.url), "cases.json")

describe.each(Object.keys(builders))("%s has the values and gradients of PyTorch", (op) => {
  const own = cases.filter((golden) => golden.op === op)
  test.each(own.map((golden) => [`${JSON.stringify(golden.options)} of ${JSON.stringify(golden.inputs[0])}`, golden]))(
    "%s",
    (_, golden) => check(golden as Case),
  )
})
