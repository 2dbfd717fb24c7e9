import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { numbers, randomArray } from "../../../test/support/arrays.ts"
import { checkOp, runGraph } from "../../../test/support/check-op.ts"
import { gradients } from "../../autodiff/gradients.ts"
import { evaluate } from "../evaluate.ts"
import { ndarray } from "../ndarray.ts"
import { input } from "../tensor.ts"
import { mul } from "./elementwise.ts"
import { dotLast, logSumExp, max, mean, min, sum, variance } from "./reduce.ts"

const reductions = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }).chain((shape) =>
  fc.record({
    shape: fc.constant(shape),
    axes: fc.subarray(
      shape.map((_, axis) => axis),
      { minLength: 1 },
    ),
    fromEnd: fc.boolean(),
    keepDims: fc.boolean(),
  }),
)

describe.each([
  ["sum", sum],
  ["mean", mean],
  ["max", max],
  ["min", min],
  ["logSumExp", logSumExp],
] as const)("%s", (name, op) => {
  test("agrees with the reference and with finite differences for all axes", async () => {
    await fc.assert(
      fc.asyncProperty(reductions, async ({ shape, axes, fromEnd, keepDims }) => {
        const named = fromEnd ? axes.map((axis) => axis - shape.length) : axes
        await checkOp({ inputs: [randomArray(shape, "x")], build: (x) => op(x!, named, { keepDims }) })
      }),
      { numRuns: 15, seed: 2 },
    )
  })

  test("reduces a batch of unknown size, along it and beside it", async () => {
    const x = randomArray([3, 2, 4], "x")
    for (const axes of [[0], [1], [0, 2], undefined]) {
      await checkOp({ inputs: [x], build: (a) => op(a!, axes), batched: [0] })
    }
  })

  test("without axes reduces all of them to a scalar", async () => {
    expect(op(input("x", ["N", 3])).shape).toEqual([])
    await checkOp({ inputs: [randomArray([2, 3], "x")], build: (x) => op(x!) })
    await checkOp({ inputs: [randomArray([], "x")], build: (x) => op(x!) })
  })

  test("over no axes changes nothing", async () => {
    await checkOp({ inputs: [randomArray([2, 3], "x")], build: (x) => op(x!, []) })
  })

  test("refuses an axis that is not there", () => {
    const x = input("x", ["N", 3])
    expect(() => op(x, [2])).toThrow(`${name}: axis 2 is out of range for rank 2`)
    expect(() => op(x, [-3])).toThrow(`${name}: axis -3 is out of range for rank 2`)
    expect(() => op(x, [0.5])).toThrow(RangeError)
  })
})

describe("variance", () => {
  test("agrees with the reference and with finite differences for all axes, biased and unbiased", async () => {
    await fc.assert(
      fc.asyncProperty(reductions, fc.constantFrom(0, 1), async ({ shape, axes, keepDims }, correction) => {
        fc.pre(correction === 0 || axes.some((axis) => shape[axis]! > 1))
        await checkOp({
          inputs: [randomArray(shape, "x")],
          build: (x) => variance(x!, axes, { keepDims, correction: correction as 0 | 1 }),
        })
      }),
      { numRuns: 10, seed: 4 },
    )
  })

  test("divides by a batch of unknown size, less one where it is unbiased", async () => {
    const x = randomArray([3, 2, 4], "x")
    for (const axes of [[0], [0, 2], undefined]) {
      await checkOp({ inputs: [x], build: (a) => variance(a!, axes, { correction: 1 }), batched: [0] })
    }
  })

  test("has the values of arithmetic", () => {
    const x = input("x", [4])
    const values = evaluate(
      { biased: variance(x), unbiased: variance(x, [0], { correction: 1 }) },
      { x: ndarray([1, 2, 3, 6]) },
    )
    expect(values.biased!.data).toEqual(Float64Array.of(3.5))
    expect(Number(values.unbiased!.data[0])).toBeCloseTo(14 / 3, 12)
  })

  test("of a constant is zero, and so is its gradient", async () => {
    const x = ndarray(new Float32Array(6).fill(1234.5), [2, 3])
    const a = input("x", [2, 3])
    const [dx] = gradients(sum(variance(a, [1])), [a])
    const values = await runGraph({ y: variance(a, [1]), dx: dx! }, { x })
    expect(numbers(values.y!)).toEqual([0, 0])
    expect(numbers(values.dx!)).toEqual([0, 0, 0, 0, 0, 0])
  })

  test("refuses what is undefined", () => {
    expect(() => variance(input("x", ["N", 1]), [1], { correction: 1 })).toThrow(
      "variance: 1 element of [N, 1] has no unbiased variance",
    )
    expect(() => variance(input("x", ["N", 1]), [2])).toThrow("variance: axis 2 is out of range for rank 2")
  })
})

describe("equal extremes share the gradient evenly, as in torch.amax", () => {
  test.each([
    [
      "max",
      max,
      [
        [0, 1.5, 1.5],
        [3, 0, 0],
      ],
    ],
    [
      "min",
      min,
      [
        [3, 0, 0],
        [0, 1.5, 1.5],
      ],
    ],
  ] as const)("%s", async (_, op, expected) => {
    const x = ndarray([1, 2, 2, 5, 4, 4], [2, 3])
    const a = input("x", [2, 3])
    const [dx] = gradients(sum(mul(op(a, [1]), 3)), [a])
    const values = await runGraph({ dx: dx! }, { x })
    expect(numbers(values.dx!)).toEqual(expected.flat())
  })
})

test("logSumExp neither overflows nor underflows at 1e4", async () => {
  const x = ndarray([1e4, 1e4, -1e4, -1e4, 1e4, -1e4], [3, 2])
  await checkOp({ inputs: [x], build: (a) => logSumExp(a!, [1]) })
  const { y } = await runGraph({ y: logSumExp(input("x", [3, 2]), [1]) }, { x })
  const expected = [1e4 + Math.LN2, -1e4 + Math.LN2, 1e4]
  expected.forEach((value, i) => {
    expect(Number(y!.data[i])).toBeCloseTo(value, 2)
  })
})

test("sum and mean have the values of arithmetic", () => {
  const x = input("x", [2, 3])
  const graph = { total: sum(x), rows: sum(x, [1]), average: mean(x, [0]) }
  const values = evaluate(graph, { x: ndarray([1, 2, 3, 4, 5, 9], [2, 3]) })
  expect(values.total!.data).toEqual(Float64Array.of(24))
  expect(values.rows!.data).toEqual(Float64Array.of(6, 18))
  expect(values.average!.data).toEqual(Float64Array.of(2.5, 3.5, 6))
})

test("the same graph takes the mean over batches of several sizes", async () => {
  const graph = { y: mean(input("x", ["N", 2])) }
  for (const n of [1, 3, 5]) {
    const x = randomArray([n, 2], n)
    const { y } = await runGraph(graph, { x })
    expect(Number(y!.data[0])).toBeCloseTo(Number(evaluate(graph, { x }).y!.data[0]), 6)
  }
})

test("dotLast multiplies along the last axis and keeps it", async () => {
  const inputs = [randomArray([3, 4], "a"), randomArray([3, 4], "b")]
  await checkOp({ inputs, build: (a, b) => dotLast(a!, b!), batched: [0, 1] })
  expect(dotLast(input("a", ["N", 4]), input("b", ["N", 4])).shape).toEqual(["N", 1])
})
