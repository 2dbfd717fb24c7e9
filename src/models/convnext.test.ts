import { describe, expect, test } from "vitest"
import { Network } from "./network.ts"
import { describeModel } from "./registry.ts"

/** Parameters and multiply-accumulates at 224, 288 and 384 pixels of timm's models with 1000 classes. */
const published: [name: string, parameters: number, macs: [number, number, number]][] = [
  ["convnext_tiny", 28_589_128, [4_455_531_264, 7_364_764_416, 13_092_317_184]],
  ["convnext_small", 50_223_688, [8_683_712_256, 14_354_206_464, 25_517_991_936]],
  ["convnext_base", 88_591_464, [15_354_729_472, 25_381_639_168, 45_122_117_632]],
  ["convnext_large", 197_767_336, [34_361_433_600, 56_800_550_400, 100_977_561_600]],
  ["convnext_xlarge", 350_196_968, [60_921_030_656, 100_704_856_064, 179_029_262_336]],
]

const network = (name: string, config: Record<string, unknown> = {}) => new Network(describeModel(name, config))
const small = { depths: [1, 2], dims: [8, 16], numClasses: 5 }

describe.each(published)("%s", (name, parameters, macs) => {
  test(`has the paper's ${parameters.toLocaleString("en")} parameters`, () => {
    expect(network(name).parameterCount).toBe(parameters)
  })

  test(`has the paper's ${(macs[0] / 1e9).toFixed(3)} GMACs at 224, and timm's at 288 and 384`, () => {
    const model = network(name)
    expect([224, 288, 384].map((size) => model.macs(size, size))).toEqual(macs)
  })
})

test("the classes of ImageNet-22k make convnext_tiny larger by their rows alone", () => {
  expect(network("convnext_tiny", { numClasses: 21_841 }).parameterCount).toBe(44_615_857)
  expect(network("convnext_tiny", { numClasses: 0 }).parameterCount).toBe(27_820_128)
})

test("an image goes through the stages at a quarter, an eighth, a 16th and a 32nd of its size", () => {
  const { features, preLogits, logits, images } = network("convnext_tiny").trace("N", 224, 256)
  expect(images.shape).toEqual(["N", 224, 256, 3])
  expect(features.shape).toEqual(["N", 7, 8, 768])
  expect(preLogits.shape).toEqual(["N", 768])
  expect(logits.shape).toEqual(["N", 1000])
})

test("without classes it ends with the pooled features", () => {
  const { preLogits, logits } = network("convnext", { ...small, numClasses: 0 }).trace("N", 32, 32)
  expect(logits.shape).toEqual(preLogits.shape)
  expect([...network("convnext", { ...small, numClasses: 0 }).parameters.keys()]).not.toContain("head.fc.weight")
})

test("the config sets kernels for each stage, layer scale, patch and channels", () => {
  const sizes = (config: Record<string, unknown>) =>
    new Map([...network("convnext", { ...small, ...config }).parameters].map(([name, { size }]) => [name, size]))
  expect(sizes({ kernelSizes: [5, 3] }).get("stages.0.blocks.0.conv_dw.weight")).toEqual([8, 1, 5, 5])
  expect(sizes({ kernelSizes: [5, 3] }).get("stages.1.blocks.1.conv_dw.weight")).toEqual([16, 1, 3, 3])
  expect(sizes({ lsInitValue: null }).has("stages.0.blocks.0.gamma")).toBe(false)
  expect(sizes({ patchSize: 2, inChannels: 1 }).get("stem.0.weight")).toEqual([8, 1, 2, 2])
})

test("odd kernels keep the size of the feature map", () => {
  for (const kernelSizes of [1, 3, 7, 11]) {
    expect(network("convnext", { ...small, kernelSizes }).trace("N", 40, 24).features.shape).toEqual(["N", 5, 3, 16])
  }
})

describe("first values", () => {
  const stats = (values: ArrayLike<number>) => {
    const all = Array.from(values)
    const mean = all.reduce((sum, value) => sum + value, 0) / all.length
    return { mean, std: Math.sqrt(all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / all.length) }
  }
  const config = { depths: [1, 1], dims: [32, 64], numClasses: 10, headInitScale: 0.5, lsInitValue: 1e-6 }

  test("are timm's: deviation 0.02, biases zero, norms the identity, layer scale 1e-6", () => {
    const state = network("convnext", config).initialize(0)
    for (const [name, { shape, data }] of Object.entries(state)) {
      const { mean, std } = stats(data as Float32Array)
      if (name.endsWith("gamma"))
        expect([...(data as Float32Array)]).toEqual(new Array(shape[0]).fill(Math.fround(1e-6)))
      else if (shape.length > 1) {
        const wanted = name === "head.fc.weight" ? 0.01 : 0.02
        const tolerance = 4 / Math.sqrt(2 * data.length)
        expect(Math.abs(std / wanted - 1), `${name}: deviation ${std}`).toBeLessThan(tolerance)
        expect(Math.abs(mean), `${name}: mean`).toBeLessThan((4 * wanted) / Math.sqrt(data.length))
      } else {
        const constant = name.includes("norm.weight") || /(stem\.1|downsample\.0)\.weight$/.test(name) ? 1 : 0
        expect([...(data as Float32Array)], name).toEqual(new Array(shape[0]).fill(constant))
      }
    }
  })

  test("depend on the seed", () => {
    const [a, b, c] = [0, 0, 1].map((seed) => network("convnext", config).initialize(seed))
    expect(a).toEqual(b)
    expect(a!["stem.0.weight"]).not.toEqual(c!["stem.0.weight"])
  })

  test("depend on nothing else but the parameter's name", () => {
    const deep = network("convnext", { ...config, depths: [2, 3], numClasses: 7 }).initialize(3)
    const flat = network("convnext", config).initialize(3)
    for (const name of ["stem.0.weight", "stages.0.blocks.0.conv_dw.weight", "stages.1.blocks.0.mlp.fc1.weight"]) {
      expect(deep[name]).toEqual(flat[name])
    }
    const [first, second] = [deep["stages.1.blocks.0.mlp.fc1.weight"], deep["stages.1.blocks.1.mlp.fc1.weight"]]
    expect(first!.data).not.toEqual(second!.data)
  })
})

test("layers are grouped as in timm: stem, then each block with the downsampling before it, then the head", () => {
  const { root, parameters } = network("convnext_tiny")
  const group = (name: string) => {
    expect(parameters.has(name)).toBe(true)
    return root.layerGroup(name)
  }
  expect(group("stem.0.weight")).toBe(0)
  expect(group("stem.1.bias")).toBe(0)
  expect(group("stages.0.blocks.0.gamma")).toBe(1)
  expect(group("stages.0.blocks.2.mlp.fc2.bias")).toBe(3)
  expect(group("stages.1.downsample.0.weight")).toBe(4)
  expect(group("stages.1.downsample.1.weight")).toBe(4)
  expect(group("stages.1.blocks.0.gamma")).toBe(4)
  expect(group("stages.1.blocks.1.gamma")).toBe(5)
  expect(group("stages.3.blocks.2.gamma")).toBe(18)
  expect(group("head.norm.weight")).toBe(19)
  expect(group("head.fc.bias")).toBe(19)
})
