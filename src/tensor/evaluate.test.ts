import { expect, test } from "vitest"
import { evaluate } from "./evaluate.ts"
import { ndarray } from "./ndarray.ts"
import { add, mul, neg } from "./ops/index.ts"
import { constant, input } from "./tensor.ts"

test("computes in float64 what float32 cannot hold", () => {
  const { y } = evaluate({ y: add(input("x", [1]), 1) }, { x: ndarray([2 ** -30]) })
  expect(y!.dtype).toBe("float64")
  expect(y!.data[0]).toBe(1 + 2 ** -30)
})

test("takes the sizes of symbols from the inputs", () => {
  const x = input("x", ["N", 2])
  expect(evaluate({ y: neg(x) }, { x: ndarray([1, 2, 3, 4, 5, 6], [3, 2]) }).y!.shape).toEqual([3, 2])
})

test("gives inputs and constants as they are", () => {
  const x = input("x", [2])
  const value = ndarray([1, 2])
  const values = evaluate({ x, again: x, c: constant(ndarray([3])) }, { x: value })
  expect(values.x).toBe(value)
  expect(values.again).toBe(value)
  expect([...(values.c!.data as Float64Array)]).toEqual([3])
})

test("computes a value that is used twice once, and several outputs together", () => {
  const x = input("x", [2])
  const square = mul(x, x)
  const values = evaluate({ square, fourth: mul(square, square) }, { x: ndarray([2, 3]) })
  expect(values.fourth!.data).toEqual(Float64Array.of(16, 81))
})

test("refuses inputs that are missing or do not fit, and names them", () => {
  const graph = { y: add(input("a", ["N", 2]), input("b", ["N", 2])) }
  const a = ndarray([1, 2], [1, 2])
  expect(() => evaluate(graph, { a })).toThrow("evaluate: input b has no value")
  expect(() => evaluate(graph, { a, b: ndarray([1, 2, 3], [1, 3]) })).toThrow(
    "evaluate: input b: expected shape [N, 2], got [1, 3]",
  )
  expect(() => evaluate(graph, { a, b: ndarray([1, 2, 3, 4], [2, 2]) })).toThrow(
    "input b: expected shape [N, 2], got [2, 2]",
  )
})
