import { describe, expect, test } from "vitest"
import { TrainingContext } from "../nn/context.ts"
import { UsageError } from "../tensor/errors.ts"
import { Network, type StateDict } from "./network.ts"
import { describeModel } from "./registry.ts"

const network = (name: string, config: Record<string, unknown> = {}) => new Network(describeModel(name, config))

/** Four stages of 1, 2, 2 and 1 blocks, the smallest that make sense. */
const small = { depth: 6, w0: 16, wa: 24, wm: 2, groupSize: 8, stemWidth: 16, numClasses: 5 }

/** What the stages look like: blocks, channels, channels and groups of the 3x3 convolutions. */
function stagesOf(model: Network) {
  const size = (name: string) => model.parameters.get(name)!.size as [number, number, number, number]
  const stages = [1, 2, 3, 4]
  const spatial = (stage: number) =>
    [...model.parameters.keys()].filter((name) => name.startsWith(`s${stage}.`) && name.endsWith("conv2.conv.weight"))
  const inner = stages.map((stage) => size(`s${stage}.b1.conv2.conv.weight`))
  return {
    depths: stages.map((stage) => spatial(stage).length),
    channels: stages.map((stage) => size(`s${stage}.b1.conv3.conv.weight`)[0]),
    inner: inner.map(([channels]) => channels),
    groups: inner.map(([channels, perGroup]) => channels / perGroup),
  }
}

/** timm's values. */
test.each<[name: string, parameters: number, depths: number[], channels: number[], groups: number[]]>([
  ["regnety_016", 11_202_430, [2, 6, 17, 2], [48, 120, 336, 888], [2, 5, 14, 37]],
  ["regnety_040", 20_646_656, [2, 6, 12, 2], [128, 192, 512, 1088], [2, 3, 8, 17]],
  ["regnety_080", 39_180_068, [2, 4, 10, 1], [168, 448, 896, 2016], [3, 8, 16, 36]],
  ["regnety_160", 83_590_140, [2, 4, 11, 1], [224, 448, 1232, 3024], [2, 4, 11, 27]],
])(
  "%s has the stages of the quantized linear rule, and %i parameters",
  (name, parameters, depths, channels, groups) => {
    const model = network(name)
    expect(stagesOf(model)).toEqual({ depths, channels, inner: channels, groups })
    expect(model.parameterCount).toBe(parameters)
  },
)

test("without squeeze and excitation it is a RegNetX: timm's default config has 16,830,776 parameters", () => {
  const model = network("regnet")
  expect(model.parameterCount).toBe(16_830_776)
  expect([...model.parameters.keys()].filter((name) => name.includes(".se."))).toEqual([])
})

test("halves are rounded to the even number, as in timm", () => {
  // 8 * 2.5 / 8 = 2.5 gives 2 times 8 channels.
  expect(stagesOf(network("regnet", { depth: 12, w0: 8, wa: 14, wm: 2.5, groupSize: 4 }))).toEqual({
    depths: [1, 1, 4, 6],
    channels: [8, 16, 48, 128],
    inner: [8, 16, 48, 128],
    groups: [2, 4, 12, 32],
  })
  // A stem of 10 channels and a ratio of 1/4: 2.5 gives 2.
  const config = { depth: 12, w0: 24, wa: 20, wm: 2.5, groupSize: 24, bottleRatio: 0.5, seRatio: 0.25, stemWidth: 10 }
  const model = network("regnet", config)
  expect(stagesOf(model)).toEqual({
    depths: [1, 3, 7, 1],
    channels: [24, 48, 144, 384],
    inner: [12, 24, 72, 192],
    groups: [1, 1, 3, 8],
  })
  expect(model.parameters.get("s1.b1.se.fc1.weight")!.size).toEqual([2, 12, 1, 1])
})

test("the pyramid has timm's levels, for images of any size", () => {
  const { root } = network("regnety_016")
  expect(root.featureInfo).toEqual([
    { channels: 32, stride: 2, module: "stem" },
    { channels: 48, stride: 4, module: "s1" },
    { channels: 120, stride: 8, module: "s2" },
    { channels: 336, stride: 16, module: "s3" },
    { channels: 888, stride: 32, module: "s4" },
  ])
  const model = network("regnet", small)
  const shapes = (height: number, width: number) =>
    model.root.forwardPyramid(model.images("N", height, width), new TrainingContext("N")).map(({ shape }) => shape)
  expect(shapes(65, 97)).toEqual([
    ["N", 33, 49, 16],
    ["N", 17, 25, 16],
    ["N", 9, 13, 32],
    ["N", 5, 7, 64],
    ["N", 3, 4, 128],
  ])
  expect(shapes(1, 1).at(-1)).toEqual(["N", 1, 1, 128])
})

