import { describe, expect, test } from "vitest"
import { expectWithin, readGolden } from "../../test/support/golden.ts"
import { hashImages, hashParameter, hashWeights } from "../../test/support/hash-weights.ts"
import "../index.ts"
import { evaluation, TrainingContext } from "../nn/context.ts"
import { type NdArray, ndarray } from "../tensor/ndarray.ts"
import { createTrainer } from "../train/trainer.ts"
import { createModel } from "./model.ts"
import { Network } from "./network.ts"
import { describeModel } from "./registry.ts"

interface Variant {
  name: string
  config: { imgSize: number; patchSize: number; embedDim: number; numClasses: number; inChannels?: number }
  logits: number[]
  preLogits: number[]
  pyramid: number[][]
  layerGroups: [parameter: string, group: number][]
}

const { variants } = readGolden<{ variants: Variant[] }>(import.meta.url, "../../test/golden/vit/vit.json")

const network = (name: string, config: Record<string, unknown> = {}) => new Network(describeModel(name, config))
const small = { imgSize: 16, patchSize: 4, embedDim: 12, depth: 4, numHeads: 3, numClasses: 5 }

describe.each(variants)("with $name", ({ config, logits, preLogits, pyramid, layerGroups }) => {
  const { imgSize, patchSize, embedDim, numClasses, inChannels = 3 } = config
  const close = (what: string, actual: NdArray, values: number[]) =>
    expectWithin(what, actual, ndarray(values, actual.shape, "float64"), { atol: 2e-5, meanAtol: 5e-6 })

  test("it computes timm's logits and features", async () => {
    const model = await createModel("vit", { config, weights: hashWeights(network("vit", config).empty()), threads: 1 })
    const images = hashImages("x0", [2, inChannels, imgSize, imgSize])
    const features = await model.forwardFeatures(images)
    close("logits", await model.forward(images), logits)
    expect((await model.forward(images)).shape).toEqual([2, numClasses])
    close("pre-logits", await model.forwardHead(features, { preLogits: true }), preLogits)

    const side = Math.floor(imgSize / patchSize)
    const maps = await model.forwardPyramid(images)
    expect(maps.map(({ shape }) => shape)).toEqual(pyramid.map(() => [2, side, side, embedDim]))
    maps.forEach(({ data }, level) => {
      const start = (side + 1) * side * embedDim
      const row = ndarray(data.slice(start, start + side * embedDim) as Float32Array, [side, embedDim])
      close(`level ${level}`, row, pyramid[level]!)
    })
    await model.dispose()
  })

  test("it has timm's parameters, in its order and its layers", () => {
    const { parameters, root } = network("vit", config)
    expect([...parameters.keys()].map((name) => [name, root.layerGroup(name)])).toEqual(layerGroups)
  })
})

test.each([
  // Table 2 of the ConvNeXt paper has 4.6, 17.6 and 61.6 GFLOPs, with the two products of attention.
  ["vit_small_patch16_224", 4_241_218_560, 357_663_744],
  ["vit_base_patch16_224", 16_848_500_736, 715_327_488],
  ["vit_large_patch16_224", 59_647_172_608, 1_907_539_968],
  ["vit_base_patch16_384", 49_347_803_136, 6_136_547_328],
  ["deit_tiny_distilled_patch16_224", 1_080_351_744, 180_652_032],
  ["deit3_medium_patch16_224", 7_514_083_328, 476_884_992],
])("%s has timm's multiply-accumulates: %i of layers, %i of attention", (name, layers, attention) => {
  const model = network(name)
  const side = model.description.preprocessing.inputSize
  expect(model.macs(side, side)).toBe(layers + attention)
})

test.each([
  ["vit_large_patch14_224", 304_203_752],
  ["vit_large_patch32_224", 306_535_400],
  ["vit_small_patch32_384", 22_915_432],
  ["vit_base_patch16_gap_224", 86_566_120],
  ["vit_base_patch16_reg4_gap_256", 86_615_272],
])("%s has timm's %i parameters", (name, parameters) => {
  expect(network(name).parameterCount).toBe(parameters)
})

test("the maps of the last three blocks have the stride of a patch", () => {
  const level = (block: number) => ({ channels: 192, stride: 16, module: `blocks.${block}` })
  expect(network("vit_tiny_patch16_224").root.featureInfo).toEqual([level(9), level(10), level(11)])
  const shallow = network("vit", { ...small, depth: 2 })
  expect(shallow.root.featureInfo.map(({ module }) => module)).toEqual(["blocks.0", "blocks.1"])
  expect(shallow.root.forwardPyramid(shallow.images("N", 16, 16), evaluation)).toHaveLength(2)
})

test("another size of images has other position embeddings, resampled from those of a checkpoint", async () => {
  const { imgSize: _, ...anySize } = small
  const model = await createModel("vit", { config: anySize, inputSize: 24, threads: 1 })
  expect(model.network.parameters.get("pos_embed")!.size).toEqual([1, 37, 12])
  const larger = await createModel("deit_tiny_patch16_224", { config: { depth: 1 }, inputSize: 64, threads: 1 })
  expect(larger.network.parameters.get("pos_embed")!.size).toEqual([1, 17, 192])
  const weights = { ...larger.stateDict(), pos_embed: hashParameter("pos_embed", [1, 197, 192]) }
  larger.loadStateDict(weights)
  const { pos_embed: fitted } = larger.stateDict()
  expect(fitted!.data.slice(0, 192)).toEqual(weights.pos_embed.data.slice(0, 192))
  await expect(larger.forward(hashImages("x0", [1, 3, 224, 224]))).rejects.toThrow("H and W of 64")
  expect(() => larger.network.macs(224, 224)).toThrow("images must have 64 x 64 pixels, got 224 x 224")
})

