import { describe, expect, test } from "vitest"
import { randomArray } from "../../../test/support/arrays.ts"
import { checkOp, runGraph } from "../../../test/support/check-op.ts"
import { gradients } from "../../autodiff/gradients.ts"
import { evaluate } from "../evaluate.ts"
import { ndarray } from "../ndarray.ts"
import { input, type Tensor } from "../tensor.ts"
import { layerNorm, mul, sum } from "./index.ts"

const build = (...[x, weight, bias]: Tensor[]) => layerNorm(x!, weight!, bias!, 1e-6)
const affine = (channels: number) => [randomArray([channels], "w", { mean: 1 }), randomArray([channels], "b")]

describe("layerNorm", () => {
  test("agrees with the reference and with finite differences", async () => {
    for (const shape of [[4], [3, 5], [2, 3, 2, 6], [2, 17]]) {
      const inputs = [randomArray(shape, "x"), ...affine(shape.at(-1)!)]
      await checkOp({ inputs, build, batched: shape.length > 1 ? [0] : [] })
    }
  })

  test("keeps its accuracy where the mean is a thousand times the deviation", async () => {
    const inputs = [randomArray([4, 16], "x", { mean: 1000 }), ...affine(16)]
    // float32 holds 1000 to 6e-5: that much of a deviation of 1 is lost before anything is computed.
    await checkOp({ inputs, build, tolerance: 2e-4, differentiated: [1, 2] })
  })

  test("gives the bias for constant rows, however large the constant", async () => {
    const rows = [0, 1, -3, 100.7, 1e5]
    const x = ndarray(
      rows.flatMap((value) => new Array<number>(8).fill(value)),
      [rows.length, 8],
    )
    const [weight, bias] = affine(8)
    const graph = { y: build(input("x", ["N", 8]), input("w", [8]), input("b", [8])) }
    const { y } = await runGraph(graph, { x, w: weight!, b: bias! })
    rows.forEach((value, row) => {
      expect(y!.data.slice(row * 8, row * 8 + 8), `rows of ${value}`).toEqual(bias!.data)
    })
  })

  test("of a constant row has a gradient for x that is finite", async () => {
    const x = ndarray(new Float32Array(16).fill(2.5), [2, 8])
    const leaves = [input("x", [2, 8]), input("w", [8]), input("b", [8])]
    const [dx] = gradients(sum(mul(build(...leaves), input("c", [2, 8]))), [leaves[0]!])
    const [w, b] = affine(8)
    const values = await runGraph({ dx: dx! }, { x, w: w!, b: b!, c: randomArray([2, 8], "c") })
    expect(values.dx!.data.every((value) => Number.isFinite(value))).toBe(true)
  })

  test("has mean 0 and variance 1 before weight and bias", () => {
    const feeds = { x: randomArray([1, 1000], "x", { mean: 5, std: 3 }) }
    const [one, zero] = [new Float32Array(1000).fill(1), new Float32Array(1000)]
    const graph = { y: build(input("x", [1, 1000]), input("w", [1000]), input("b", [1000])) }
    const { y } = evaluate(graph, { ...feeds, w: ndarray(one), b: ndarray(zero) })
    const values = [...(y!.data as Float64Array)]
    const mean = values.reduce((total, value) => total + value, 0) / 1000
    const variance = values.reduce((total, value) => total + (value - mean) ** 2, 0) / 1000
    expect(mean).toBeCloseTo(0, 12)
    expect(variance).toBeCloseTo(1, 6)
  })

  test("adds epsilon to the variance, not to the deviation", () => {
    const feeds = { x: ndarray([-1, 1], [1, 2]), w: ndarray([1, 1]), b: ndarray([0, 0]) }
    const graph = { y: layerNorm(input("x", [1, 2]), input("w", [2]), input("b", [2]), 3) }
    expect(evaluate(graph, feeds).y!.data).toEqual(Float64Array.of(-0.5, 0.5))
  })

  test("refuses weights that do not fit and says both shapes", () => {
    const x = input("x", ["N", 3])
    expect(() => build(x, input("w", [4]), input("b", [3]))).toThrow("layerNorm: weight must have shape [3], got [4]")
    expect(() => build(x, input("w", [3]), input("b", [3, 1]))).toThrow(
      "layerNorm: bias must have shape [3], got [3, 1]",
    )
  })
})
