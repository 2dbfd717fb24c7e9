import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { randomArray } from "../../../test/support/arrays.ts"
import { checkOp } from "../../../test/support/check-op.ts"
import { evaluate } from "../evaluate.ts"
import { ndarray } from "../ndarray.ts"
import { input } from "../tensor.ts"
import { linear, matmul } from "./index.ts"

const size = fc.integer({ min: 1, max: 5 })

describe("matmul", () => {
  test("agrees with the reference and with finite differences, transposed or not, for batches that broadcast", async () => {
    const batches = fc.constantFrom<[number[], number[]]>(
      [[], []],
      [[2], [2]],
      [[2], []],
      [[], [3]],
      [[1], [3]],
      [
        [2, 1],
        [1, 3],
      ],
      [[2, 3], [3]],
    )
    const cases = fc.record({
      batches,
      rows: size,
      inner: size,
      columns: size,
      transposeA: fc.boolean(),
      transposeB: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(cases, async ({ batches: [left, right], rows, inner, columns, transposeA, transposeB }) => {
        const a = randomArray([...left, ...(transposeA ? [inner, rows] : [rows, inner])], "a")
        const b = randomArray([...right, ...(transposeB ? [columns, inner] : [inner, columns])], "b")
        await checkOp({ inputs: [a, b], build: (x, y) => matmul(x!, y!, { transposeA, transposeB }) })
      }),
      { numRuns: 30, seed: 8 },
    )
  })

  test("takes a batch of unknown size", async () => {
    const [a, b] = [randomArray([3, 4, 2], "a"), randomArray([3, 2, 5], "b")]
    await checkOp({ inputs: [a, b], build: (x, y) => matmul(x!, y!), batched: [0, 1] })
    await checkOp({ inputs: [a, randomArray([2, 5], "b")], build: (x, y) => matmul(x!, y!), batched: [0] })
    await checkOp({ inputs: [randomArray([3, 2], "a"), randomArray([2, 5], "b")], build: matmul2, batched: [0] })
  })

  test("multiplies matrices", () => {
    const feeds = { a: ndarray([1, 2, 3, 4], [2, 2]), b: ndarray([5, 6, 7, 8], [2, 2]) }
    const [a, b] = [input("a", [2, 2]), input("b", [2, 2])]
    const values = evaluate({ y: matmul(a, b), t: matmul(a, b, { transposeB: true }) }, feeds)
    expect(values.y!.data).toEqual(Float64Array.of(19, 22, 43, 50))
    expect(values.t!.data).toEqual(Float64Array.of(17, 23, 39, 53))
  })

  test("counts one multiply-accumulate for each term, for a batch of one", () => {
    const y = matmul(input("a", ["N", 3, 4]), input("b", ["N", 4, 5]))
    expect(y.node.op.macs!(y.node.inputs, y.node.outputs, y.node.attributes)).toBe(3 * 4 * 5)
    const flat = matmul(input("a", ["6*N", 4]), input("b", [4, 5]))
    expect(flat.node.op.macs!(flat.node.inputs, flat.node.outputs, flat.node.attributes)).toBe(6 * 4 * 5)
  })

  test("refuses operands that do not fit and says both shapes", () => {
    const a = input("a", ["N", 3])
    expect(() => matmul(a, input("b", [4, 5]))).toThrow("matmul: inner sizes 3 and 4 differ: [N, 3] times [4, 5]")
    expect(() => matmul(a, input("b", [4, 5]), { transposeB: true })).toThrow(
      "matmul: inner sizes 3 and 5 differ: [N, 3] times [4, 5] (transposed)",
    )
    expect(() => matmul(a, input("b", [3]))).toThrow("matmul: operands must have rank 2 or more, got [N, 3] and [3]")
    expect(() => matmul(input("a", [2, 3, 4]), input("b", [3, 4, 5]))).toThrow("matmul: shapes [2] and [3]")
  })
})

const matmul2 = (...[a, b]: Parameters<typeof matmul>[0][]) => matmul(a!, b!)

describe("linear", () => {
  test("agrees with the reference and with finite differences, with and without bias", async () => {
    const cases = fc.record({
      lead: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 }),
      inputs: size,
      outputs: size,
      bias: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(cases, async ({ lead, inputs, outputs, bias }) => {
        const values = [randomArray([...lead, inputs], "x"), randomArray([outputs, inputs], "w")]
        if (bias) values.push(randomArray([outputs], "b"))
        const batched = lead.length > 0 ? [0] : []
        await checkOp({ inputs: values, build: (x, w, b) => linear(x!, w!, b), batched })
      }),
      { numRuns: 15, seed: 9 },
    )
  })

  test("is x W^T + b", () => {
    const feeds = { x: ndarray([1, 2]), w: ndarray([1, 0, 3, 4, 5, 6], [3, 2]), b: ndarray([10, 20, 30]) }
    const { y } = evaluate({ y: linear(input("x", [2]), input("w", [3, 2]), input("b", [3])) }, feeds)
    expect(y!.data).toEqual(Float64Array.of(11, 31, 47))
  })

  test("counts inputs times outputs for every position of one sample", () => {
    const y = linear(input("x", ["N", 7, 7, 3]), input("w", [5, 3]))
    expect(y.node.op.macs!(y.node.inputs, y.node.outputs, y.node.attributes)).toBe(7 * 7 * 3 * 5)
  })

  test("refuses operands that do not fit and says both shapes", () => {
    const x = input("x", ["N", 3])
    expect(() => linear(x, input("w", [5, 4]))).toThrow("linear: last axis of [N, 3] does not fit weight [5, 4]")
    expect(() => linear(x, input("w", [3]))).toThrow("linear: weight must have rank 2, got [3]")
    expect(() => linear(x, input("w", [5, 3]), input("b", [4]))).toThrow("linear: bias must have shape [5], got [4]")
  })
})