test("the size in the config is that of the images, and another inputSize beside it is refused", async () => {
  const { dataConfig } = await createModel("vit", {
    config: { ...small, imgSize: 32 },
    preprocessing: { inputSize: 224 },
  })
  expect(dataConfig.inputSize).toBe(32)
  const both = createModel("vit", { config: { ...small, imgSize: 32 }, inputSize: 64 })
  await expect(both).rejects.toThrow("inputSize 64 and imgSize 32 in the config of vit disagree: give one of them")
})

test("first values are timm's: small tokens, PyTorch's uniform patch embedding, linear layers of 0.02, layer scale", () => {
  const state = network("vit", { ...small, embedDim: 48, distilled: true, initValues: 1e-4 }).initialize(0)
  const deviation = (name: string) => {
    const data = state[name]!.data as Float32Array
    return Math.sqrt(data.reduce((sum, value) => sum + value * value, 0) / data.length)
  }
  // Three deviations of the estimate for the smallest, which has 48 elements.
  const near = (name: string, expected: number) =>
    expect(Math.abs(deviation(name) / expected - 1), name).toBeLessThan(0.3)
  near("cls_token", 1e-6)
  near("dist_token", 0.02)
  near("pos_embed", 0.02)
  near("blocks.3.attn.qkv.weight", 0.02)
  near("head_dist.weight", 0.02)
  // Uniform within 1 / sqrt(3 * 4 * 4).
  const bound = 1 / Math.sqrt(48)
  near("patch_embed.proj.weight", bound / Math.sqrt(3))
  near("patch_embed.proj.bias", bound / Math.sqrt(3))
  expect(Math.max(...(state["patch_embed.proj.weight"]!.data as Float32Array))).toBeLessThanOrEqual(bound)
  expect(new Set(state["blocks.0.ls1.gamma"]!.data as Float32Array)).toEqual(new Set([Math.fround(1e-4)]))
  expect(deviation("blocks.0.mlp.fc1.bias")).toBe(0)
})

describe("in training", () => {
  const rates = { dropRate: 0.1, posDropRate: 0.2, projDropRate: 0.3, attnDropRate: 0.4 }

  test("each drop rate acts where timm has it", () => {
    const context = new TrainingContext("N")
    network("vit", { ...small, depth: 1, ...rates }).trace("N", 16, 16, context)
    const dropouts = context.dropouts.map(({ rate, shape }) => [rate, shape])
    expect(dropouts).toEqual([
      [0.2, ["N", 17, 12]],
      [0.4, ["N", 3, 17, 17]],
      [0.3, ["N", 17, 12]],
      [0.3, ["N", 17, 48]],
      [0.3, ["N", 17, 12]],
      [0.1, ["N", 12]],
    ])
  })

  test("both branches of a block are dropped at its rate", () => {
    const context = new TrainingContext("N")
    network("vit", { ...small, dropPathRate: 0.3 }).trace("N", 16, 16, context)
    const dropped = context.dropPaths.map(({ rate }) => Math.round(rate * 1e6) / 1e6)
    expect(dropped).toEqual([0.1, 0.1, 0.2, 0.2, 0.3, 0.3])
  })

  test("steps with all of them lower the loss", async () => {
    const config = { ...small, ...rates, dropPathRate: 0.2, initValues: 0.1 }
    const model = await createModel("vit", { config, threads: 1 })
    const trainer = await createTrainer(model, { optimizer: { name: "adamw", lr: 3e-3 } })
    const batch = {
      images: hashImages("x0", [4, 3, 16, 16]),
      targets: ndarray(Int32Array.of(0, 1, 2, 3), [4], "int32"),
    }
    const losses: number[] = []
    for (let step = 0; step < 30; step++) losses.push((await trainer.step(batch)).loss)
    expect(losses.at(-1)).toBeLessThan(0.8 * losses[0]!)
    await trainer.dispose()
    await model.dispose()
  })
})

test.each([
  [{ numHeads: 5 }, "numHeads must divide embedDim, got numHeads 5 for embedDim 12"],
  [{ imgSize: 3 }, "imgSize must be at least patchSize 4, got 3"],
  [{ depth: 0 }, "depth must be a whole number of at least 1, got 0"],
  [{ regTokens: -1 }, "regTokens must be a whole number of at least 0, got -1"],
  [{ globalPool: "max" }, 'globalPool must be "token" or "avg", got max'],
  [{ classToken: false }, 'globalPool "token" needs classToken true'],
  [{ attnDropRate: 1 }, "attnDropRate must be at least 0 and below 1, got 1"],
  [{ qkvBias: "yes" }, "qkvBias must be true or false, got yes"],
  [{ fcNorm: 1 }, "fcNorm must be true, false or null, got 1"],
  [{ initValues: 0 }, "initValues must be a number other than 0, or null for no layer scale, got 0"],
  [{ normEps: 0 }, "normEps must be a number above 0, got 0"],
  [{ mlpRatio: 0.01 }, "mlpRatio must leave the MLP a channel, got 0.01 of embedDim 12"],
  [{ distilled: true, regTokens: 1 }, 'distilled goes with globalPool "token" alone'],
])("%o is refused", (config, message) => {
  expect(() => describeModel("vit", { ...small, ...config })).toThrow(message)
})
