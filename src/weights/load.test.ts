import { beforeAll, describe, expect, test } from "vitest"
import { hashParameter, hashWeights } from "../../test/support/hash-weights.ts"
import { createModel, type Model } from "../models/model.ts"
import { Network, type StateDict } from "../models/network.ts"
import { describeModel } from "../models/registry.ts"
import { registerBackends } from "../runtime/backend.ts"
import { createNodeBackend } from "../runtime/node/ort.ts"
import { type NdArray, ndarray, zeros } from "../tensor/ndarray.ts"
import { loadCheckpoint } from "./load.ts"
import { fittingModels } from "./match.ts"
import { convertStateDict } from "./naming/convert.ts"

beforeAll(() => registerBackends(createNodeBackend))

const small = { depths: [1, 1], dims: [4, 8] }
const create = (options: Parameters<typeof createModel>[1] = {}): Promise<Model> =>
  createModel("convnext", { config: small, numClasses: 3, device: "cpu", ...options })

const weightsOf = (model: Model): StateDict => hashWeights(model.weights)

/** Shapes of a registered model, with memory for none of its values. */
function emptyOf(name: string, config: Record<string, unknown> = {}): StateDict {
  const none = new Float32Array(0)
  const { state } = new Network(describeModel(name, config))
  return Object.fromEntries([...state].map(([key, { size }]) => [key, { shape: size, dtype: "float32", data: none }]))
}

test("weights in another scheme's names", async () => {
  const model = await create()
  const weights = weightsOf(model)
  const report = loadCheckpoint(model, convertStateDict(weights, { to: "torchvision" }))
  expect(report).toMatchObject({
    scheme: "torchvision",
    missing: [],
    unexpected: [],
    messages: [],
    checkpointClasses: 3,
  })
  expect(report.loaded).toEqual(Object.keys(model.weights))
  expect(model.stateDict()).toEqual(weights)
})

describe("images of other channels", () => {
  const load = async (inChannels: number, change: (weight: NdArray) => NdArray = (weight) => weight) => {
    const weights = weightsOf(await create())
    const model = await create({ inChannels })
    const report = loadCheckpoint(model, { ...weights, "stem.0.weight": change(weights["stem.0.weight"]!) })
    return { report, weight: model.weights["stem.0.weight"]! }
  }
  const colour = hashParameter("stem.0.weight", [4, 3, 4, 4]).data as Float32Array
  const at = (out: number, channel: number, tap: number) => colour[(out * 3 + channel) * 16 + tap]!

  test("one: the sum of the three", async () => {
    const { report, weight } = await load(1)
    expect(report.messages).toEqual(["the first convolution is for images of 3 channels: it was adapted to 1"])
    expect(weight.shape).toEqual([4, 1, 4, 4])
    expect(weight.data[2 * 16 + 5]).toBe(Math.fround(Math.fround(at(2, 0, 5) + at(2, 1, 5)) + at(2, 2, 5)))
  })

  test("five: red, green, blue, red, green, by 3/5", async () => {
    const { weight } = await load(5)
    expect(weight.shape).toEqual([4, 5, 4, 4])
    for (const [channel, source] of [0, 1, 2, 0, 1].entries()) {
      const expected = Math.fround(at(3, source, 7) * Math.fround(3 / 5))
      expect(weight.data[(3 * 5 + channel) * 16 + 7]).toBe(expected)
    }
  })

  test("in half precision", async () => {
    const half = ({ shape }: NdArray) => ndarray(new Uint16Array(4 * 3 * 16).fill(0x3c00), shape, "float16")
    expect((await load(1, half)).weight.data).toEqual(new Float32Array(64).fill(3))
  })

  test("from other than three it is a mistake", async () => {
    await expect(load(3, () => zeros([4, 2, 4, 4]))).rejects.toThrow("stem.0.weight [4, 2, 4, 4] where [4, 3, 4, 4]")
  })
})

describe("classifiers", () => {
  const classifier = ["head.fc.weight", "head.fc.bias"]

  test("for another number of classes: everything else is loaded, and the model keeps its own", async () => {
    const model = await create({ numClasses: 5 })
    const own = model.stateDict()
    const weights = weightsOf(await create())
    const report = loadCheckpoint(model, weights)
    expect(report).toMatchObject({ missing: classifier, dropped: classifier, checkpointClasses: 3 })
    expect(report.messages).toEqual([
      "the checkpoint's classifier knows 3 classes: convnext gets a new one, for 5 classes",
    ])
    for (const [name, value] of Object.entries(model.weights)) {
      expect(value).toEqual(classifier.includes(name) ? own[name] : weights[name])
    }
  })

  test("for other classes, as many", async () => {
    const model = await create()
    const own = model.stateDict()
    const report = loadCheckpoint(model, weightsOf(model), { classes: "fresh" })
    expect(report.dropped).toEqual(classifier)
    expect(model.weights["head.fc.weight"]).toEqual(own["head.fc.weight"])
  })

  test("none in the checkpoint, none in the model", async () => {
    const headless = await create({ numClasses: 0 })
    const model = await create()
    expect(loadCheckpoint(model, weightsOf(headless))).toMatchObject({ missing: classifier, dropped: [] })
    const report = loadCheckpoint(headless, weightsOf(model))
    expect(report).toMatchObject({ missing: [], dropped: classifier })
    expect(report.messages).toEqual(["the checkpoint's classifier knows 3 classes: it is left out"])
  })

  test("half of one is a mistake", async () => {
    const model = await create()
    const { "head.fc.bias": _, ...rest } = weightsOf(model)
    expect(() => loadCheckpoint(model, rest)).toThrow("1 of 30 parameters are missing: head.fc.bias [3]")
  })

  test("rows by a map", async () => {
    const model = await create()
    const weights = weightsOf(await create({ numClasses: 6 }))
    const report = loadCheckpoint(model, weights, { classes: [5, 0, 5] })
    expect(report.missing).toEqual([])
    const row = (i: number) => weights["head.fc.weight"]!.data.slice(8 * i, 8 * i + 8)
    expect(model.weights["head.fc.weight"]!.data).toEqual(
      Float32Array.from([...row(5), ...row(0), ...row(5)].map(Number)),
    )
    expect(() => loadCheckpoint(model, weights, { classes: [1, 2] })).toThrow("names 2 classes of the checkpoint for 3")
    expect(() => loadCheckpoint(model, weights, { classes: [1, 2, 6] })).toThrow("classes has 6, which is none of")
  })

  test("both of a distilled DeiT", async () => {
    const config = { patchSize: 8, embedDim: 4, numHeads: 2, depth: 1, distilled: true }
    const make = (numClasses: number) => createModel("deit", { config, inputSize: 16, numClasses, device: "cpu" })
    const model = await make(2)
    const both = ["head.weight", "head.bias", "head_dist.weight", "head_dist.bias"]
    expect(loadCheckpoint(model, weightsOf(await make(7))).dropped).toEqual(both)
    const picked = loadCheckpoint(model, weightsOf(await make(7)), { classes: [6, 1] })
    expect(picked).toMatchObject({ missing: [], dropped: [] })
  })
})

