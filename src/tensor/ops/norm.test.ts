import { describe, expect, test } from "vitest"
import { expectClose, numbers, randomArray } from "../../../test/support/arrays.ts"
import { checkOp, runGraph } from "../../../test/support/check-op.ts"
import { gradients } from "../../autodiff/gradients.ts"
import { evaluate } from "../evaluate.ts"
import { ndarray } from "../ndarray.ts"
import { constant, input, type Tensor } from "../tensor.ts"
import { batchNorm, batchNormTraining, globalResponseNorm, groupNorm, layerNorm, mul, rmsNorm, sum } from "./index.ts"

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

describe("rmsNorm", () => {
  test("agrees with the reference and with finite differences", async () => {
    for (const shape of [[4], [3, 5], [2, 3, 2, 6], [2, 2]]) {
      const inputs = [randomArray(shape, "x", { mean: 1 }), randomArray([shape.at(-1)!], "w")]
      await checkOp({ inputs, build: (x, w) => rmsNorm(x!, w!, 1e-6), batched: shape.length > 1 ? [0] : [] })
    }
  })

  test("divides by the root of the mean square, and keeps zeros", () => {
    const graph = { y: rmsNorm(input("x", [2, 2]), input("w", [2]), 1e-6) }
    const { y } = evaluate(graph, { x: ndarray([3, 4, 0, 0], [2, 2]), w: ndarray([1, 10]) })
    expect(numbers(y!)).toEqual([3, 40, 0, 0].map((value) => expect.closeTo(value / Math.sqrt(12.5), 6)))
  })

  test("refuses a weight that does not fit", () => {
    expect(() => rmsNorm(input("x", ["N", 3]), input("w", [4]), 1e-6)).toThrow("rmsNorm: weight must have shape [3]")
  })
})

describe("batchNormTraining", () => {
  const normalise = (...[x, weight, bias]: Tensor[]) => batchNormTraining(x!, weight!, bias!, 1e-5)

  test("agrees with the reference and with finite differences", async () => {
    for (const shape of [
      [3, 5],
      [5, 1, 1, 3],
      [2, 3, 2, 17],
      [1, 2, 3, 1],
    ]) {
      const inputs = [randomArray(shape, "x", { mean: 2 }), ...affine(shape.at(-1)!)]
      await checkOp({ inputs, build: (...leaves) => normalise(...leaves).y, batched: [0] })
    }
  })

  test("gives the mean and the unbiased variance of a batch of any size", async () => {
    const x = ndarray([1, 10, 2, 20, 6, 60], [3, 1, 1, 2])
    const [weight, bias] = affine(2)
    for (const batch of [3, "N"]) {
      const { mean, variance } = normalise(input("x", [batch, 1, 1, 2]), input("w", [2]), input("b", [2]))
      const values = await runGraph({ mean, variance }, { x, w: weight!, b: bias! })
      expect(numbers(values.mean!)).toEqual([3, 30])
      expect(numbers(values.variance!)).toEqual([7, 700])
    }
  })

  test("keeps its accuracy where the mean is a thousand times the deviation", async () => {
    const inputs = [randomArray([4, 3, 3, 2], "x", { mean: 1000 }), ...affine(2)]
    await checkOp({ inputs, build: (...leaves) => normalise(...leaves).y, tolerance: 2e-4, differentiated: [1, 2] })
  })

  test("gives the bias, and a finite gradient, for a channel that is constant", async () => {
    const leaves = [input("x", [4, 2]), input("w", [2]), input("b", [2])]
    const { y } = normalise(...leaves)
    const [dx] = gradients(sum(mul(y, input("c", [4, 2]))), [leaves[0]!])
    const [w, b] = affine(2)
    const feeds = { x: ndarray([5, 1, 5, 2, 5, 3, 5, 4], [4, 2]), w: w!, b: b!, c: randomArray([4, 2], "c") }
    const values = await runGraph({ y, dx: dx! }, feeds)
    for (let row = 0; row < 4; row++) expect(values.y!.data[2 * row]).toBe(b!.data[0])
    expect(numbers(values.dx!).every(Number.isFinite)).toBe(true)
  })

  test("refuses a single value of each channel, gradients through the statistics, and weights that do not fit", () => {
    const [w, b] = [input("w", [3]), input("b", [3])]
    expect(() => normalise(input("x", [1, 1, 1, 3]), w, b)).toThrow(
      "batchNormTraining: a batch needs more than one value of each channel, got [1, 1, 1, 3]",
    )
    expect(() => normalise(input("x", ["N", 4]), w, b)).toThrow(
      "batchNormTraining: weight must have shape [4], got [3]",
    )
    const x = input("x", [2, 3])
    expect(() => gradients(sum(normalise(x, w, b).mean), [x])).toThrow("mean and variance cannot be differentiated")
  })
})

describe("batchNorm with given statistics", () => {
  const statistics = [randomArray([3], "m"), randomArray([3], "v", { mean: 3, std: 0.3 })]
  const build = (...[x, weight, bias, mean, variance]: Tensor[]) =>
    batchNorm(x!, weight!, bias!, mean!, variance!, 1e-5)

  test("agrees with the reference and with finite differences", async () => {
    for (const shape of [
      [2, 3],
      [1, 1, 1, 3],
      [2, 2, 4, 3],
    ]) {
      await checkOp({ inputs: [randomArray(shape, "x"), ...affine(3), ...statistics], build, batched: [0] })
    }
  })

  test("is that of training where the statistics are the batch's", () => {
    const leaves = [input("x", [5, 3]), input("w", [3]), input("b", [3])] as const
    const { y, mean, variance } = batchNormTraining(...leaves, 1e-5)
    const again = batchNorm(...leaves, mean, mul(variance, 4 / 5), 1e-5)
    const [w, b] = affine(3)
    const values = evaluate({ y, again }, { x: randomArray([5, 3], "x"), w: w!, b: b! })
    expectClose("y", values.again!, values.y!, 1e-6)
  })

  test("refuses statistics that do not fit", () => {
    const [x, c] = [input("x", ["N", 3]), input("c", [3])]
    expect(() => batchNorm(x, c, c, input("m", [4]), c, 1e-5)).toThrow("batchNorm: mean must have shape [3], got [4]")
  })
})

