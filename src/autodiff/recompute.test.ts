import { describe, expect, test } from "vitest"
import { randomArray } from "../../test/support/arrays.ts"
import { runGraph } from "../../test/support/check-op.ts"
import { prepareForTraining } from "../compile/compile.ts"
import { Network } from "../models/network.ts"
import { describeModel } from "../models/registry.ts"
import { dropPathFeeds, TrainingContext } from "../nn/context.ts"
import { evaluate } from "../tensor/evaluate.ts"
import { type Graph, topologicalOrder } from "../tensor/graph.ts"
import { mean, mul, sum } from "../tensor/ops/index.ts"
import { input } from "../tensor/tensor.ts"
import { gradients } from "./gradients.ts"
import { keptActivations } from "./kept.ts"
import type { Recompute } from "./recompute.ts"

const network = new Network(
  describeModel("convnext", { depths: [1, 2], dims: [16, 32], patchSize: 2, numClasses: 3, dropPathRate: 0.5 }),
)
const modes: Recompute[] = ["none", "cheap", "block"]

function step(recompute: Recompute, prepare: (graph: Graph) => Graph = prepareForTraining) {
  const context = new TrainingContext(3)
  const { logits } = prepare({ logits: network.trace(3, 16, 16, context).logits })
  const loss = mean(mul(logits!, input("weights", [3, 3])))
  const wrt = [...network.parameters.values()]
  const dx = gradients(loss, wrt, { recompute, blocks: network.blocks })
  return { loss, graph: Object.fromEntries(dx.map((d, i) => [`d ${wrt[i]!.name}`, d])) as Graph, context }
}

const { context } = step("none")
const [maxima, dropPaths] = [context.maxima(3), context.dropPaths]
const feeds = {
  ...Object.fromEntries([...network.parameters].map(([name, { size }]) => [name, randomArray(size, name)])),
  ...Object.assign({}, ...dropPaths.map((dropPath) => dropPathFeeds(dropPath, Float32Array.of(0, 2, 2)))),
  images: randomArray([3, 16, 16, 3], "images"),
  weights: randomArray([3, 3], "weights"),
}

test("there are blocks to recompute, and one is under stochastic depth", () => {
  expect(network.blocks).toEqual(["stages.0.blocks.0", "stages.1.blocks.0", "stages.1.blocks.1"])
  expect(dropPaths.length).toBeGreaterThan(0)
})

describe.each([
  ["with the passes before differentiation", prepareForTraining],
  ["without them", (graph: Graph) => graph],
])("%s", (_, prepare) => {
  test("every mode gives the same bits on the device, on the blocked and on the portable path", async () => {
    for (const block of [undefined, 0]) {
      const [kept, ...others] = await Promise.all(
        modes.map((mode) => runGraph(step(mode, prepare).graph, feeds, { block, maxima })),
      )
      for (const other of others) expect(other).toEqual(kept)
    }
  })

  test("every mode is the same in the reference evaluation", () => {
    const [kept, ...others] = modes.map((mode) => evaluate(step(mode, prepare).graph, feeds))
    for (const other of others) expect(other).toEqual(kept)
  })

  test("less is kept from mode to mode", () => {
    const elements = modes.map((mode) => {
      const { graph, loss } = step(mode, prepare)
      const kept = keptActivations(Object.values(graph), loss, network.parameters.values())
      return kept.reduce((total, { bytes }) => total + bytes(maxima), 0)
    })
    expect(elements[1]).toBeLessThan(0.8 * elements[0]!)
    expect(elements[2]).toBeLessThan(0.5 * elements[1]!)
  })
})

test("what lies outside of blocks, and blocks that are not named, is kept", () => {
  const { loss } = step("none")
  const wrt = [...network.parameters.values()]
  const count = (blocks: string[]) =>
    topologicalOrder(gradients(loss, wrt, { recompute: "block", blocks })).filter(({ op }) => op.name === "after")
      .length
  expect(count([])).toBe(0)
  expect(count(["stages.1.blocks.1"])).toBeGreaterThan(0)
  expect(count(network.blocks as string[])).toBeGreaterThan(count(["stages.1.blocks.1"]))
})

test("a block's values are computed again after a gradient has arrived", () => {
  const { graph, loss } = step("block")
  const forward = new Set(topologicalOrder([loss]))
  const again = topologicalOrder(Object.values(graph)).filter(
    ({ op, inputs }) => op.name === "conv2d" && !inputs.some(({ node }) => forward.has(node) && node.inputs.length > 0),
  )
  expect(again.length).toBeGreaterThanOrEqual(3)
  for (const node of again) {
    const sources = new Set(topologicalOrder([node.inputs[0]!]).map(({ op }) => op.name))
    expect(sources).toContain("after")
  }
})

test("a scalar's gradient does not depend on which blocks exist", () => {
  const x = input("x", [2, 3])
  const loss = sum(mul(x, x))
  const [plain] = gradients(loss, [x])
  const [again] = gradients(loss, [x], { recompute: "block", blocks: ["somewhere"] })
  const values = { x: randomArray([2, 3], "x") }
  expect(evaluate({ d: again! }, values)).toEqual(evaluate({ d: plain! }, values))
})
