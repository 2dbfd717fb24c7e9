import { describe, expect, test } from "vitest"
import { randomArray } from "../../../test/support/arrays.ts"
import { checkPass, checkPassOn, countOps } from "../../../test/support/check-pass.ts"
import { ndarray } from "../../tensor/ndarray.ts"
import { add, div, erf, mul, neg, sub } from "../../tensor/ops/index.ts"
import { constant, input, scalarValue, type Tensor } from "../../tensor/tensor.ts"
import { simplify } from "./simplify.ts"

const x = input("x", [2, 3])
const y = input("y", [2, 3])
const feeds = { x: randomArray([2, 3], "x"), y: randomArray([2, 3], "y") }
const simplified = (tensor: Tensor) => checkPassOn(simplify, { result: tensor }, feeds).result!

test("keeps what random graphs compute", () => {
  checkPass(simplify)
})

test.each<[string, Tensor]>([
  ["x + 0", add(x, 0)],
  ["0 + x", add(0, x)],
  ["x - 0", sub(x, 0)],
  ["x 1", mul(x, 1)],
  ["1 x", mul(1, x)],
  ["x / 1", div(x, 1)],
  ["x 2 0.5", mul(mul(x, 2), 0.5)],
])("%s is x", (_, tensor) => {
  expect(simplified(tensor)).toBe(x)
})

describe("products with scalars", () => {
  test.each<[string, Tensor, number]>([
    ["(x 2) 3", mul(mul(x, 2), 3), 6],
    ["3 (2 x)", mul(3, mul(2, x)), 6],
    ["((x 2) 3) 4", mul(mul(mul(x, 2), 3), 4), 24],
    ["(-x) 2", mul(neg(x), 2), -2],
    ["x / 4", div(x, 4), 0.25],
    ["(x 2) / 4", mul(div(mul(x, 2), 4), 3), 1.5],
  ])("%s is one product", (_, tensor, factor) => {
    const result = simplified(tensor)
    expect(countOps({ result })).toEqual({ mul: 1 })
    expect(result.node.inputs.map(scalarValue)).toContain(factor)
    expect(result.node.inputs).toContain(x)
  })

  test("a division that is not exact stays a division", () => {
    expect(countOps({ result: simplified(div(x, 3)) })).toEqual({ div: 1 })
  })

  test.each<[string, Tensor, Record<string, number>]>([
    ["(x 1e30) 1e30 overflows", mul(mul(x, 1e30), 1e30), { mul: 2 }],
    ["(x 1e-30) 1e-30 underflows", mul(mul(x, 1e-30), 1e-30), { mul: 2 }],
    ["(x 1e-20) 1e-20 loses digits", mul(mul(x, 1e-20), 1e-20), { mul: 2 }],
    ["x / 2^-130 has no finite factor", div(x, 2 ** -130), { div: 1 }],
    ["x / 2^127 has no factor with all digits", div(x, 2 ** 127), { div: 1 }],
    ["(x 1e30) / 2^-60 overflows", div(mul(x, 1e30), 2 ** -60), { mul: 2 }],
  ])("%s: it stays", (_, tensor, ops) => {
    expect(countOps(simplify({ result: tensor }))).toEqual(ops)
  })

  test("a product with zero stays, for NaN and infinity count", () => {
    expect(countOps({ result: simplified(mul(x, 0)) })).toEqual({ mul: 1 })
  })
})

test.each<[string, Tensor, Tensor, Tensor]>([
  ["x + (-y)", add(x, neg(y)), x, y],
  ["(-x) + y", add(neg(x), y), y, x],
])("%s is a difference", (_, tensor, left, right) => {
  const result = simplified(tensor)
  expect(countOps({ result })).toEqual({ sub: 1 })
  expect(result.node.inputs).toEqual([left, right])
})

test("identities reach through what they simplify", () => {
  expect(simplified(erf(add(mul(x, 1), 0))).node.inputs[0]).toBe(x)
})

test("the result keeps its shape, also where a scalar meets a larger operand", () => {
  const one = constant(ndarray([1], [1, 1]))
  expect(simplified(mul(constant(1), one)).shape).toEqual([1, 1])
  const scalar = input("s", [])
  const graph = { y: add(scalar, constant(ndarray([0, 0]))) }
  expect(checkPassOn(simplify, graph, { s: ndarray([3], []) }).y!.shape).toEqual([2])
})