test("layer groups are timm's: the stem, each block, the head", () => {
  const { root } = network("regnety_016")
  const groups: [string, number][] = [
    ["stem.conv.weight", 0],
    ["stem.bn.bias", 0],
    ["s1.b1.conv1.conv.weight", 1],
    ["s1.b1.downsample.bn.weight", 1],
    ["s1.b2.se.fc1.bias", 2],
    ["s2.b1.conv1.conv.weight", 3],
    ["s3.b1.conv2.bn.weight", 9],
    ["s3.b10.conv3.conv.weight", 18],
    ["s3.b17.conv3.bn.bias", 25],
    ["s4.b2.conv3.bn.bias", 27],
    ["head.fc.weight", 28],
    ["head.fc.bias", 28],
  ]
  for (const [name, group] of groups) expect([name, root.layerGroup(name)]).toEqual([name, group])
})

test("stochastic depth grows with each block, also those that change the resolution; dropout comes before the head", () => {
  const context = new TrainingContext(4)
  network("regnet", { ...small, dropPathRate: 0.5, dropRate: 0.2 }).trace(4, 64, 64, context)
  expect(context.dropPaths.map(({ rate }) => rate)).toEqual([0.1, 0.2, 0.3, 0.4, 0.5].map((r) => expect.closeTo(r, 12)))
  expect(context.dropouts.at(-1)).toMatchObject({ rate: 0.2, shape: [4, 128] })
})

test("without classes it ends with the pooled features", () => {
  const model = network("regnet", { ...small, numClasses: 0 })
  expect(model.trace("N", 32, 32).logits.shape).toEqual(["N", 128])
  expect([...model.parameters.keys()].filter((name) => name.startsWith("head."))).toEqual([])
})

describe("first weights", () => {
  const deviation = (state: StateDict, name: string) => {
    const values = state[name]!.data as Float32Array
    return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length)
  }

  test("of convolutions vary by 2 / fan-out of a group, of the classifier by 0.01", () => {
    const state = network("regnety_016").initialize(0)
    expect(deviation(state, "s4.b2.conv2.conv.weight")).toBeCloseTo(Math.sqrt(2 / (9 * 24)), 3)
    expect(deviation(state, "s4.b2.conv1.conv.weight")).toBeCloseTo(Math.sqrt(2 / 888), 3)
    expect(deviation(state, "s4.b2.se.fc1.weight")).toBeCloseTo(Math.sqrt(2 / 222), 3)
    expect(deviation(state, "head.fc.weight")).toBeCloseTo(0.01, 3)
    expect(deviation(state, "s4.b2.se.fc1.bias")).toBe(0)
  })

  test("of a block's last normalisation are 0, unless the config says otherwise", () => {
    const lastNorms = (config: Record<string, unknown>) => {
      const state = network("regnet", { ...small, ...config }).initialize(0)
      return ["s1.b1.conv3.bn.weight", "s1.b1.downsample.bn.weight"].map((name) => deviation(state, name))
    }
    expect(lastNorms({})).toEqual([0, 1])
    expect(lastNorms({ zeroInitLast: false })).toEqual([1, 1])
  })
})

test.each<[Record<string, unknown>, string]>([
  [{ depth: 0 }, "depth must be a whole number of at least 1, got 0"],
  [{ w0: 20 }, "w0 must be a multiple of 8, got 20"],
  [{ w0: -8 }, "w0 must be a whole number of at least 1, got -8"],
  [{ wa: -1 }, "wa must be a number of at least 0, got -1"],
  [{ wm: 1 }, "wm must be a number above 1, got 1"],
  [{ groupSize: 0.5 }, "groupSize must be a whole number of at least 1, got 0.5"],
  [{ bottleRatio: 0 }, "bottleRatio must be a number above 0, got 0"],
  [{ seRatio: "0.25" }, "seRatio must be a number of at least 0, got 0.25"],
  [{ seRatio: 0.01 }, "seRatio must be 0 or leave at least one of 16 channels, got 0.01"],
  [{ stemWidth: 0 }, "stemWidth must be a whole number of at least 1, got 0"],
  [{ zeroInitLast: 1 }, "zeroInitLast must be true or false, got 1"],
  [{ dropRate: 1 }, "dropRate must be at least 0 and below 1, got 1"],
  [{ depth: 2 }, "depth, w0, wa and wm must give 4 stages, got widths [16,32]"],
  [
    { w0: 40, wa: 64, wm: 2.2, depth: 9, groupSize: 3, bottleRatio: 2 },
    "bottleRatio and groupSize do not fit: 80 channels do not make 26 equal groups",
  ],
])("a config that does not fit is refused: %j", (config, message) => {
  const describe = () => describeModel("regnet", { ...small, ...config })
  expect(describe).toThrow(UsageError)
  expect(describe).toThrow(message)
})
