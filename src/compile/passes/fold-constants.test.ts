import { describe, expect, test } from "vitest"
import { randomArray } from "../../../test/support/arrays.ts"
import { checkPass, checkPassOn, countOps } from "../../../test/support/check-pass.ts"
import { ndarray } from "../../tensor/ndarray.ts"
import { add, argMax, broadcastTo, cast, div, equal, matmul, mul, oneHot, sub, topK } from "../../tensor/ops/index.ts"
import { constant, input, scalarValue, type Tensor } from "../../tensor/tensor.ts"
import { foldConstants } from "./fold-constants.ts"

const fold = (graph: Record<string, Tensor>, feeds = {}) => checkPassOn(foldConstants, graph, feeds)

test("keeps what random graphs compute", () => {
  checkPass(foldConstants)
})

test("arithmetic of scalars is done once", () => {
  const [two, three] = [constant(2), constant(3)]
  const results = fold({ a: add(two, three), b: sub(two, three), c: mul(two, three), d: div(three, two) })
  expect(Object.values(results).map(scalarValue)).toEqual([5, -1, 6, 1.5])
})

test("chains of operators become one constant, of whatever type", () => {
  const classes = constant(ndarray([2, 0], [2], "int32"))
  const graph = { hot: oneHot(classes, 3), same: equal(classes, classes), wide: cast(classes, "int64") }
  const result = fold(graph)
  expect(countOps(result)).toEqual({})
  expect([...(result.hot!.node.attributes as { value: { data: Float32Array } }).value.data]).toEqual([0, 0, 1, 1, 0, 0])
  const x = constant(randomArray([4, 5], "x"))
  expect(countOps(fold({ ...topK(x, 2), best: argMax(x, 1) }))).toEqual({})
})

test("what depends on an input stays, with its constants folded", () => {
  const x = input("x", [2])
  const result = fold({ y: mul(x, add(constant(1), 2)) }, { x: ndarray([1, 2]) })
  expect(countOps(result)).toEqual({ mul: 1 })
  expect(result.y!.node.inputs.map(scalarValue)).toContain(3)
})

test("a product that is much work is left to the device", () => {
  const square = (side: number) => constant(ndarray(new Float32Array(side * side), [side, side]))
  expect(countOps(foldConstants({ y: matmul(square(128), square(128)) }))).toEqual({ matmul: 1 })
  expect(countOps(foldConstants({ y: matmul(square(8), square(8)) }))).toEqual({})
})

describe("large results", () => {
  test("that are made of little are computed where they are needed", () => {
    const large = constant(ndarray(new Float32Array(300_000)))
    const spread = foldConstants({
      y: broadcastTo(constant(ndarray([1, 2])), constant(ndarray(new Float32Array(600_000), [300_000, 2]))),
    })
    expect(countOps(spread)).toEqual({})
    const repeated = foldConstants({
      y: mul(constant(ndarray(new Float32Array(600), [600, 1])), constant(ndarray(new Float32Array(600)))),
    })
    expect(countOps(repeated)).toEqual({ mul: 1 })
    expect(countOps(foldConstants({ y: add(large, 1) }))).toEqual({})
  })
})
