/**
 * What must hold for every registered model. The models themselves are only traced; a small network of each family is
 * trained, exported and run.
 */

import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { InferenceSession, Tensor } from "onnxruntime-node"
import { afterAll, describe, expect, test } from "vitest"
import { expectClose, largest, randomArray } from "../../test/support/arrays.ts"
import { readGolden } from "../../test/support/golden.ts"
import { hashWeights } from "../../test/support/hash-weights.ts"
import { createModel, createTrainer, exportOnnx, type Model } from "../index.ts"
import { evaluation } from "../nn/context.ts"
import { type NdArray, ndarray } from "../tensor/ndarray.ts"
import { counts } from "./counts.ts"
import { countModel } from "./list.ts"
import { Network } from "./network.ts"
import { describeModel, modelNames } from "./registry.ts"

/** Counted in PyTorch. */
interface ExactCounts {
  model: string
  /** What differs from the registered config. */
  config?: Record<string, unknown>
  inputSize: number
  parameters: number
  /** Of convolutions and linear layers. */
  macs: number
  /** Of the two products of attention. */
  attentionMacs: number
}

const names = modelNames()
const { counts: exact } = readGolden<{ counts: ExactCounts[] }>(import.meta.url, "../../test/golden/counts.json")

const build = (name: string, config?: Record<string, unknown>, inputSize?: number) =>
  new Network(describeModel(name, config, inputSize))

test("every name is registered once", () => {
  expect(new Set(names).size).toBe(names.length)
})

describe("timm's parameters and multiply-accumulates", () => {
  test.each(exact)("$model, $config, at $inputSize", ({ model, config, inputSize, ...expected }) => {
    const network = build(model, config, inputSize)
    expect(network.parameterCount).toBe(expected.parameters)
    expect(network.macs(inputSize, inputSize)).toBe(expected.macs + expected.attentionMacs)
  })

  test("the table that lists all models holds what they have", () => {
    const counted = names.map((name) => [name, countModel(name)])
    expect(counts, "run `npm run build && node scripts/count-models.mjs`").toEqual(Object.fromEntries(counted))
  })
})

describe.each(names)("%s", (name) => {
  test.each([1, 4])("takes images of %i channels, and gives the logits of other classes", (inChannels) => {
    const network = build(name, { inChannels, numClasses: 7 })
    const { root, parameters, description } = network
    const { inputSize } = description.preprocessing
    const { preLogits, logits } = network.trace("N", inputSize, inputSize)
    expect(logits.shape).toEqual(["N", 7])
    expect(preLogits.rank).toBe(2)
    expect(parameters.get(`${root.firstConv}.weight`)!.size[1]).toBe(inChannels)
    for (const path of root.classifiers) {
      expect(parameters.get(`${path}.weight`)!.size).toEqual([7, preLogits.dim(1)])
    }
  })

  test("without classes ends with what the classifier would read", () => {
    const network = build(name, { numClasses: 0 })
    const { inputSize } = network.description.preprocessing
    const { preLogits, logits } = network.trace("N", inputSize, inputSize)
    expect(logits.shape).toEqual(preLogits.shape)
    expect([...network.parameters.keys()].filter((parameter) => network.isClassifier(parameter))).toEqual([])
  })

  test("gives the feature maps that its table says", () => {
    const network = build(name)
    const { inputSize } = network.description.preprocessing
    const { root } = network
    const levels = root.forwardPyramid(network.images("N", inputSize, inputSize), evaluation)
    const sides = root.featureInfo.map(({ stride }) => Math.ceil(inputSize / stride))
    const expected = root.featureInfo.map(({ channels }, i) => ["N", sides[i], sides[i], channels])
    expect(levels.map(({ shape }) => shape)).toEqual(expected)
    expect(sides).toEqual([...sides].sort((a, b) => b - a))
  })

  test("groups its parameters from the first convolution to the classifier", () => {
    const network = build(name)
    const groups = new Map([...network.parameters.keys()].map((key) => [key, network.root.layerGroup(key)]))
    const last = Math.max(...groups.values())
    expect([...new Set(groups.values())].sort((a, b) => a - b)).toEqual(Array.from({ length: last + 1 }, (_, i) => i))
    expect(groups.get(`${network.root.firstConv}.weight`)).toBe(0)
    for (const [key, group] of groups) if (network.isClassifier(key)) expect(group, key).toBe(last)
  })
})

/** A network of each family that trains in a second, and the sides of images for it. */
const small: Record<string, { config: Record<string, unknown>; side: number; other: number }> = {
  convnext: { config: { depths: [1, 2], dims: [8, 16], patchSize: 2, lsInitValue: 0.1 }, side: 16, other: 24 },
  convnext_iso: { config: { depth: 2, dim: 16 }, side: 32, other: 48 },
  resnet: { config: { layers: [1, 2, 1, 1], channels: [8, 8, 12, 16] }, side: 32, other: 47 },
  regnet: { config: { depth: 6, w0: 8, wa: 8, wm: 2, groupSize: 4, stemWidth: 8, seRatio: 0.25 }, side: 32, other: 47 },
  efficientnet: { config: { channelMultiplier: 0.25, depthMultiplier: 0.3 }, side: 32, other: 47 },
  mobilenetv2: { config: { channelMultiplier: 0.25, depthMultiplier: 0.3 }, side: 32, other: 47 },
  vit: { config: { patchSize: 8, embedDim: 16, depth: 2, numHeads: 2 }, side: 16, other: 24 },
  deit: {
    config: { patchSize: 8, embedDim: 16, depth: 2, numHeads: 2, distilled: true },
    side: 16,
    other: 24,
  },
  swin: {
    config: { patchSize: 2, embedDim: 8, depths: [2, 2], numHeads: [2, 4], windowSize: 4 },
    side: 16,
    other: 22,
  },
}

