import { describe, expect, test } from "vitest"
import { TrainingContext } from "../nn/context.ts"
import { UsageError } from "../tensor/errors.ts"
import { Network } from "./network.ts"
import { describeModel } from "./registry.ts"

const network = (name: string, config: Record<string, unknown> = {}) => new Network(describeModel(name, config))

/** Blocks of each stage, and channels of the stem, of each stage and of the last convolution. */
function sizesOf(model: Network) {
  const channels = (name: string) => model.parameters.get(`${name}.weight`)!.size[0]!
  const stages = [0, 1, 2, 3, 4, 5, 6]
  const projection = (stage: number) => (stage === 0 ? "bn2" : "bn3")
  const blocks = (stage: number) =>
    [...model.parameters.keys()].filter(
      (name) => name.startsWith(`blocks.${stage}.`) && name.endsWith(`.${projection(stage)}.weight`),
    )
  return {
    depths: stages.map((stage) => blocks(stage).length),
    channels: [
      channels("conv_stem"),
      ...stages.map((stage) => channels(`blocks.${stage}.0.${projection(stage)}`)),
      channels("conv_head"),
    ],
  }
}

/** timm's values. */
const models: [name: string, parameters: number, depths: number[], channels: number[]][] = [
  ["efficientnet_b0", 5_288_548, [1, 2, 2, 3, 3, 4, 1], [32, 16, 24, 40, 80, 112, 192, 320, 1280]],
  ["efficientnet_b1", 7_794_184, [2, 3, 3, 4, 4, 5, 2], [32, 16, 24, 40, 80, 112, 192, 320, 1280]],
  ["efficientnet_b2", 9_109_994, [2, 3, 3, 4, 4, 5, 2], [32, 16, 24, 48, 88, 120, 208, 352, 1408]],
  ["efficientnet_b3", 12_233_232, [2, 3, 3, 5, 5, 6, 2], [40, 24, 32, 48, 96, 136, 232, 384, 1536]],
  ["efficientnet_b4", 19_341_616, [2, 4, 4, 6, 6, 8, 2], [48, 24, 32, 56, 112, 160, 272, 448, 1792]],
  ["efficientnet_b5", 30_389_784, [3, 5, 5, 7, 7, 9, 3], [48, 24, 40, 64, 128, 176, 304, 512, 2048]],
  ["efficientnet_b6", 43_040_704, [3, 6, 6, 8, 8, 11, 3], [56, 32, 40, 72, 144, 200, 344, 576, 2304]],
  ["efficientnet_b7", 66_347_960, [4, 7, 7, 10, 10, 13, 4], [64, 32, 48, 80, 160, 224, 384, 640, 2560]],
  ["mobilenetv2_035", 1_677_128, [1, 2, 3, 4, 3, 3, 1], [16, 8, 8, 16, 24, 32, 56, 112, 1280]],
  ["mobilenetv2_050", 1_968_680, [1, 2, 3, 4, 3, 3, 1], [16, 8, 16, 16, 32, 48, 80, 160, 1280]],
  ["mobilenetv2_075", 2_636_424, [1, 2, 3, 4, 3, 3, 1], [24, 16, 24, 24, 48, 72, 120, 240, 1280]],
  ["mobilenetv2_100", 3_504_872, [1, 2, 3, 4, 3, 3, 1], [32, 16, 24, 32, 64, 96, 160, 320, 1280]],
  ["mobilenetv2_110d", 4_516_520, [1, 3, 4, 5, 4, 4, 1], [32, 16, 24, 32, 72, 104, 176, 352, 1280]],
  ["mobilenetv2_120d", 5_831_144, [1, 3, 5, 6, 5, 5, 1], [32, 24, 32, 40, 80, 112, 192, 384, 1280]],
  ["mobilenetv2_140", 6_108_776, [1, 2, 3, 4, 3, 3, 1], [48, 24, 32, 48, 88, 136, 224, 448, 1792]],
]

test.each(models)("%s is scaled as in timm, to %i parameters", (name, parameters, depths, channels) => {
  const model = network(name)
  expect(sizesOf(model)).toEqual({ depths, channels })
  expect(model.parameterCount).toBe(parameters)
})

test("images are prepared as for timm's first weights", () => {
  const preprocessing = (name: string) => describeModel(name).preprocessing
  expect(preprocessing("efficientnet_b0")).toMatchObject({ inputSize: 224, cropPct: 0.875, interpolation: "bicubic" })
  expect(preprocessing("efficientnet_b1")).toMatchObject({ inputSize: 240, cropPct: 0.9, mean: [0.5, 0.5, 0.5] })
  expect(preprocessing("efficientnet_b5")).toMatchObject({ inputSize: 448, cropPct: 1, cropMode: "squash" })
  expect(preprocessing("efficientnet_b7")).toMatchObject({ inputSize: 600, cropPct: 0.949, std: [0.229, 0.224, 0.225] })
})

test("squeeze and excitation reduces to a quarter of a block's input, MobileNetV2 has none", () => {
  const size = (name: string) => network("efficientnet_b3").parameters.get(name)!.size
  expect(size("blocks.0.0.se.conv_reduce.weight")).toEqual([10, 40, 1, 1])
  expect(size("blocks.0.1.se.conv_reduce.weight")).toEqual([6, 24, 1, 1])
  expect(size("blocks.6.0.se.conv_reduce.weight")).toEqual([58, 1392, 1, 1])
  expect([...network("mobilenetv2_100").parameters.keys()].filter((name) => name.includes(".se."))).toEqual([])
})