test("position embeddings are resampled for the model's images", async () => {
  const config = { patchSize: 8, embedDim: 4, numHeads: 2, depth: 1 }
  const make = (inputSize: number) => createModel("vit", { config, inputSize, numClasses: 2, device: "cpu" })
  const model = await make(32)
  const report = loadCheckpoint(model, convertStateDict(weightsOf(await make(16)), { to: "huggingface" }))
  expect(report.loaded).toHaveLength(Object.keys(model.weights).length)
})

test("without strict, what fits is taken, and the report says what was not", async () => {
  const model = await create()
  const own = model.stateDict()
  const { "stem.0.bias": _, ...weights } = weightsOf(model)
  const given = { ...weights, "stem.1.weight": zeros([5]), "decoder.weight": zeros([1]) }
  const report = loadCheckpoint(model, given, { strict: false })
  expect(report).toMatchObject({
    missing: ["stem.0.bias"],
    mismatched: ["stem.1.weight"],
    unexpected: ["decoder.weight"],
  })
  expect(report.messages).toEqual([
    "1 parameters are not in the checkpoint and stay as they were: stem.0.bias",
    "1 have other shapes there and stay as they were: stem.1.weight",
    "1 of the checkpoint are not in the model: decoder.weight",
    "28 parameters were loaded",
  ])
  expect(model.weights["stem.0.bias"]).toEqual(own["stem.0.bias"])
  expect(model.weights["stem.1.bias"]).toEqual(weights["stem.1.bias"])
  expect(() => loadCheckpoint(model, emptyOf("resnet18"), { strict: false })).toThrow("30 of 30 parameters are missing")
})

describe("weights of another model", () => {
  const file = { source: "some.safetensors" }

  test.each([
    ["swin_tiny_patch4_window7_224", "182 of 182 parameters are missing: stem.0.weight [96, 3, 4, 4]"],
    ["convnext_small", "162 tensors are not in the model: stages.2.blocks.9.gamma [384]"],
    ["convnextv2_tiny", "18 of 182 parameters are missing: stages.0.blocks.0.gamma [96]"],
    ["convnext_base", "have other shapes: stem.0.weight [128, 1, 4, 4] where [96, 3, 4, 4] is expected"],
    ["mobilenetv2_100", "parameters are missing"],
  ])("%s: the error says so", async (name, problem) => {
    const model = await createModel("convnext_tiny", { device: "cpu" })
    const before = model.weights["stem.0.weight"]!.data.slice()
    const load = () => loadCheckpoint(model, emptyOf(name, { numClasses: 12, inChannels: 1 }), file)
    expect(load).toThrow("cannot load some.safetensors into convnext_tiny: ")
    expect(load).toThrow(problem)
    expect(load).toThrow(`The file looks like ${name}; try --model ${name}.`)
    expect(model.weights["stem.0.weight"]!.data).toEqual(before)
  })

  test("in another scheme's names", async () => {
    const facebook = Object.fromEntries(
      Object.entries(emptyOf("convnext_atto")).map(([name, value]) => [
        name,
        /fc[12]\.weight/.test(name) ? { ...value, shape: value.shape.slice(0, 2) } : value,
      ]),
    )
    const load = async () => loadCheckpoint(await create(), facebook)
    await expect(load()).rejects.toThrow("The file looks like convnext_atto; try")
  })

  test("of no registered one, and of none at all", async () => {
    const model = await create()
    const other = weightsOf(await create({ config: { depths: [2, 1], dims: [4, 8] } }))
    expect(() => loadCheckpoint(model, other)).toThrow(
      /^cannot load the weights into convnext: 9 tensors are not in the model: stages\.0\.blocks\.1\.gamma \[4\], .* and 4 more\.$/,
    )
    expect(() => loadCheckpoint(model, { nonsense: zeros([1]) })).toThrow("not in a known naming scheme")
  })

  test("several models of the same shapes", () => {
    expect(fittingModels(emptyOf("deit_tiny_patch16_224"))).toEqual(["vit_tiny_patch16_224", "deit_tiny_patch16_224"])
    expect(fittingModels(emptyOf("vit_base_patch16_384", { numClasses: 0 }), ["vit"])).toEqual(["vit_base_patch16_384"])
  })
})
