import { describe, expect, test } from "vitest"
import { randomArray } from "../../test/support/arrays.ts"
import { createModel } from "../index.ts"
import { evaluation, TrainingContext } from "../nn/context.ts"
import { UsageError } from "../tensor/errors.ts"
import { Network } from "./network.ts"
import { describeModel } from "./registry.ts"

const network = (name: string, config: Record<string, unknown> = {}) => new Network(describeModel(name, config))
const small = { layers: [1, 1, 1, 1], channels: [8, 12, 16, 24], numClasses: 5 }

test("resnet50 has the paper's size: 25,557,032 parameters and 4.089 GMACs at 224", () => {
  const model = network("resnet50")
  expect(model.parameterCount).toBe(25_557_032)
  expect(model.macs(224, 224)).toBe(4_089_184_256)
})

describe("the parameters of", () => {
  const namesOf = (name: string, config: Record<string, unknown>, prefix: string) =>
    [...network(name, config).parameters.keys()].filter((key) => key.startsWith(prefix) && key.endsWith("weight"))

  test("the stem lie in one convolution, or with a deep stem in three", () => {
    expect(namesOf("resnet50", {}, "conv1")).toEqual(["conv1.weight"])
    expect(namesOf("resnet50d", {}, "conv1")).toEqual([0, 1, 3, 4, 6].map((i) => `conv1.${i}.weight`))
    expect(network("resnet50d").root.firstConv).toBe("conv1.0")
  })

  test("a shortcut come after the mean of four pixels, where there is one", () => {
    const shortcut = "layer2.0.downsample"
    expect(namesOf("resnet50", {}, shortcut)).toEqual([`${shortcut}.0.weight`, `${shortcut}.1.weight`])
    expect(namesOf("resnet50d", {}, shortcut)).toEqual([`${shortcut}.1.weight`, `${shortcut}.2.weight`])
  })

  test("a shortcut are there only where the shape changes", () => {
    expect(namesOf("resnet18", {}, "layer1.0.downsample")).toEqual([])
    expect(namesOf("resnet50", {}, "layer1.0.downsample")).toHaveLength(2)
    expect(namesOf("resnet50", {}, "layer1.1.downsample")).toEqual([])
  })

  test("a bottleneck follow from cardinality and base width", () => {
    const shapes = (config: Record<string, unknown>) => {
      const { parameters } = network("resnet", { ...small, ...config })
      return ["conv1", "conv2", "conv3"].map((conv) => parameters.get(`layer4.0.${conv}.weight`)!.size)
    }
    expect(shapes({})).toEqual([
      [24, 64, 1, 1],
      [24, 24, 3, 3],
      [96, 24, 1, 1],
    ])
    // 24 * 23 / 64 = 8.6 channels in each of three groups, rounded down.
    expect(shapes({ cardinality: 3, baseWidth: 23 })).toEqual([
      [24, 64, 1, 1],
      [24, 8, 3, 3],
      [96, 24, 1, 1],
    ])
    expect(shapes({ baseWidth: 128 })[1]).toEqual([48, 48, 3, 3])
  })
})

test("blocks are called as in timm, or in short", () => {
  const names = (block: string) => [...network("resnet", { ...small, block }).state.keys()]
  expect(names("BasicBlock")).toEqual(names("basic"))
  expect(names("Bottleneck")).toEqual(names("bottleneck"))
  expect(names("basic")).not.toEqual(names("bottleneck"))
})

test("odd maps are halved upwards, as in timm", () => {
  for (const name of ["resnet50", "resnet50d"]) {
    const model = network(name)
    const levels = model.root.forwardPyramid(model.images("N", 97, 75), evaluation)
    expect(levels.map(({ shape }) => shape.slice(1, 3))).toEqual([
      [49, 38],
      [25, 19],
      [13, 10],
      [7, 5],
      [4, 3],
    ])
  }
})

test("the feature maps are timm's", () => {
  const strides = [2, 4, 8, 16, 32]
  const modules = ["act1", "layer1", "layer2", "layer3", "layer4"]
  const info = (channels: number[]) => channels.map((c, i) => ({ channels: c, stride: strides[i], module: modules[i] }))
  expect(network("resnet34").root.featureInfo).toEqual(info([64, 64, 128, 256, 512]))
  expect(network("resnext101_32x8d").root.featureInfo).toEqual(info([64, 256, 512, 1024, 2048]))
  expect(network("resnet", { ...small, stemType: "deep", stemWidth: 12 }).root.featureInfo).toEqual(
    info([24, 32, 48, 64, 96]),
  )
})

test("images of one pixel leave one position", async () => {
  const model = await createModel("resnet", { config: { ...small, avgDown: true }, threads: 1 })
  expect((await model.forwardFeatures(randomArray([1, 1, 1, 3], 0))).shape).toEqual([1, 1, 1, 96])
  await model.dispose()
})

test("layers are grouped as in timm: stem, each block, classifier", () => {
  const { root, parameters } = network("resnet50d")
  const groups: Record<string, number> = {
    "conv1.0.weight": 0,
    "conv1.6.weight": 0,
    "bn1.bias": 0,
    "layer1.0.conv1.weight": 1,
    "layer1.0.downsample.2.bias": 1,
    "layer1.2.bn3.bias": 3,
    "layer2.0.bn1.weight": 4,
    "layer3.0.downsample.1.weight": 8,
    "layer3.5.conv2.weight": 13,
    "layer4.0.conv1.weight": 14,
    "layer4.2.bn3.bias": 16,
    "fc.weight": 17,
    "fc.bias": 17,
  }
  for (const [name, group] of Object.entries(groups)) {
    expect(parameters.has(name), name).toBe(true)
    expect(root.layerGroup(name), name).toBe(group)
  }
})

