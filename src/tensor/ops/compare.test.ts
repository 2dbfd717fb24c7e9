import { describe, expect, test } from "vitest"
import { numbers, randomArray } from "../../../test/support/arrays.ts"
import { checkOp, runGraph } from "../../../test/support/check-op.ts"
import { gradients } from "../../autodiff/gradients.ts"
import { ndarray } from "../ndarray.ts"
import { input } from "../tensor.ts"
import {
  cast,
  clip,
  div,
  equal,
  greater,
  greaterOrEqual,
  less,
  lessOrEqual,
  logicalAnd,
  logicalNot,
  logicalOr,
  maximum,
  minimum,
  mul,
  sum,
  where,
} from "./index.ts"

const bools = (values: number[]) => ndarray(values, [values.length], "bool")

describe.each([
  ["equal", equal, [0, 1, 0]],
  ["less", less, [1, 0, 0]],
  ["lessOrEqual", lessOrEqual, [1, 1, 0]],
  ["greater", greater, [0, 0, 1]],
  ["greaterOrEqual", greaterOrEqual, [0, 1, 1]],
] as const)("%s", (name, op, expected) => {
  test("compares floats and integers", async () => {
    for (const dtype of ["float32", "int32"] as const) {
      const graph = { y: op(input("a", [3], dtype), input("b", [3], dtype)) }
      const feeds = { a: ndarray([1, 2, 3], [3], dtype), b: ndarray([2, 2, 2], [3], dtype) }
      const { y } = await runGraph(graph, feeds)
      expect(y!.dtype).toBe("bool")
      expect(numbers(y!)).toEqual(expected)
    }
    const long = ndarray(BigInt64Array.of(1n, 2n, 3n), [3], "int64")
    expect(numbers((await runGraph({ y: op(input("a", [3], "int64"), 2) }, { a: long })).y!)).toEqual(expected)
  })

  test("agrees with the reference, broadcast and for a batch of unknown size", async () => {
    const inputs = [ndarray([1, 2, 3, 2, 5, 6], [2, 1, 3]), ndarray([2, 4, 1, 3], [4, 1])]
    await checkOp({ inputs, build: (a, b) => op(a!, b!), batched: [0] })
    await checkOp({ inputs: [randomArray([5], "x")], build: (a) => op(0, a!) })
  })

  test("is false for NaN", async () => {
    const { y } = await runGraph(
      { y: op(input("a", [1]), input("b", [1])) },
      { a: ndarray([Number.NaN]), b: ndarray([0]) },
    )
    expect(numbers(y!)).toEqual([0])
  })

  test("refuses operands that do not fit", () => {
    const a = input("a", ["N", 3])
    expect(() => op(a, input("b", [4]))).toThrow(`${name}: shapes [N, 3] and [4] do not broadcast`)
    expect(() => op(a, input("b", [3], "int32"))).toThrow(`${name}: operands have types float32 and int32`)
    expect(() => op(input("b", [3], "int32"), 0.5)).toThrow(`${name}: 0.5 is no int32`)
  })

  test("has no gradient, and the error names the path; what it chooses has one", () => {
    const x = input("x", [2])
    expect(() => gradients(sum(cast(op(x, 0), "float32")), [x])).toThrow(
      `gradients: cast has no gradient; on the path cast <- ${name} <- input`,
    )
    expect(gradients(sum(where(op(x, 0), x, 0)), [x])[0]!.shape).toEqual([2])
  })
})

test("logic has its truth tables", async () => {
  const a = input("a", [4], "bool")
  const b = input("b", [4], "bool")
  const graph = { and: logicalAnd(a, b), or: logicalOr(a, b), not: logicalNot(a) }
  const values = await runGraph(graph, { a: bools([0, 0, 1, 1]), b: bools([0, 1, 0, 1]) })
  expect(numbers(values.and!)).toEqual([0, 0, 0, 1])
  expect(numbers(values.or!)).toEqual([0, 1, 1, 1])
  expect(numbers(values.not!)).toEqual([1, 1, 0, 0])
  const inputs = [bools([0, 0, 1, 1]), bools([0, 1, 0, 1])]
  await checkOp({ inputs, build: (x, y) => logicalNot(logicalOr(logicalAnd(x!, y!), x!)), batched: [0, 1] })
})

