import fc from "fast-check"
import { expect, test } from "vitest"
import { randomArray } from "../../../test/support/arrays.ts"
import { checkOp, runGraph } from "../../../test/support/check-op.ts"
import { evaluate } from "../evaluate.ts"
import { ndarray } from "../ndarray.ts"
import { input } from "../tensor.ts"
import { after } from "./after.ts"
import { addRows, padRows, takeRows } from "./rows.ts"

const int64 = (values: number[]) => ndarray(BigInt64Array.from(values, BigInt), [values.length], "int64")

/** The size of a batch and some of its rows, each once, in any order. */
const someRows = fc
  .integer({ min: 1, max: 6 })
  .chain((batch) =>
    fc.tuple(
      fc.constant(batch),
      fc.shuffledSubarray([...Array(batch).keys()], { minLength: 1 }),
      fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }),
    ),
  )

test("takeRows and addRows, for any rows of any batch", async () => {
  await fc.assert(
    fc.asyncProperty(someRows, async ([batch, rows, rest]) => {
      const x = randomArray([batch, ...rest], "x")
      await checkOp({ inputs: [x, int64(rows)], build: takeRows, batched: [0] })
      const updates = randomArray([rows.length, ...rest], "updates")
      await checkOp({ inputs: [x, int64(rows), updates], build: addRows, batched: [0] })
    }),
    { numRuns: 10 },
  )
})

test("addRows adds to the rows that it names alone", () => {
  const feeds = { x: ndarray([1, 2, 3, 4, 5, 6], [3, 2]), rows: int64([2, 0]), u: ndarray([10, 20, 30, 40], [2, 2]) }
  const [x, rows, u] = [input("x", [3, 2]), input("rows", ["K"], "int64"), input("u", ["K", 2])]
  expect([...evaluate({ y: addRows(x, rows, u) }, feeds).y!.data]).toEqual([31, 42, 3, 4, 15, 26])
})

test("rows that are no int64 vector, and updates of another shape, are refused when the graph is built", () => {
  const x = input("x", [3, 2])
  expect(() => takeRows(x, input("rows", [2]))).toThrow("takeRows: rows must be int64 [K], got float32[2]")
  expect(() => addRows(x, input("rows", [2], "int64"), input("u", [2, 3]))).toThrow(
    "addRows: updates must have shape [2, 2], got [2, 3]",
  )
})

test("padRows fills a batch up with zeros, whatever its size", async () => {
  for (const shape of [[2], [2, 3], [2, 2, 3, 16]]) {
    const values = randomArray(shape, "x")
    const graph = { y: padRows(input("x", ["K", ...shape.slice(1)]), 5) }
    const expected = [...values.data, ...new Array((values.data.length / 2) * 3).fill(0)]
    const { y } = await runGraph(graph, { x: values })
    expect(y!.shape).toEqual([5, ...shape.slice(1)])
    expect([...y!.data]).toEqual(expected)
    expect([...evaluate(graph, { x: values }).y!.data]).toEqual(expected)
  }
  const x = input("x", [5, 2])
  expect(padRows(x, 5)).toBe(x)
})

test("after is the same values, also of a symbolic shape and after a value that is not finite", async () => {
  const values = randomArray([2, 3, 4], "x")
  const graph = { y: after(input("x", ["N", 3, 4]), input("token", ["N", 2])) }
  for (const token of [0, Number.NaN, Number.POSITIVE_INFINITY, -1e30]) {
    const { y } = await runGraph(graph, { x: values, token: ndarray([token, 1, 2, 3], [2, 2]) })
    expect(y).toEqual(values)
  }
})
