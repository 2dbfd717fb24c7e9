/** What every pass must do: leave the graph that it is given as it is, and keep what it computes. */

import { expect } from "vitest"
import { evaluate } from "../../src/tensor/evaluate.ts"
import { type Graph, topologicalOrder } from "../../src/tensor/graph.ts"
import type { NdArray } from "../../src/tensor/ndarray.ts"
import type { Tensor } from "../../src/tensor/tensor.ts"
import { expectClose } from "./arrays.ts"
import { randomGraph } from "./random-graph.ts"

type Pass = (graph: Graph) => Graph

/** Constants that a pass makes are rounded to float32; all else is float64. */
const TOLERANCE = 1e-6

/** Checks a pass on one graph, and returns what it made. */
export function checkPassOn(pass: Pass, graph: Graph, feeds: Readonly<Record<string, NdArray>>, what = "graph"): Graph {
  const before = snapshot(graph)
  const result = pass(graph)
  expect(snapshot(graph), `${what}: the old graph is unchanged`).toEqual(before)
  expect(Object.keys(result)).toEqual(Object.keys(graph))
  const expected = evaluate(graph, feeds)
  const actual = evaluate(result, feeds)
  for (const [name, value] of Object.entries(expected)) {
    expect(String(result[name]), `${what}: type of ${name}`).toBe(String(graph[name]))
    expectClose(`${what}: ${name}`, actual[name]!, value, TOLERANCE, 1)
  }
  return result
}

/** Checks a pass on random graphs. */
export function checkPass(pass: Pass, count = 60): void {
  for (let seed = 0; seed < count; seed++) {
    const { graph, feeds } = randomGraph(seed)
    checkPassOn(pass, graph, feeds, `graph ${seed}`)
  }
}

/** How many nodes of each operator a graph has; leaves are left out. */
export function countOps(graph: Graph): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { op, inputs } of topologicalOrder(Object.values(graph))) {
    if (inputs.length > 0) counts[op.name] = (counts[op.name] ?? 0) + 1
  }
  return counts
}

/** All edges of a graph, by the numbers of its nodes. */
function snapshot(graph: Graph): string {
  const order = topologicalOrder(Object.values(graph))
  const numbers = new Map(order.map((node, i) => [node, i]))
  const print = (x: Tensor) => `${numbers.get(x.node)}.${x.index} ${x}`
  const nodes = order.map(({ op, inputs, attributes, outputs, scope }) =>
    [op.name, inputs.map(print), JSON.stringify(attributes), outputs.map(print), scope].join(" | "),
  )
  return [...nodes, ...Object.entries(graph).map(([name, x]) => `${name} = ${print(x)}`)].join("\n")
}
