import { describe, expect, test } from "vitest"
import { numbers, randomArray } from "../../../test/support/arrays.ts"
import { checkOp, runGraph } from "../../../test/support/check-op.ts"
import { evaluate } from "../evaluate.ts"
import { type NdArray, ndarray } from "../ndarray.ts"
import { constant, input } from "../tensor.ts"
import { mul, scaledDotProductAttention } from "./index.ts"

/** q [N, heads, L, D], k [N, heads, S, D], v [N, heads, S, E]. */
const queries = (batch: number, l: number, s: number, d: number, e = d, std = 1) => [
  randomArray([batch, 2, l, d], "q", { std }),
  randomArray([batch, 2, s, d], "k", { std }),
  randomArray([batch, 2, s, e], "v"),
]
const maskOf = (rows: number[][]) => constant(ndarray(rows.flat(), [rows.length, rows[0]!.length], "bool"))

describe("scaledDotProductAttention", () => {
  test("agrees with the reference and with finite differences", async () => {
    for (const [batch, l, s, d, e] of [
      [2, 3, 3, 4, 4],
      [2, 2, 5, 3, 1],
      [1, 1, 1, 1, 2],
    ] as const) {
      const inputs = queries(batch, l, s, d, e)
      await checkOp({ inputs, build: (q, k, v) => scaledDotProductAttention(q!, k!, v!), batched: [0, 1, 2] })
    }
  })

  test("does so with a bias for each head, a scale, and a mask", async () => {
    const inputs = [...queries(2, 2, 3, 4), randomArray([2, 2, 3], "bias")]
    const mask = maskOf([
      [1, 0, 1],
      [0, 0, 1],
    ])
    await checkOp({
      inputs,
      build: (q, k, v, bias) => scaledDotProductAttention(q!, k!, v!, { bias, mask, scale: 0.7 }),
      batched: [0, 1, 2],
    })
  })

  test("lets dropout change the weights before they meet the values", async () => {
    const factors = constant(ndarray([2, 0, 0, 2], [2, 2]))
    await checkOp({
      inputs: queries(2, 2, 2, 3),
      build: (q, k, v) => scaledDotProductAttention(q!, k!, v!, { dropout: (weights) => mul(weights, factors) }),
      batched: [0, 1, 2],
    })
    const [q, k, v] = [0, 0, 1].map((first) => constant(ndarray([first, 3], [1, 1, 2, 1])))
    const y = scaledDotProductAttention(q!, mul(k!, 0), v!, { dropout: (weights) => mul(weights, factors) })
    // All keys count alike, a half each; doubled for the own one and dropped for the other.
    expect([...(evaluate({ y }, {}).y!.data as Float64Array)]).toEqual([1, 3])
  })

  test("does so for scores of a thousand", async () => {
    const inputs = queries(1, 2, 3, 4, 4, 30)
    await checkOp({ inputs, build: (q, k, v) => scaledDotProductAttention(q!, k!, v!), differentiated: [2] })
  })

  test("is the mean of the values where all scores are equal", () => {
    const [q, k, v] = [input("q", [1, 1, 1, 2]), input("k", [1, 1, 2, 2]), input("v", [1, 1, 2, 1])]
    const feeds = {
      q: ndarray([0, 0], [1, 1, 1, 2]),
      k: randomArray([1, 1, 2, 2], "k"),
      v: ndarray([1, 5], [1, 1, 2, 1]),
    }
    expect(numbers(evaluate({ y: scaledDotProductAttention(q, k, v) }, feeds).y!)).toEqual([3])
  })

  test("gives masked keys a weight of exactly 0, and all the same weight where all are masked", async () => {
    const [q, k, v] = [input("q", [1, 1, 2, 2]), input("k", [1, 1, 2, 2]), input("v", [1, 1, 2, 1])]
    const mask = maskOf([
      [0, 1],
      [0, 0],
    ])
    const feeds: Record<string, NdArray> = {
      q: ndarray([1e3, 0, 1, 1], [1, 1, 2, 2]),
      k: ndarray([1e3, 0, -1e3, 0], [1, 1, 2, 2]),
      v: ndarray([1, 5], [1, 1, 2, 1]),
    }
    const { y } = await runGraph({ y: scaledDotProductAttention(q, k, v, { mask }) }, feeds)
    expect(numbers(y!)).toEqual([5, 3])
  })

  test("refuses what does not fit and says the shapes", () => {
    const [q, k, v] = [input("q", ["N", 2, 3, 4]), input("k", ["N", 2, 5, 4]), input("v", ["N", 2, 5, 4])]
    expect(() => scaledDotProductAttention(q, input("k", ["N", 2, 5, 3]), v)).toThrow(
      "scaledDotProductAttention: matmul: inner sizes 4 and 3 differ",
    )
    expect(() => scaledDotProductAttention(input("q", ["N", 3, 4]), k, v)).toThrow(
      "scaledDotProductAttention: q must have rank 4, got [N, 3, 4]",
    )
    expect(() => scaledDotProductAttention(q, k, v, { bias: input("bias", [3, 4]) })).toThrow("do not broadcast")
    expect(() => scaledDotProductAttention(q, k, v, { mask: input("mask", [3, 5]) })).toThrow("condition must be bool")
  })
})
