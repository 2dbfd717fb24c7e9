import { describe, expect, test } from "vitest"
import { UsageError } from "../tensor/errors.ts"
import { Network } from "./network.ts"
import { describeModel } from "./registry.ts"

const network = (name: string, config: Record<string, unknown> = {}) => new Network(describeModel(name, config))

describe.each([
  ["convnext_iso_small", 22_308_712, 4_286_367_744],
  ["convnext_iso_base", 87_083_752, 16_896_331_776],
  ["convnext_iso_large", 305_942_504, 59_699_224_576],
])("%s", (name, parameters, macs) => {
  test(`has the paper's ${parameters.toLocaleString("en")} parameters and ${(macs / 1e9).toFixed(1)} GMACs`, () => {
    const model = network(name)
    expect(model.parameterCount).toBe(parameters)
    expect(model.macs(224, 224)).toBe(macs)
  })
})

test("only the large one has layer scale, as in section 3.3", () => {
  const scaled = (name: string) => network(name).parameters.has("blocks.0.gamma")
  expect(["convnext_iso_small", "convnext_iso_base", "convnext_iso_large"].map(scaled)).toEqual([false, false, true])
})

test("there is one resolution, a 16th of the image's, from 16 pixels on", () => {
  const model = network("convnext_iso", { depth: 2, dim: 8, numClasses: 3 })
  const { features, preLogits, logits } = model.trace("N", 100, 64)
  expect(features.shape).toEqual(["N", 6, 4, 8])
  expect(preLogits.shape).toEqual(["N", 8])
  expect(logits.shape).toEqual(["N", 3])
  expect(model.root.featureInfo).toEqual([{ channels: 8, stride: 16, module: "blocks.1" }])
  expect(model.description.minimumSize).toBe(16)
})

test("without classes it ends with the pooled features", () => {
  const model = network("convnext_iso", { depth: 1, dim: 8, numClasses: 0 })
  expect(model.trace("N", 32, 32).logits.shape).toEqual(["N", 8])
  expect([...model.parameters.keys()].at(-1)).toBe("norm.bias")
})

test("layers are the stem, each block, and the rest", () => {
  const { root } = network("convnext_iso", { depth: 12, dim: 8 })
  const names = ["stem.bias", "blocks.0.norm.weight", "blocks.11.mlp.fc2.weight", "norm.weight", "head.bias"]
  expect(names.map((name) => root.layerGroup(name))).toEqual([0, 1, 12, 13, 13])
})

test.each<[Record<string, unknown>, string]>([
  [{ depth: 0 }, "depth must be a whole number of at least 1, got 0"],
  [{ dim: 1.5 }, "dim must be a whole number of at least 1, got 1.5"],
  [{ lsInitValue: Number.NaN }, "lsInitValue must be a number or null, got NaN"],
  [{ headInitScale: "1" }, "headInitScale must be a number, got 1"],
  [{ dropRate: -0.1 }, "dropRate must be at least 0 and below 1, got -0.1"],
  [{ dims: [8] }, "convnext_iso has no option dims, did you mean dim?"],
])("%o is a UsageError", (config, message) => {
  expect(() => describeModel("convnext_iso", config)).toThrow(UsageError)
  expect(() => describeModel("convnext_iso", config)).toThrow(message)
})