test("stochastic depth grows from 0 in the first block to its rate in the last, for whole samples", () => {
  const context = new TrainingContext("N")
  network("resnet", { ...small, layers: [1, 2, 1, 1], dropPathRate: 0.4 }).trace("N", 32, 32, context)
  expect(context.dropPaths.map(({ rate }) => rate)).toEqual([1, 2, 3, 4].map((i) => (0.4 * i) / 4))
  // Samples meet in batch normalisation: all are computed.
  expect(context.dropPaths.every(({ rows }) => !rows)).toBe(true)
})

test("dropout is applied to what the classifier reads", () => {
  const context = new TrainingContext("N")
  const model = network("resnet", { ...small, dropRate: 0.3 })
  model.root.forward(model.images("N", 32, 32), context)
  expect(context.dropouts.map(({ rate, shape }) => [rate, shape])).toEqual([[0.3, ["N", 96]]])
})

describe("first values are timm's:", () => {
  const state = network("resnet", { ...small, cardinality: 4, baseWidth: 64, numClasses: 200 }).initialize(0)
  const values = (name: string) => Array.from(state[name]!.data as Float32Array)

  test("convolutions have variance 2 / (k k outputs), whatever their groups", () => {
    for (const [name, { shape, data }] of Object.entries(state)) {
      if (shape.length !== 4) continue
      const [outputs, , kh, kw] = shape as [number, number, number, number]
      const wanted = Math.sqrt(2 / (outputs * kh * kw))
      const all = values(name)
      const std = Math.sqrt(all.reduce((sum, value) => sum + value ** 2, 0) / all.length)
      expect(Math.abs(std / wanted - 1), `${name}: deviation ${std}`).toBeLessThan(4 / Math.sqrt(2 * data.length))
    }
  })

  test("a residual branch begins by adding nothing, unless zeroInitLast is false", () => {
    expect(values("layer1.0.bn3.weight")).toEqual(new Array(32).fill(0))
    expect(values("layer1.0.bn2.weight")).toEqual(new Array(32).fill(1))
    expect(values("layer1.0.downsample.1.weight")).toEqual(new Array(32).fill(1))
    const kept = network("resnet", { ...small, zeroInitLast: false, block: "basic" }).initialize(0)
    expect([...(kept["layer1.0.bn2.weight"]!.data as Float32Array)]).toEqual(new Array(8).fill(1))
  })

  test("the classifier is uniform within 1 / sqrt(features), its bias too", () => {
    const bound = 1 / Math.sqrt(96)
    for (const name of ["fc.weight", "fc.bias"]) {
      const largest = Math.max(...values(name).map(Math.abs))
      expect(largest, name).toBeLessThanOrEqual(bound)
      expect(largest, name).toBeGreaterThan(0.95 * bound)
    }
  })
})

describe("a mistake in the config is a UsageError that says what to do", () => {
  test.each<[Record<string, unknown>, string]>([
    [{ block: "dense" }, "block must be one of basic, bottleneck, BasicBlock, Bottleneck, got dense"],
    [{ block: "toString" }, "block must be one of basic, bottleneck, BasicBlock, Bottleneck, got toString"],
    [{ layers: [3, 4, 6] }, "layers must be four whole numbers of at least 1, got [3,4,6]"],
    [{ layers: [3, 4, 6, 0] }, "layers must be four whole numbers of at least 1, got [3,4,6,0]"],
    [{ layers: "3463" }, 'layers must be four whole numbers of at least 1, got "3463"'],
    [{ channels: [8, 8, 8.5, 8] }, "channels must be four whole numbers of at least 1, got [8,8,8.5,8]"],
    [{ cardinality: 0 }, "cardinality must be a whole number of at least 1, got 0"],
    [{ baseWidth: 4.5 }, "baseWidth must be a whole number of at least 1, got 4.5"],
    [{ stemWidth: -1 }, "stemWidth must be a whole number of at least 1, got -1"],
    [{ stemType: "tiered" }, 'stemType must be "" or "deep", got tiered'],
    [{ avgDown: 1 }, "avgDown must be true or false, got 1"],
    [{ zeroInitLast: "no" }, "zeroInitLast must be true or false, got no"],
    [{ dropRate: 1 }, "dropRate must be at least 0 and below 1, got 1"],
    [{ block: "basic", cardinality: 32 }, "basic blocks have cardinality 1 and baseWidth 64, got 32 and 64; block"],
    [{ block: "BasicBlock", baseWidth: 128 }, "basic blocks have cardinality 1 and baseWidth 64, got 1 and 128"],
    [{ channels: [8, 16, 32, 64], baseWidth: 4 }, "baseWidth 4 leaves no channel in a group of a stage of 8 channels"],
  ])("%o", (config, message) => {
    expect(() => describeModel("resnet", config)).toThrow(UsageError)
    expect(() => describeModel("resnet", config)).toThrow(message)
  })
})
