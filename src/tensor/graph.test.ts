import { describe, expect, test } from "vitest"
import { graphInputs, inputName, isLeaf, rewrite, topologicalOrder } from "./graph.ts"
import { layerNorm, mul, neg } from "./ops/index.ts"
import { applies, constant, input, type Node, type Tensor, withScope } from "./tensor.ts"

/** Fails unless every node comes once, and after what it reads. */
function expectOrdered(order: readonly Node[]): void {
  const position = new Map(order.map((node, i) => [node, i]))
  expect(position.size).toBe(order.length)
  for (const [node, i] of position) {
    for (const source of node.inputs) expect(position.get(source.node)).toBeLessThan(i)
  }
}

describe("topologicalOrder", () => {
  test("gives each node once, after its inputs, also where paths of different lengths meet", () => {
    const x = input("x", [2])
    const square = mul(x, x)
    const y = mul(mul(square, x), mul(square, neg(neg(square))))
    const order = topologicalOrder([y, square])
    expectOrdered(order)
    expect(order).toHaveLength(7)
    expect(order.at(-1)).toBe(y.node)
  })

  test("takes a chain of a hundred thousand nodes", () => {
    let y: Tensor = input("x", [1])
    for (let i = 0; i < 100_000; i++) y = neg(y)
    expect(topologicalOrder([y])).toHaveLength(100_001)
  })

  test("is the same for the same graph", () => {
    const x = input("x", [2])
    const outputs = [mul(neg(x), x), neg(neg(x))]
    expect(topologicalOrder(outputs)).toEqual(topologicalOrder(outputs))
  })
})

describe("graphInputs", () => {
  test("lists what a graph reads, in the order of computation", () => {
    const [a, b] = [input("a", [2]), input("b", [2])]
    const inputs = graphInputs({ y: mul(neg(b), a), z: mul(b, 2) })
    expect([...inputs]).toEqual([
      ["b", b],
      ["a", a],
    ])
  })

  test("refuses two inputs of one name", () => {
    const graph = { y: mul(input("a", [2]), input("a", [2])) }
    expect(() => graphInputs(graph)).toThrow("two different inputs of the graph are named a")
  })

  test("only inputs have names, inputs and constants are leaves", () => {
    const x = input("x", [2])
    expect(inputName(x)).toBe("x")
    expect(inputName(neg(x))).toBeUndefined()
    expect([x, constant(1), neg(x)].map(({ node }) => isLeaf(node))).toEqual([true, true, false])
  })
})

describe("rewrite", () => {
  const x = input("x", [2])

  test("keeps nodes that nothing changes below", () => {
    const graph = { y: mul(neg(x), x) }
    expect(rewrite(graph, () => undefined).y).toBe(graph.y)
  })

  test("makes new nodes above a change and leaves the old graph as it was", () => {
    const old = neg(x)
    const side = mul(x, 3)
    const graph = { y: mul(old, side), side }
    const order = topologicalOrder(Object.values(graph))
    const result = rewrite(graph, (node) => (node === old.node ? mul(x, -1) : undefined))
    expect(result.y).not.toBe(graph.y)
    expect(result.y!.node.inputs[0]!.node.op.name).toBe("mul")
    expect(result.side).toBe(side)
    expect(topologicalOrder(Object.values(graph))).toEqual(order)
    expect(graph.y.node.inputs[0]).toBe(old)
  })

  test("replaces all outputs of a node", () => {
    const [y, mean] = layerNormOutputs()
    const result = rewrite({ y: neg(y), mean }, (node) =>
      node.op.name === "layerNorm" ? [x, constant(1), constant(2)] : undefined,
    )
    expect(result.y!.node.inputs[0]).toBe(x)
    expect(applies(result.mean!.node, y.node.op)).toBe(false)
  })

  test("gives new nodes the scope of those that they replace", () => {
    const [inner, outer] = [withScope("block", () => neg(x)), (y: Tensor) => withScope("head", () => neg(y))]
    const result = rewrite({ y: outer(inner) }, (node) => (node === inner.node ? mul(x, -1) : undefined))
    expect(topologicalOrder([result.y!]).map(({ op, scope }) => `${op.name} ${scope}`)).toEqual([
      "input ",
      "constant block",
      "mul block",
      "neg head",
    ])
  })

  test("offers inputs that are rewritten already", () => {
    const seen: string[] = []
    rewrite({ y: neg(neg(x)) }, (node, inputs) => {
      if (node.op.name !== "neg") return undefined
      seen.push(inputs[0]!.node.op.name)
      return mul(inputs[0]!, -1)
    })
    expect(seen).toEqual(["input", "mul"])
  })

  function layerNormOutputs(): [Tensor, Tensor] {
    const y = layerNorm(x, input("w", [2]), input("b", [2]), 1e-6)
    return [y, y.node.outputs[1]!]
  }
})
