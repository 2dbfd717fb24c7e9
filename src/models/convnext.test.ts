import { describe, expect, test } from "vitest"
import { expectClose, randomArray } from "../../test/support/arrays.ts"
import { createModel } from "../index.ts"
import { evaluation } from "../nn/context.ts"
import { UsageError } from "../tensor/errors.ts"
import { ndarray } from "../tensor/ndarray.ts"
import { input } from "../tensor/tensor.ts"
import { createTrainer } from "../train/trainer.ts"
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
  const config = {
    depths: [1, 1],
    dims: [32, 64],
    numClasses: 10,
    headInitScale: 0.5,
    headHiddenSize: 48,
    lsInitValue: 1e-6,
  }

  test("are timm's: deviation 0.02, biases zero, norms the identity, layer scale 1e-6", () => {
    const state = network("convnext", config).initialize(0)
    for (const [name, { shape, data }] of Object.entries(state)) {
      const { mean, std } = stats(data as Float32Array)
      if (name.endsWith("gamma"))
        expect([...(data as Float32Array)]).toEqual(new Array(shape[0]).fill(Math.fround(1e-6)))
      else if (shape.length > 1) {
        const wanted = name.startsWith("head.") ? 0.01 : 0.02
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

describe("timm's layer groups", () => {
  const groupsOf = (name: string, config: Record<string, unknown> = {}) => {
    const { root, parameters } = network(name, config)
    return Object.fromEntries([...parameters.keys()].map((parameter) => [parameter, root.layerGroup(parameter)]))
  }

  test("stem; then each block with the downsampling before it; then the head", () => {
    expect(groupsOf("convnext_tiny")).toMatchObject({
      "stem.0.weight": 0,
      "stem.1.bias": 0,
      "stages.0.blocks.0.gamma": 1,
      "stages.0.blocks.2.mlp.fc2.bias": 3,
      "stages.1.downsample.0.weight": 4,
      "stages.1.downsample.1.weight": 4,
      "stages.1.blocks.0.gamma": 4,
      "stages.1.blocks.1.gamma": 5,
      "stages.3.blocks.2.gamma": 18,
      "head.norm.weight": 19,
      "head.fc.bias": 19,
    })
  })

  test("a norm before the pooling belongs to the last block", () => {
    const groups = { "stages.3.blocks.2.gamma": 18, "norm_pre.weight": 18, "head.fc.weight": 19 }
    expect(groupsOf("convnext_tiny_hnf")).toMatchObject(groups)
  })

  test("downsampling in the first stage belongs to the first block", () => {
    const groups = { "stem.1.weight": 0, "stages.0.downsample.1.weight": 1, "stages.0.blocks.0.gamma": 1 }
    expect(groupsOf("convnext", { patchSize: 2 })).toMatchObject(groups)
  })
})

describe("stems, stages and heads", () => {
  const four = { depths: [1, 1, 1, 1], dims: [40, 16, 24, 32], numClasses: 5 }
  const sizesOf = (config: Record<string, unknown>) =>
    Object.fromEntries([...network("convnext", { ...four, ...config }).parameters].map(([name, p]) => [name, p.size]))
  const strides = (config: Record<string, unknown>) =>
    network("convnext", { ...four, ...config }).root.featureInfo.map(({ stride }) => stride)

  test("overlapping stems have timm's widths", () => {
    // A tier is half as wide, to a multiple of 8 that is not more than a tenth smaller: 24 of 40, where 20 is no multiple.
    const tiered = { "stem.0.weight": [24, 3, 3, 3], "stem.1.weight": [40, 24, 3, 3], "stem.2.weight": [40] }
    expect(sizesOf({ stemType: "overlap_tiered" })).toMatchObject(tiered)
    expect(sizesOf({ stemType: "overlap_tiered", dims: [24, 8, 8, 8] })).toMatchObject({
      "stem.0.weight": [16, 3, 3, 3],
    })
    expect(sizesOf({ stemType: "overlap" })).toMatchObject({ "stem.0.weight": [40, 3, 3, 3], "stem.2.bias": [40] })
    // The activation has an index of its own.
    const act = { "stem.0.bias": [40], "stem.2.weight": [40, 40, 3, 3], "stem.3.weight": [40] }
    expect(sizesOf({ stemType: "overlap_act" })).toMatchObject(act)
  })

  test.each([
    [{}, [4, 8, 16, 32]],
    [{ patchSize: 2 }, [4, 8, 16, 32]],
    [{ patchSize: 1 }, [1, 2, 4, 8]],
    [{ patchSize: 8 }, [8, 16, 32, 32]],
    [{ stemType: "overlap", patchSize: 16 }, [4, 8, 16, 32]],
    [{ outputStride: 16 }, [4, 8, 16, 16]],
    [{ outputStride: 8, patchSize: 2 }, [4, 8, 8, 8]],
    [{ depths: [1, 1, 1], dims: [8, 8, 8], patchSize: 2 }, [2, 4, 8]],
  ])("%o: the feature maps have timm's strides %j, at any size", (config, expected) => {
    expect(strides(config)).toEqual(expected)
    const { root, description } = network("convnext", { ...four, ...config })
    for (const size of [description.minimumSize, 64, 96]) {
      const maps = root.forwardPyramid(input("images", ["N", size, size, 3]), evaluation)
      if (size > 32) expect(maps.map((map) => map.dim(1))).toEqual(expected.map((stride) => size / stride))
      expect(maps.at(-1)!.shape.every((dim) => typeof dim === "string" || dim > 0)).toBe(true)
    }
  })

  test("the smallest image leaves one position; one pixel less is too small", () => {
    for (const [config, least] of [
      [{}, 32],
      [{ stemType: "overlap" }, 29],
      [{ outputStride: 8 }, 8],
      [{ patchSize: 2 }, 32],
    ] as const) {
      const model = network("convnext", { ...four, ...config })
      expect(model.description.minimumSize).toBe(least)
      expect(model.trace("N", least, least).features.shape).toEqual(["N", 1, 1, 32])
      expect(() => model.trace("N", least - 1, least - 1)).toThrow(RangeError)
    }
  })

  test("convBias leaves out the biases of convolutions alone", () => {
    const names = Object.keys(sizesOf({ convBias: false })).filter((name) => name.endsWith("bias"))
    expect(names.some((name) => /stem\.0|downsample\.1|conv_dw/.test(name))).toBe(false)
    expect(names).toContain("stages.0.blocks.0.mlp.fc1.bias")
  })

  test("a hidden layer is part of what the classifier reads, also without classes", () => {
    const config = { ...four, headHiddenSize: 12 }
    const { preLogits, logits } = network("convnext", config).trace("N", 32, 32)
    expect([preLogits.shape, logits.shape]).toEqual([
      ["N", 12],
      ["N", 5],
    ])
    expect(network("convnext", { ...config, numClasses: 0 }).trace("N", 32, 32).logits.shape).toEqual(["N", 12])
    expect(sizesOf({ headHiddenSize: 12 })).toMatchObject({
      "head.pre_logits.fc.weight": [12, 32],
      "head.fc.weight": [5, 12],
    })
  })

  test("norms of a scale alone have no biases", () => {
    for (const normLayer of ["rmsnorm", "simplenorm2d"]) {
      const names = Object.keys(sizesOf({ normLayer }))
      expect(names).toContain("head.norm.weight")
      expect(names.filter((name) => /norm\.bias|stem\.1\.bias|downsample\.0\.bias/.test(name))).toEqual([])
    }
  })
})

describe("V2", () => {
  const config = { ...small, useGrn: true, lsInitValue: null }

  test("has global response normalisation, which starts as the identity, and no layer scale", () => {
    const state = network("convnext", config).initialize(0)
    expect(Object.keys(state).some((name) => name.endsWith("gamma"))).toBe(false)
    for (const name of ["weight", "bias"]) {
      expect(state[`stages.1.blocks.1.mlp.grn.${name}`]).toEqual({
        shape: [64],
        dtype: "float32",
        data: new Float32Array(64),
      })
    }
  })

  test("trains with stochastic depth and dropout: every parameter gets a gradient", async () => {
    const model = await createModel("convnext", { config: { ...config, dropRate: 0.5 }, dropPathRate: 0.5 })
    const trainer = await createTrainer(model, { optimizer: { name: "adamw", lr: 1e-3 }, loss: "cross-entropy" })
    const images = ndarray(new Float32Array(randomArray([8, 32, 32, 3], "images").data), [8, 32, 32, 3])
    const targets = ndarray(Int32Array.from({ length: 8 }, (_, i) => i % 5))
    const losses: number[] = []
    for (let step = 0; step < 30; step++) losses.push((await trainer.step({ images, targets })).loss)
    expect(losses.at(-1)).toBeLessThan(losses[0]!)
    const { gradients } = await trainer.gradients({ images, targets })
    expect(Object.keys(gradients)).toEqual([...model.network.parameters.keys()])
    for (const [name, { data }] of Object.entries(gradients)) {
      expect(
        (data as Float32Array).some((value) => value !== 0),
        name,
      ).toBe(true)
    }
    await trainer.dispose()
    await model.dispose()
  })
})

test("weights of 1x1 convolutions load into linear layers and the reverse, with the same logits", async () => {
  const images = ndarray(new Float32Array(randomArray([2, 32, 32, 3], "images").data), [2, 32, 32, 3])
  const linear = await createModel("convnext", { config: { ...small, lsInitValue: 0.5 }, seed: 1 })
  const conv = await createModel("convnext", { config: { ...small, lsInitValue: 0.5, convMlp: true }, seed: 2 })
  const name = "stages.0.blocks.0.mlp.fc1.weight"
  const original = linear.stateDict()
  conv.loadStateDict(original)
  expect(conv.stateDict()[name]!.shape).toEqual([32, 8, 1, 1])
  expectClose("logits", await conv.forward(images), await linear.forward(images), 1e-6)
  linear.loadStateDict(conv.stateDict())
  expect(linear.stateDict()).toEqual(original)
  await Promise.all([linear.dispose(), conv.dispose()])
})

test("weights of larger kernels are no 1x1 convolutions: they are refused", async () => {
  const model = await createModel("convnext", { config: { ...small, convMlp: true } })
  const state = model.stateDict()
  state["stages.0.blocks.0.mlp.fc1.weight"] = ndarray(new Float32Array(32 * 8 * 9), [32, 8, 3, 3])
  expect(() => model.loadStateDict(state)).toThrow("fc1.weight is [32, 8, 3, 3] where [32, 8, 1, 1] is expected")
})

test.each<[Record<string, unknown>, string]>([
  [{ stemType: "patches" }, "stemType must be one of patch, overlap, overlap_tiered, overlap_act, got patches"],
  [{ actLayer: "toString" }, "actLayer must be one of gelu, gelu_tanh, hard_swish, relu, silu, got toString"],
  [{ normLayer: "batchnorm2d" }, "normLayer must be one of layernorm, layernorm2d, rmsnorm"],
  [{ normEps: 0 }, "normEps must be a number above 0, got 0"],
  [{ useGrn: "yes" }, "useGrn must be true or false, got yes"],
  [{ convMlp: 1 }, "convMlp must be true or false, got 1"],
  [{ headNormFirst: null }, "headNormFirst must be true or false, got null"],
  [{ outputStride: 4 }, "outputStride must be 8, 16 or 32, got 4"],
  [{ headHiddenSize: 0 }, "headHiddenSize must be a whole number of at least 1, got 0"],
  [{ headHiddenSize: 8, headNormFirst: true }, "headHiddenSize and headNormFirst exclude each other"],
  [{ dropRate: 1 }, "dropRate must be at least 0 and below 1, got 1"],
])("%o is a UsageError", (config, message) => {
  expect(() => describeModel("convnext", config)).toThrow(UsageError)
  expect(() => describeModel("convnext", config)).toThrow(message)
})

test("images are prepared as for timm's default weights", () => {
  const of = (name: string) => describeModel(name).preprocessing
  expect(of("convnext_base")).toMatchObject({ inputSize: 224, cropPct: 0.875, cropMode: "center" })
  expect(of("convnext_tiny")).toMatchObject({ cropPct: 0.95, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] })
  expect(of("convnext_zepto_rms_ols")).toMatchObject({ cropPct: 0.9, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] })
  expect(of("convnext_large_mlp")).toMatchObject({
    inputSize: 320,
    cropPct: 1,
    mean: [0.48145466, 0.4578275, 0.40821073],
  })
  expect(of("convnextv2_huge")).toMatchObject({ inputSize: 384, cropPct: 1, cropMode: "squash" })
})
