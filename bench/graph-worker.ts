/** Times the graph of a training step in a process of its own: how long it takes to make, and its two halves to run. */

import type { NdArray } from "convnext"
import { type Spread, spreadOf } from "./measure.ts"
import { internal } from "./paths.ts"

const load = async <T>(module: string): Promise<T> => (await import(internal(module))) as T
// Registers the devices.
await load("index.js")
const { Network } = await load<typeof import("../src/models/network.ts")>("models/network.js")
const { describeModel } = await load<typeof import("../src/models/registry.ts")>("models/registry.js")
const { backendFor } = await load<typeof import("../src/runtime/backend.ts")>("runtime/backend.js")
const { Program } = await load<typeof import("../src/runtime/program.ts")>("runtime/program.js")
const { ndarray, zeros } = await load<typeof import("../src/tensor/ndarray.ts")>("tensor/ndarray.js")
const { buildStepGraph, LOSS } = await load<typeof import("../src/train/step-graph.ts")>("train/step-graph.js")

export interface GraphOptions {
  model: string
  batch: number
  /** Runs of each half that count; 0 to compile only. */
  runs: number
}

export interface GraphTimes {
  /** Milliseconds to build, lower, encode and load the graph. */
  compile: number
  /** The loss alone, in training mode. */
  forward?: Spread
  /** The loss and all gradients. */
  both?: Spread
}

const { model, batch, runs } = JSON.parse(process.argv[2]!) as GraphOptions
const backend = await backendFor("cpu")
const started = performance.now()
const network = new Network(describeModel(model))
const { graph, maxima } = buildStepGraph(network, {
  images: [batch, 224, 224, 3],
  trained: [...network.parameters.keys()],
  recompute: "none",
})
const both = await Program.create(graph, { name: model, backend, maxima })
const times: GraphTimes = { compile: performance.now() - started }

if (runs > 0) {
  const forward = await Program.create({ [LOSS]: graph[LOSS]! }, { name: model, backend })
  const targets = Float32Array.from({ length: batch * 1000 }, (_, i) => (i % 1001 === 0 ? 1 : 0))
  const feeds: Record<string, NdArray> = {
    ...network.initialize(0),
    images: ndarray(
      Float32Array.from({ length: batch * 224 * 224 * 3 }, (_, i) => Math.sin(i)),
      [batch, 224, 224, 3],
    ),
    targets: ndarray(targets, [batch, 1000]),
  }
  // Gradients go to the same arrays every time, as in training.
  const outputs = Object.fromEntries(
    Object.entries(graph).map(([name, { shape, dtype }]) => [name, zeros(shape as number[], dtype)]),
  )
  const seconds: [number[], number[]] = [[], []]
  for (let run = -2; run < runs; run++) {
    for (const [i, program] of [forward, both].entries()) {
      const start = performance.now()
      await program.run(feeds, outputs)
      if (run >= 0) seconds[i]!.push(performance.now() - start)
    }
  }
  times.forward = spreadOf(seconds[0])
  times.both = spreadOf(seconds[1])
}
console.log(JSON.stringify(times))
