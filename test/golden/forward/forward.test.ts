/** Whole models against timm: each pair of files in this folder is one case. README.md says what they hold. */

import { readdirSync } from "node:fs"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import "../../../src/index.ts"
import { createModel, type Model } from "../../../src/models/model.ts"
import { Network, type StateDict } from "../../../src/models/network.ts"
import { describeModel } from "../../../src/models/registry.ts"
import { Buffer } from "../../../src/nn/module.ts"
import { Program } from "../../../src/runtime/program.ts"
import { topologicalOrder } from "../../../src/tensor/graph.ts"
import { type NdArray, ndarray } from "../../../src/tensor/ndarray.ts"
import type { Tensor } from "../../../src/tensor/tensor.ts"
import { expectWithin, readGolden, readGoldenTensors } from "../../support/golden.ts"
import { hashImages, hashWeights } from "../../support/hash-weights.ts"

interface Output {
  atol: number
  mean_atol: number
}

interface ForwardCase {
  /** The registered name, where it is not the file's. */
  timm?: string
  /** Factor on all running variances, 1 where it is not there. */
  running_var_factor?: number
  /** [N, C, H, W] */
  input: { name: string; shape: number[] }
  params: number
  state_sum: number
  outputs: { logits: Output; pre_logits: Output }
  features: Output & { shape: number[]; mean: number; std: number; first16: number[] }
  state: [name: string, shape: number[], buffer?: "buffer"][]
  /** Outputs of modules in the order in which they were computed. */
  trace: [module: string, shape: number[], mean: number, std: number, first: number[]][]
}

/** Largest difference of a module's output, relative to its deviation or mean, that float32 may make. */
const TRACE_TOLERANCE = 1e-4

const cases = readdirSync(new URL(".", import.meta.url))
  .filter((file) => file.endsWith(".json"))
  .map((file) => file.slice(0, -".json".length))

describe.each(cases)("%s", async (id) => {
  const golden = readGolden<ForwardCase>(import.meta.url, `${id}.json`)
  const stored = await readGoldenTensors(import.meta.url, `${id}.safetensors`)
  const name = golden.timm ?? id
  const build = () => new Network(describeModel(name))

  test("has timm's parameters and buffers: names, order and shapes", () => {
    const network = build()
    const state = [...network.state].map(([key, value]) =>
      value instanceof Buffer ? [key, value.size, "buffer"] : [key, value.size],
    )
    expect(state).toEqual(golden.state)
    expect(network.parameterCount).toBe(golden.params)
  })

  describe("from the same weights", () => {
    let model: Model
    const images = hashImages(golden.input.name, golden.input.shape)

    beforeAll(async () => {
      model = await createModel(name, { weights: goldenWeights(build(), golden) })
    })

    afterAll(() => model?.dispose())

    test("computes timm's features", async () => {
      const { features } = golden
      const values = inGoldenOrder(await model.forwardFeatures(images), features.shape)
      expect(largestDistance(values, features.first16), "first features").toBeLessThanOrEqual(features.atol)
      const { mean, std } = statistics(values)
      expect(Math.abs(mean - features.mean), "mean of the features").toBeLessThanOrEqual(features.mean_atol)
      expect(Math.abs(std - features.std), "deviation of the features").toBeLessThanOrEqual(features.mean_atol)
    })

    test("computes timm's pooled features and logits", async () => {
      const limits = ({ atol, mean_atol: meanAtol }: Output) => ({ atol, meanAtol })
      const { logits, pre_logits } = golden.outputs
      expectWithin("logits", await model.forward(images), stored.logits_f64!, limits(logits))
      const map = await model.forwardFeatures(images)
      const preLogits = await model.forwardHead(map, { preLogits: true })
      expectWithin("pooled features", preLogits, stored.pre_logits_f64!, limits(pre_logits))
      expectWithin("logits from features", await model.forwardHead(map), stored.logits_f64!, limits(logits))
    })

    test("computes timm's output of every module", async () => {
      const outputs = moduleOutputs(model.network, images.shape)
      const rows = golden.trace.filter(([module]) => outputs.has(module))
      expect(rows.length, "modules found in the graph").toBeGreaterThan(golden.trace.length / 3)
      const graph = Object.fromEntries(rows.map(([module]) => [module, outputs.get(module)!]))
      const { backend, threads, weights } = model
      const program = await Program.create(graph, { name, backend, threads, constants: weights })
      const values = await program.run({ images })
      await program.dispose()
      for (const [module, shape, mean, std, first] of rows) {
        const ours = inGoldenOrder(values[module]!, shape)
        const actual = statistics(ours)
        const limit = TRACE_TOLERANCE * Math.max(Math.abs(mean), std)
        expect(Math.abs(actual.mean - mean), `mean of ${module}`).toBeLessThanOrEqual(limit)
        expect(Math.abs(actual.std - std), `deviation of ${module}`).toBeLessThanOrEqual(limit)
        expect(largestDistance(ours, first), `first of ${module}`).toBeLessThanOrEqual(limit)
      }
    })
  })
})

/** The weights of a case. Fails unless their sum is that of the weights in PyTorch. */
function goldenWeights(network: Network, { running_var_factor: factor = 1, state_sum }: ForwardCase): StateDict {
  const weights = hashWeights(network.empty())
  for (const [name, { data, shape }] of Object.entries(weights)) {
    if (!name.endsWith(".running_var")) continue
    weights[name] = ndarray(
      (data as Float32Array).map((value) => value * factor),
      shape,
    )
  }
  let sum = 0
  for (const { data } of Object.values(weights)) {
    for (const value of data) sum += Number(value)
  }
  expect(Math.abs(sum / state_sum - 1), "sum of all weights").toBeLessThan(1e-8)
  return weights
}

/** What each module gives: the last that is computed in it or in its parts. */
function moduleOutputs(network: Network, [batch, height, width]: readonly number[]): Map<string, Tensor> {
  const outputs = new Map<string, Tensor>()
  for (const { scope, inputs, outputs: results } of topologicalOrder([network.trace(batch!, height!, width!).logits])) {
    if (inputs.length === 0) continue
    const path = scope.split(".")
    for (let length = 1; length <= path.length; length++) outputs.set(path.slice(0, length).join("."), results[0]!)
  }
  return outputs
}

/** The elements in the order of PyTorch's shape: [N, C, H, W] where ours is [N, H, W, C]. */
function inGoldenOrder({ shape, data }: NdArray, wanted: readonly number[]): Float32Array {
  const values = data as Float32Array
  const used = (dims: readonly number[]) => dims.filter((dim) => dim !== 1).join()
  if (used(shape) === used(wanted)) return values
  const [n, height, width, channels] = shape as [number, number, number, number]
  expect([n, channels, height, width]).toEqual(wanted)
  const pixels = height * width
  return values.map((_, i) => {
    const [plane, pixel] = [Math.floor(i / pixels), i % pixels]
    const [sample, channel] = [Math.floor(plane / channels), plane % channels]
    return values[(sample * pixels + pixel) * channels + channel]!
  })
}

function statistics(values: Float32Array): { mean: number; std: number } {
  let total = 0
  for (const value of values) total += value
  const mean = total / values.length
  let squares = 0
  for (const value of values) squares += (value - mean) ** 2
  return { mean, std: Math.sqrt(squares / values.length) }
}

/** Largest difference of the first values from the expected ones. */
function largestDistance(values: Float32Array, first: readonly number[]): number {
  return Math.max(...first.map((value, i) => Math.abs(values[i]! - value)))
}