test("the pyramid has timm's levels, for images of any size", () => {
  const model = network("efficientnet_b0")
  expect(model.root.featureInfo).toEqual([
    { channels: 16, stride: 2, module: "blocks.0" },
    { channels: 24, stride: 4, module: "blocks.1" },
    { channels: 40, stride: 8, module: "blocks.2" },
    { channels: 112, stride: 16, module: "blocks.4" },
    { channels: 320, stride: 32, module: "blocks.6" },
  ])
  const shapes = (height: number, width: number) =>
    model.root.forwardPyramid(model.images("N", height, width), new TrainingContext("N")).map(({ shape }) => shape)
  expect(shapes(65, 97)).toEqual([
    ["N", 33, 49, 16],
    ["N", 17, 25, 24],
    ["N", 9, 13, 40],
    ["N", 5, 7, 112],
    ["N", 3, 4, 320],
  ])
  expect(model.trace("N", 65, 97).features.shape).toEqual(["N", 3, 4, 1280])
  expect(shapes(1, 1).at(-1)).toEqual(["N", 1, 1, 320])
})

test("layer groups are timm's: the stem, each block, the last convolution with the last block, the classifier", () => {
  const { root } = network("efficientnet_b0")
  const groups: [string, number][] = [
    ["conv_stem.weight", 0],
    ["bn1.bias", 0],
    ["blocks.0.0.bn1.weight", 1],
    ["blocks.1.0.conv_pw.weight", 2],
    ["blocks.1.1.se.conv_expand.bias", 3],
    ["blocks.2.0.conv_dw.weight", 4],
    ["blocks.5.3.bn3.bias", 15],
    ["blocks.6.0.bn2.weight", 16],
    ["conv_head.weight", 16],
    ["bn2.weight", 16],
    ["classifier.weight", 17],
    ["classifier.bias", 17],
  ]
  for (const [name, group] of groups) expect([name, root.layerGroup(name)]).toEqual([name, group])
})

test("stochastic depth acts where a block adds to its input, at timm's rates; dropout comes before the classifier", () => {
  const context = new TrainingContext(4)
  network("efficientnet_b0", { dropPathRate: 0.16, dropRate: 0.2 }).trace(4, 64, 64, context)
  // Block i of 16 has i / 16 of the rate; those without a shortcut are 0, 1, 3, 5, 8, 11 and 15.
  const rates = [2, 4, 6, 7, 9, 10, 12, 13, 14].map((block) => expect.closeTo(block * 0.01, 12))
  expect(context.dropPaths.map(({ rate }) => rate)).toEqual(rates)
  expect(context.dropouts).toMatchObject([{ rate: 0.2, shape: [4, 1280] }])
})

test("without classes it ends with the pooled features", () => {
  const model = network("mobilenetv2_050", { numClasses: 0 })
  expect(model.trace("N", 32, 32).logits.shape).toEqual(["N", 1280])
  expect([...model.parameters.keys()].filter((name) => name.startsWith("classifier"))).toEqual([])
})

test("first weights vary by 2 / fan-out of a group, those of the classifier lie within 1 / sqrt(classes)", () => {
  const state = network("efficientnet_b0", { numClasses: 100 }).initialize(0)
  const valuesOf = (name: string) => state[name]!.data as Float32Array
  const deviation = (name: string) => {
    const values = valuesOf(name)
    return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length)
  }
  expect(deviation("conv_head.weight")).toBeCloseTo(Math.sqrt(2 / 1280), 3)
  expect(deviation("blocks.5.3.conv_dw.weight")).toBeCloseTo(Math.sqrt(2 / 25), 2)
  expect(deviation("blocks.6.0.se.conv_reduce.weight")).toBeCloseTo(Math.sqrt(2 / 48), 2)
  expect(deviation("blocks.6.0.se.conv_reduce.bias")).toBe(0)
  expect(valuesOf("blocks.6.0.bn3.weight").every((value) => value === 1)).toBe(true)
  expect(deviation("classifier.weight")).toBeCloseTo(0.1 / Math.sqrt(3), 3)
  expect(valuesOf("classifier.weight").every((value) => Math.abs(value) <= Math.fround(0.1))).toBe(true)
})

describe("a config that does not fit is refused", () => {
  test.each<[string, Record<string, unknown>, string]>([
    ["efficientnet", { channelMultiplier: 0 }, "channelMultiplier must be a number above 0, got 0"],
    ["efficientnet", { depthMultiplier: "2" }, "depthMultiplier must be a number above 0, got 2"],
    ["efficientnet", { dropRate: -0.1 }, "dropRate must be at least 0 and below 1, got -0.1"],
    ["efficientnet", { fixStemHead: true }, "efficientnet has no option fixStemHead"],
    ["mobilenetv2", { channelMultiplier: Number.NaN }, "channelMultiplier must be a number above 0, got NaN"],
    ["mobilenetv2", { depthMultiplier: -1 }, "depthMultiplier must be a number above 0, got -1"],
    ["mobilenetv2", { fixStemHead: "yes" }, "fixStemHead must be true or false, got yes"],
    ["mobilenetv2", { dropRate: 1 }, "dropRate must be at least 0 and below 1, got 1"],
  ])("%s %j", (family, config, message) => {
    expect(() => describeModel(family, config)).toThrow(UsageError)
    expect(() => describeModel(family, config)).toThrow(message)
  })
})