const CLASSES = 4
const folder = await mkdtemp(join(tmpdir(), "convnext-models-"))
afterAll(() => rm(folder, { recursive: true }))

test("a small network stands for every family", () => {
  expect(Object.keys(small).sort()).toEqual([...new Set(names.map((name) => describeModel(name).family))].sort())
})

describe.each(Object.entries(small))("a small %s", (family, { config, side, other }) => {
  const images = randomArray([4, side, side, 3], family)
  const batch = { images, targets: ndarray([0, 1, 2, 3], [4], "int32") }

  /** Its weights are such that no gradient is zero. */
  async function smallModel(options: Parameters<typeof createModel>[1] = {}): Promise<Model> {
    const model = await createModel(family, { config, numClasses: CLASSES, inputSize: side, threads: 1, ...options })
    model.loadStateDict(hashWeights(model.stateDict()))
    return model
  }

  test("has a gradient for every parameter, and a training step lowers the loss", async () => {
    const model = await smallModel()
    const trainer = await createTrainer(model, { optimizer: { name: "adamw", lr: 1e-3 } })
    const { loss, gradients } = await trainer.gradients(batch)
    expect(Object.keys(gradients).sort()).toEqual([...model.network.parameters.keys()].sort())
    for (const [name, gradient] of Object.entries(gradients)) expect(largest(gradient), name).toBeGreaterThan(0)
    await trainer.step(batch)
    expect((await trainer.gradients(batch)).loss).toBeLessThan(loss)
    await trainer.dispose()
    await model.dispose()
  })

  test("trains under stochastic depth and dropout", async () => {
    const model = await smallModel({ dropPathRate: 0.5, config: { ...config, dropRate: 0.5 } })
    const sure = await smallModel()
    const options = { optimizer: { name: "sgd", lr: 0.1, momentum: 0 } } as const
    const [random, plain] = [await createTrainer(model, options), await createTrainer(sure, options)]
    const { loss, gradNorm } = await random.step(batch)
    expect([Number.isFinite(loss), Number.isFinite(gradNorm)]).toEqual([true, true])
    expect(loss).not.toBeCloseTo((await plain.step(batch)).loss, 5)
    await Promise.all([random.dispose(), plain.dispose(), model.dispose(), sure.dispose()])
  })

  test("gives feature maps, also of images of another size", async () => {
    const model = await smallModel()
    const larger = await smallModel({ inputSize: other })
    larger.loadStateDict(model.stateDict())
    for (const [network, size] of [
      [model, side],
      [larger, other],
    ] as const) {
      const x = randomArray([2, size, size, 3], size)
      const levels = await network.forwardPyramid(x)
      expect(levels.map(({ shape }) => shape.at(-1))).toEqual(network.featureInfo.map(({ channels }) => channels))
      for (const level of levels) expect(largest(level)).toBeGreaterThan(0)
      const features = await network.forwardFeatures(x)
      expectClose("logits of features", await network.forwardHead(features), await network.forward(x), 1e-5)
    }
    await Promise.all([model.dispose(), larger.dispose()])
  })

  test("runs as an ONNX file", async () => {
    const model = await smallModel()
    const { path } = await exportOnnx(model, join(folder, `${family}.onnx`))
    const session = await InferenceSession.create(path)
    const { shape, data } = channelsFirst(images)
    const { logits } = await session.run({ images: new Tensor("float32", data as Float32Array, shape) })
    const result = ndarray(logits!.data as Float32Array, [...logits!.dims])
    expectClose("logits", result, await model.forward(images), 1e-4)
    await session.release()
    await model.dispose()
  })

  test("takes another classifier, and keeps all else", async () => {
    const model = await smallModel()
    const before = model.stateDict()
    model.resetClassifier(3)
    const after = model.stateDict()
    expect(Object.keys(after)).toEqual(Object.keys(before))
    for (const [name, value] of Object.entries(before)) {
      if (!model.network.isClassifier(name)) expect(after[name], name).toEqual(value)
    }
    expect((await model.forward(images)).shape).toEqual([4, 3])
    await model.dispose()
  })
})

/** [N, H, W, C] to [N, C, H, W]. */
function channelsFirst({ shape, data }: NdArray): NdArray {
  const [n, height, width, channels] = shape as [number, number, number, number]
  const pixels = height * width
  const values = Float32Array.from({ length: data.length }, (_, i) => {
    const [plane, pixel] = [Math.floor(i / pixels), i % pixels]
    const [sample, channel] = [Math.floor(plane / channels), plane % channels]
    return Number(data[(sample * pixels + pixel) * channels + channel])
  })
  return ndarray(values, [n, channels, height, width])
}
