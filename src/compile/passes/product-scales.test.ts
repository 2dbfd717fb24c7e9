import { describe, expect, test } from "vitest"
import { randomArray } from "../../../test/support/arrays.ts"
import { checkPass, checkPassOn, countOps } from "../../../test/support/check-pass.ts"
import { gradients } from "../../autodiff/gradients.ts"
import type { Graph } from "../../tensor/graph.ts"
import { add, gelu, linear, matmul, mul, sum } from "../../tensor/ops/index.ts"
import { input } from "../../tensor/tensor.ts"
import { prepareForTraining } from "../compile.ts"
import { foldProductScales } from "./product-scales.ts"

const shapes = { x: [3, 2, 4], rows: [6, 4], dy: [6, 5], w: [5, 4], v: [4, 5], b: [5] }
const feeds = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, randomArray(shape, name)]))
const leaf = (name: keyof typeof shapes) => input(name, shapes[name])
const [x, rows, dy, w, v, b] = [leaf("x"), leaf("rows"), leaf("dy"), leaf("w"), leaf("v"), leaf("b")]

describe("foldProductScales", () => {
  test("keeps what random graphs compute", () => {
    checkPass(foldProductScales)
  })

  test.each<[string, Graph]>([
    ["on the weight of a linear layer", { y: linear(x, mul(w, 3), b) }],
    ["before the weight", { y: linear(x, mul(0.5, w)) }],
    ["on the second matrix of a product", { y: matmul(rows, mul(v, 3)) }],
    ["on a transposed second matrix", { y: matmul(rows, mul(w, 3), { transposeB: true }) }],
    ["on the gradient of a weight", { y: mul(matmul(dy, rows, { transposeA: true }), 3) }],
    ["on both sides of it", { y: mul(0.5, matmul(dy, mul(rows, 3), { transposeA: true })) }],
  ])("moves a factor %s into the product", (_, graph) => {
    expect(countOps(graph).mul ?? 0).toBeGreaterThan(0)
    expect(countOps(checkPassOn(foldProductScales, graph, feeds)).mul ?? 0).toBe(0)
  })

  test.each<[string, Graph]>([
    ["factors of one channel each", { y: linear(x, mul(w, input("c", [5, 1]))) }],
    ["a product that is read twice", twice()],
    ["a product that is no gradient of a weight", { y: mul(matmul(rows, v), 3) }],
    ["products of more than matrices", { y: matmul(x, mul(v, input("one", [1, 1]))) }],
    ["a product in a batch", { y: mul(matmul(x, x, { transposeA: true }), 3) }],
  ])("leaves %s", (_, graph) => {
    const values = { ...feeds, c: randomArray([5, 1], "c"), one: randomArray([1, 1], "one") }
    expect(countOps(checkPassOn(foldProductScales, graph, values)).mul ?? 0).toBe(countOps(graph).mul ?? 0)
  })

  test("nothing of GELU's factors is left to a step over its weights", () => {
    const [w1, b1, w2] = [input("w1", [8, 4]), input("b1", [8]), input("w2", [4, 8])]
    const { y } = prepareForTraining({ y: linear(gelu(linear(rows, w1, b1)), w2) })
    const [dw1, dw2] = gradients(sum(mul(y!, y!)), [w1, w2])
    const values = Object.fromEntries(
      [w1, b1, w2].map((p, i) => [["w1", "b1", "w2"][i]!, randomArray(p.shape as number[], `p${i}`)]),
    )
    const graph = { dw1: dw1!, dw2: dw2! }
    const after = checkPassOn(foldProductScales, graph, { ...feeds, ...values })
    // Both weights and both gradients.
    expect((countOps(graph).mul ?? 0) - (countOps(after).mul ?? 0)).toBe(4)
  })
})

function twice(): Graph {
  const product = matmul(dy, rows, { transposeA: true })
  return { y: add(mul(product, 3), product) }
}
