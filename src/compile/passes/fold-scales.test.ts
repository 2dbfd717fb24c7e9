import { describe, expect, test } from "vitest"
import { randomArray } from "../../../test/support/arrays.ts"
import { checkPass, checkPassOn, countOps } from "../../../test/support/check-pass.ts"
import { gradients } from "../../autodiff/gradients.ts"
import { type Graph, topologicalOrder } from "../../tensor/graph.ts"
import { add, gelu, linear, mul, sum } from "../../tensor/ops/index.ts"
import { input, type Tensor } from "../../tensor/tensor.ts"
import { foldGeluScales, foldOutputScales } from "./fold-scales.ts"

const shapes = { x: [3, 4], w1: [6, 4], b1: [6], w2: [4, 6], b2: [4], gamma: [4], rows: [3, 1], one: [1] }
const feeds = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, randomArray(shape, name)]))
const symbolic = { x: ["N", 4], rows: ["N", 1] } as Record<string, (number | string)[]>
const leaf = (name: keyof typeof shapes) => input(name, symbolic[name] ?? shapes[name])

/** Products that have the size of activations. */
const largeProducts = (graph: Graph) =>
  topologicalOrder(Object.values(graph)).filter(({ op, outputs }) => op.name === "mul" && outputs[0]!.dim(0) === "N")

describe("foldOutputScales", () => {
  test("keeps what random graphs compute", () => {
    checkPass(foldOutputScales)
  })

  const [x, w, b, gamma] = [leaf("x"), leaf("w2"), leaf("b2"), leaf("gamma")]
  const hidden = input("hidden", ["N", 6])
  const values = { ...feeds, hidden: randomArray([3, 6], "hidden") }

  test.each<[string, Tensor]>([
    ["a layer scale on the right", mul(linear(hidden, w, b), gamma)],
    ["a layer scale on the left", mul(gamma, linear(hidden, w, b))],
    ["a layer scale without bias", mul(linear(hidden, w), gamma)],
    ["a number", mul(linear(hidden, w, b), 3)],
    ["a layer scale and a number", mul(mul(linear(hidden, w, b), gamma), 3)],
  ])("moves %s into the weights", (_, y) => {
    const graph = { y }
    expect(largeProducts(graph).length).toBeGreaterThan(0)
    expect(largeProducts(checkPassOn(foldOutputScales, graph, values))).toEqual([])
  })

  test("leaves a layer whose unscaled output is used too", () => {
    const y = linear(hidden, w, b)
    for (const graph of [{ y: add(mul(y, gamma), y) }, { y: mul(y, gamma), raw: y }, { y: mul(y, y) }] as Graph[]) {
      const result = checkPassOn(foldOutputScales, graph, values)
      expect(largeProducts(result)).toHaveLength(1)
    }
  })

  test("leaves factors that are not one for each output", () => {
    for (const factor of [leaf("rows"), x]) {
      const graph = { y: mul(linear(hidden, w, b), factor) }
      expect(checkPassOn(foldOutputScales, graph, values).y).toBe(graph.y)
    }
  })

  test("keeps the gradients of weights, bias and factor", () => {
    const wrt = [hidden, w, b, gamma]
    const loss = (graph: Graph) => sum(mul(graph.y!, graph.y!))
    const differentiate = (graph: Graph): Graph =>
      Object.fromEntries(gradients(loss(graph), wrt).map((dx, i) => [`d${i}`, dx]))
    const plain = { y: mul(linear(hidden, w, b), gamma) }
    checkPassOn(() => differentiate(foldOutputScales(plain)), differentiate(plain), values)
  })
})

describe("foldGeluScales", () => {
  test("keeps what random graphs compute, also after foldOutputScales", () => {
    checkPass(foldGeluScales)
    checkPass((graph) => foldGeluScales(foldOutputScales(graph)))
  })

  const [x, w1, b1, w2, b2] = [leaf("x"), leaf("w1"), leaf("b1"), leaf("w2"), leaf("b2")]
  const mlp = (y: Tensor) => linear(gelu(linear(y, w1, b1)), w2, b2)

  test("takes the factors out of a GELU between two linear layers", () => {
    const result = checkPassOn(foldGeluScales, { y: mlp(x) }, feeds)
    expect(countOps(result)).toMatchObject({ scaledGelu: 1, linear: 2 })
    expect(largeProducts(result)).toEqual([])
  })

  test("does so in each of several blocks", () => {
    const result = checkPassOn(foldGeluScales, { y: mlp(mlp(x)) }, feeds)
    expect(countOps(result)).toMatchObject({ scaledGelu: 2, linear: 4 })
    expect(countOps(result).gelu).toBeUndefined()
  })

  test("leaves a GELU whose input or output is used elsewhere", () => {
    const hidden = linear(x, w1, b1)
    const active = gelu(hidden)
    const y = linear(active, w2, b2)
    for (const graph of [
      { y, hidden },
      { y, active },
      { y: linear(active, w2, b2), z: linear(active, w2) },
    ] as Graph[]) {
      expect(countOps(checkPassOn(foldGeluScales, graph, feeds))).toMatchObject({ gelu: 1 })
    }
  })

  test("leaves a GELU that no linear layer feeds", () => {
    const graph = { y: linear(gelu(x), leaf("w1")) }
    expect(checkPassOn(foldGeluScales, graph, feeds).y).toBe(graph.y)
  })
})
