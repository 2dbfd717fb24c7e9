import { describe, expect, test } from "vitest"
import { randomArray } from "../../../test/support/arrays.ts"
import { checkPass, checkPassOn, countOps } from "../../../test/support/check-pass.ts"
import { evaluate } from "../../tensor/evaluate.ts"
import { topologicalOrder } from "../../tensor/graph.ts"
import { ndarray } from "../../tensor/ndarray.ts"
import { add, erf, exp, layerNorm, mul, slice, sub, sum } from "../../tensor/ops/index.ts"
import { constant, constantOp, defineOp, input, type Tensor } from "../../tensor/tensor.ts"
import { mergeCommonSubexpressions } from "./common-subexpressions.ts"

const x = input("x", [2, 3])
const feeds = { x: randomArray([2, 3], "x") }
const merge = (graph: Record<string, Tensor>) => checkPassOn(mergeCommonSubexpressions, graph, feeds)

test("keeps what random graphs compute", () => {
  checkPass(mergeCommonSubexpressions)
})

test("computes the same term once, also where it is built of equal parts", () => {
  const term = () => exp(mul(erf(x), 2))
  const merged = merge({ y: add(term(), term()), z: term() })
  expect(countOps(merged)).toEqual({ add: 1, exp: 1, mul: 1, erf: 1 })
  expect(merged.y!.node.inputs[0]).toBe(merged.y!.node.inputs[1])
})

test("merges scalars of the same value and no others", () => {
  const merged = merge({ y: add(mul(x, 2), mul(erf(x), 2)), z: mul(mul(x, 3), -3) })
  const constants = topologicalOrder(Object.values(merged)).filter(({ op }) => op === (constantOp as unknown))
  expect(constants).toHaveLength(3)
})

describe("tells apart", () => {
  test("operators, operands and their order", () => {
    const y = erf(x)
    expect(countOps(merge({ a: sub(x, y), b: sub(y, x), c: add(x, y) }))).toEqual({ erf: 1, sub: 2, add: 1 })
  })

  test("attributes", () => {
    const merged = merge({ a: slice(x, 1, 0, 2), b: slice(x, 1, 1, 3), c: sum(x, [0]), d: sum(x, [1]) })
    expect(countOps(merged)).toEqual({ slice: 2, sum: 2 })
  })

  test("zero and minus zero", () => {
    const merged = merge({ a: mul(x, 0), b: mul(x, -0) })
    expect(countOps(merged)).toEqual({ mul: 2 })
  })

  test("scalars of different types", () => {
    const scalar = (dtype: "float32" | "int32") => constant(ndarray([1], [], dtype))
    const merged = merge({ a: scalar("float32"), b: scalar("int32") })
    expect([merged.a!.dtype, merged.b!.dtype]).toEqual(["float32", "int32"])
  })
})

test("merges operators with several outputs", () => {
  const weights = [input("w", [3]), input("b", [3])] as const
  const [first, second] = [layerNorm(x, ...weights, 1e-6), layerNorm(x, ...weights, 1e-6)]
  const graph = { y: add(first, second), mean: second.node.outputs[1]! }
  const values = { ...feeds, w: randomArray([3], "w"), b: randomArray([3], "b") }
  const merged = checkPassOn(mergeCommonSubexpressions, graph, values)
  expect(countOps(merged)).toEqual({ layerNorm: 1, add: 1 })
  const other = { y: add(first, layerNorm(x, ...weights, 1e-5)) }
  expect(countOps(checkPassOn(mergeCommonSubexpressions, other, values)).layerNorm).toBe(2)
})

test("keeps two operators apart that have the same name", () => {
  const define = (factor: number) =>
    defineOp<Record<never, never>>({
      name: "twin",
      shape: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
      reference: ([x], _, [y]) => {
        y!.data[0] = factor * Number(x!.data[0])
      },
    })
  const one = input("one", [1])
  const merged = mergeCommonSubexpressions({ double: define(2)([one], {}), triple: define(3)([one], {}) })
  const { double, triple } = evaluate(merged, { one: ndarray([1]) })
  expect([double!.data[0], triple!.data[0]]).toEqual([2, 3])
})