test("logic refuses what is not bool", () => {
  const x = input("x", [2])
  expect(() => logicalAnd(x, x)).toThrow("logicalAnd: operands must be bool, got float32[2]")
  expect(() => logicalNot(x)).toThrow("logicalNot: operands must be bool, got float32[2]")
})

describe("where", () => {
  const condition = ndarray([1, 0, 1, 0, 0, 1], [3, 2], "bool")

  test("agrees with the reference and with finite differences, broadcast", async () => {
    const inputs = [condition, randomArray([4, 3, 1], "a"), randomArray([2], "b")]
    await checkOp({ inputs, build: (c, a, b) => where(c!, a!, b!) })
    await checkOp({ inputs, build: (c, a, b) => where(c!, a!, b!), batched: [1] })
    await checkOp({ inputs, build: (c, a) => where(c!, a!, 2), differentiated: [1] })
  })

  test("keeps what is not chosen out of the result and out of its gradient", async () => {
    const x = input("x", [3])
    const y = where(greater(x, 0), mul(x, 2), mul(x, Number.NaN))
    const z = where(greater(x, 1), 5, x)
    const [dz] = gradients(sum(div(1, z)), [x])
    const values = await runGraph({ y, dz: dz! }, { x: ndarray([1, 2, Number.POSITIVE_INFINITY]) })
    expect(numbers(values.y!)).toEqual([2, 4, Number.POSITIVE_INFINITY])
    expect(numbers(values.dz!)).toEqual([-1, 0, 0])
  })

  test("chooses integers", async () => {
    await checkOp({ inputs: [bools([1, 0]), ndarray([3, 4], [2], "int32")], build: (c, a) => where(c!, a!, -1) })
  })

  test("refuses a condition that is not bool, and choices that do not fit", () => {
    const x = input("x", [2, 3])
    expect(() => where(x, x, 0)).toThrow("where: condition must be bool, got float32[2, 3]")
    expect(() => where(input("c", [4], "bool"), x, 0)).toThrow("where: shapes [4] and [2, 3] do not broadcast")
    expect(() => where(input("c", [3], "bool"), x, input("i", [3], "int32"))).toThrow(
      "where: operands have types float32 and int32",
    )
  })
})

test("maximum and minimum give each of two equal operands half of the gradient", async () => {
  const [a, b] = [input("a", [3]), input("b", [3])]
  const feeds = { a: ndarray([1, 2, 3]), b: ndarray([2, 2, 2]) }
  const [high, low] = [maximum, minimum].map((op) => gradients(sum(op(a, b)), [a, b]))
  const values = await runGraph({ highA: high![0]!, highB: high![1]!, lowA: low![0]!, lowB: low![1]! }, feeds)
  expect(numbers(values.highA!)).toEqual([0, 0.5, 1])
  expect(numbers(values.highB!)).toEqual([1, 0.5, 0])
  expect(numbers(values.lowA!)).toEqual([1, 0.5, 0])
  expect(numbers(values.lowB!)).toEqual([0, 0.5, 1])
})

describe("clip", () => {
  test("agrees with the reference and with finite differences, with open ends too", async () => {
    const inf = Number.POSITIVE_INFINITY
    for (const [low, high] of [
      [-0.5, 1],
      [-inf, 0.3],
      [0.2, inf],
      [-inf, inf],
    ] as const) {
      await checkOp({ inputs: [randomArray([7, 5], "x")], build: (x) => clip(x!, low, high), batched: [0] })
    }
  })

  test("passes the gradient at its bounds, as torch.clamp", async () => {
    const x = input("x", [5])
    const [dx] = gradients(sum(clip(x, 0, 1)), [x])
    const values = await runGraph({ dx: dx! }, { x: ndarray([-1, 0, 0.5, 1, 2]) })
    expect(numbers(values.dx!)).toEqual([0, 1, 1, 1, 0])
  })

  test("refuses bounds in the wrong order", () => {
    expect(() => clip(input("x", [2]), 1, 0)).toThrow("clip: the lower bound 1 must not be above the upper bound 0")
    expect(() => clip(input("x", [2]), Number.NaN, 0)).toThrow(RangeError)
  })
})
