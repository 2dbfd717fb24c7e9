/** Whole models against timm. */

import { describe, expect, test } from "vitest"
import "../../../src/index.ts"
import { createModel } from "../../../src/models/model.ts"
import { Network } from "../../../src/models/network.ts"
import { describeModel } from "../../../src/models/registry.ts"
import { expectWithin, readGolden, readGoldenTensors, type Tolerance } from "../../support/golden.ts"
import { hashImages, hashWeights } from "../../support/hash-weights.ts"

interface ForwardCase {
  input: { name: string; shape: number[] }
  parameters: number
  stateSum: number
  outputs: Record<"logits" | "preLogits", Tolerance>
  /** [N, C, H, W] */
  features: { shape: [number, number, number, number]; mean: number; std: number; first16: number[]; atol: number }
  state: [name: string, shape: number[]][]
}

function sumOf(values: Float32Array | Float64Array): number {
  let total = 0
  for (const value of values) total += value
  return total
}

describe("convnext_tiny", async () => {
  const golden = readGolden<ForwardCase>(import.meta.url, "convnext_tiny.json")
  const stored = await readGoldenTensors(import.meta.url, "convnext_tiny.safetensors")
  const network = new Network(describeModel("convnext_tiny"))

  test("has timm's parameters: names, order and shapes", () => {
    expect([...network.parameters].map(([name, { size }]) => [name, size])).toEqual(golden.state)
    expect(network.parameterCount).toBe(golden.parameters)
  })

  test("computes timm's features, pooled features and logits from the same weights", async () => {
    const weights = hashWeights(network.empty())
    const sum = Object.values(weights).reduce((total, { data }) => total + sumOf(data as Float32Array), 0)
    expect(sum).toBeCloseTo(golden.stateSum, 3)
    const model = await createModel("convnext_tiny", { weights })

    const { input, outputs, features } = golden
    const images = hashImages(input.name, input.shape)
    const map = await model.forwardFeatures(images)
    const [n, channels, height, width] = features.shape
    expect(map.shape).toEqual([n, height, width, channels])
    features.first16.forEach((value, i) => {
      // The stored values are those of the first channel, position by position.
      expect(Math.abs(Number(map.data[i * channels]) - value)).toBeLessThanOrEqual(features.atol)
    })
    const values = map.data as Float32Array
    const mean = sumOf(values) / values.length
    expect(mean).toBeCloseTo(features.mean, 5)
    const variance = sumOf(Float64Array.from(values, (value) => (value - mean) ** 2)) / values.length
    expect(Math.sqrt(variance)).toBeCloseTo(features.std, 5)

    expectWithin("logits", await model.forward(images), stored.logits!, outputs.logits)
    const preLogits = await model.forwardHead(map, { preLogits: true })
    expectWithin("pooled features", preLogits, stored.preLogits!, outputs.preLogits)
    expectWithin("logits from features", await model.forwardHead(map), stored.logits!, outputs.logits)
    await model.dispose()
  })
})