describe("groupNorm", () => {
  test.each([1, 2, 3, 6])("in %i groups agrees with the reference and with finite differences", async (groups) => {
    for (const shape of [
      [2, 3, 2, 6],
      [1, 1, 1, 6],
      [2, 4, 6],
      [3, 6],
    ]) {
      // Two values are always 1 and -1, and one is 0: their gradient is zero, and what is left of it is rounding.
      const values = (shape.slice(1, -1).reduce((a, b) => a * b, 1) * 6) / groups
      const differentiated = values > 2 ? undefined : [1, 2]
      const inputs = [randomArray(shape, "x", { mean: 1 }), ...affine(6)]
      await checkOp({
        inputs,
        build: (x, weight, bias) => groupNorm(x!, groups, weight!, bias!, 1e-5),
        batched: [0],
        differentiated,
      })
    }
  })

  test("of one group per sample is layerNorm over all of it", () => {
    const one = constant(ndarray(new Float32Array(6).fill(1)))
    const zero = constant(ndarray(new Float32Array(6)))
    const x = input("x", [2, 1, 1, 6])
    const graph = { group: groupNorm(x, 1, one, zero, 1e-5), layer: layerNorm(x, one, zero, 1e-5) }
    const values = evaluate(graph, { x: randomArray([2, 1, 1, 6], "x") })
    expectClose("y", values.group!, values.layer!, 1e-9)
  })

  test("refuses groups that do not divide the channels", () => {
    const [x, c] = [input("x", ["N", 2, 2, 6]), input("c", [6])]
    expect(() => groupNorm(x, 4, c, c, 1e-5)).toThrow("groupNorm: 4 groups do not divide the channels of [N, 2, 2, 6]")
    expect(() => groupNorm(x, 2, c, input("b", [2]), 1e-5)).toThrow("groupNorm: bias must have shape [6], got [2]")
  })
})

describe("globalResponseNorm", () => {
  const build = (...[x, weight, bias]: Tensor[]) => globalResponseNorm(x!, weight!, bias!)

  test("agrees with the reference and with finite differences", async () => {
    for (const shape of [
      [2, 3, 2, 5],
      [1, 1, 1, 3],
      [2, 4, 4, 16],
    ]) {
      await checkOp({ inputs: [randomArray(shape, "x"), ...affine(shape[3]!)], build, batched: [0] })
    }
  })

  test("adds nothing at its initial weights", () => {
    const zero = constant(ndarray(new Float32Array(3)))
    const x = randomArray([2, 2, 2, 3], "x")
    const { y } = evaluate({ y: build(input("x", [2, 2, 2, 3]), zero, zero) }, { x })
    expect(numbers(y!)).toEqual(numbers(x))
  })

  test("makes a channel of twice the mean norm three times as large at weight 1", () => {
    // Norms 5, 10 and 0, of mean 5.
    const x = ndarray([3, 6, 0, 4, 8, 0], [1, 1, 2, 3])
    const [one, zero] = [constant(ndarray([1, 1, 1])), constant(ndarray([0, 0, 0]))]
    const { y } = evaluate({ y: build(input("x", [1, 1, 2, 3]), one, zero) }, { x })
    expect(numbers(y!)).toEqual([6, 18, 0, 8, 24, 0].map((value) => expect.closeTo(value, 4)))
  })

  test("has a finite gradient where channels are zero, alone and all together", async () => {
    const leaves = [input("x", [2, 1, 2, 2]), input("w", [2]), input("b", [2])]
    const [dx] = gradients(sum(mul(build(...leaves), input("c", [2, 1, 2, 2]))), [leaves[0]!])
    const [w, b] = affine(2)
    const feeds = {
      x: ndarray([3, 0, 4, 0, 0, 0, 0, 0], [2, 1, 2, 2]),
      w: w!,
      b: b!,
      c: randomArray([2, 1, 2, 2], "c"),
    }
    const values = await runGraph({ dx: dx! }, feeds)
    expect(numbers(values.dx!).every(Number.isFinite)).toBe(true)
    expectClose("dx", values.dx!, evaluate({ dx: dx! }, feeds).dx!, 1e-5)
  })

  test("refuses weights that do not fit and what is no map", () => {
    const c = input("c", [3])
    expect(() => build(input("x", ["N", 2, 2, 4]), c, c)).toThrow(
      "globalResponseNorm: weight must have shape [4], got [3]",
    )
    expect(() => build(input("x", ["N", 3]), c, c)).toThrow("globalResponseNorm: x must have rank 4, got [N, 3]")
  })
})

test("a batch that turns out to be a single value has variance 0, not NaN", () => {
  const x = input("x", ["N", 2])
  const { y, variance } = batchNormTraining(x, constant(ndarray([1, 1])), constant(ndarray([3, 4])), 1e-5)
  const feeds = { x: ndarray([5, 6], [1, 2]) }
  const result = evaluate({ y, variance }, feeds)
  expect([...result.y!.data, ...result.variance!.data]).toEqual([3, 4, 0, 0])
})
