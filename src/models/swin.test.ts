import { describe, expect, test } from "vitest"
import { expectClose, randomArray } from "../../test/support/arrays.ts"
import { dropPathFeeds, evaluation, keptSymbol, TrainingContext } from "../nn/context.ts"
import { bindShape } from "../tensor/dim.ts"
import { UsageError } from "../tensor/errors.ts"
import { evaluate } from "../tensor/evaluate.ts"
import { topologicalOrder } from "../tensor/graph.ts"
import { ndarray, sizeOf, zeros } from "../tensor/ndarray.ts"
import { applies, constantOp } from "../tensor/tensor.ts"
import { Network } from "./network.ts"
import { describeModel } from "./registry.ts"

const network = (name: string, config: Record<string, unknown> = {}) => new Network(describeModel(name, config))
const small = {
  imgSize: 32,
  patchSize: 2,
  windowSize: 4,
  embedDim: 16,
  depths: [2, 2],
  numHeads: [2, 4],
  numClasses: 5,
}

describe.each([
  ["swin_tiny_patch4_window7_224", 28_288_354, 4_490_566_656],
  ["swin_small_patch4_window7_224", 49_606_258, 8_740_875_264],
  ["swin_base_patch4_window7_224", 87_768_224, 15_430_946_816],
  ["swin_base_patch4_window12_384", 87_903_584, 47_083_134_976],
  ["swin_large_patch4_window7_224", 196_532_476, 34_475_759_616],
  ["swin_large_patch4_window12_384", 196_735_516, 103_919_087_616],
])("%s", (name, parameters, macs) => {
  test(`has ${parameters.toLocaleString("en")} parameters and ${(macs / 1e9).toFixed(3)} GMACs, as in timm`, () => {
    const model = network(name)
    const { inputSize } = model.description.preprocessing
    expect(model.parameterCount).toBe(parameters)
    expect(model.macs(inputSize, inputSize)).toBe(macs)
  })

  test("prepares images as timm does", () => {
    const [, size] = /_(\d+)$/.exec(name)!
    expect(describeModel(name).preprocessing).toEqual({
      inputSize: Number(size),
      interpolation: "bicubic",
      cropPct: size === "224" ? 0.9 : 1,
      cropMode: "center",
      mean: [0.485, 0.456, 0.406],
      std: [0.229, 0.224, 0.225],
    })
  })
})

describe("sizes", () => {
  test("an image gives maps at strides of 4, 8, 16 and 32, those of odd maps rounded up", () => {
    const model = network("swin_tiny_patch4_window7_224")
    const shapes = (height: number, width: number) =>
      model.root.forwardPyramid(model.images("N", height, width), evaluation).map(({ shape }) => shape)
    expect(model.root.featureInfo).toEqual([
      { channels: 96, stride: 4, module: "layers.0" },
      { channels: 192, stride: 8, module: "layers.1" },
      { channels: 384, stride: 16, module: "layers.2" },
      { channels: 768, stride: 32, module: "layers.3" },
    ])
    expect(shapes(224, 224)).toEqual([
      ["N", 56, 56, 96],
      ["N", 28, 28, 192],
      ["N", 14, 14, 384],
      ["N", 7, 7, 768],
    ])
    expect(shapes(301, 65)).toEqual([
      ["N", 75, 16, 96],
      ["N", 38, 8, 192],
      ["N", 19, 4, 384],
      ["N", 10, 2, 768],
    ])
  })

  test("the smallest image is one patch", () => {
    const { minimumSize } = describeModel("swin_tiny_patch4_window7_224")
    expect(minimumSize).toBe(4)
    expect(network("swin", small).trace("N", 2, 3).logits.shape).toEqual(["N", 5])
  })

  test("tables are as large as the windows of images of imgSize, along each axis", () => {
    const rows = (imgSize: unknown) =>
      [0, 1].map((stage) => {
        const name = `layers.${stage}.blocks.1.attn.relative_position_bias_table`
        return network("swin", { ...small, imgSize }).parameters.get(name)!.size
      })
    expect(rows(32)).toEqual([
      [49, 2],
      [49, 4],
    ])
    // Maps of 4 x 4 and 2 x 2; of 4 x 16 and 2 x 8.
    expect(rows(8)).toEqual([
      [49, 2],
      [9, 4],
    ])
    expect(rows([8, 32])).toEqual([
      [49, 2],
      [3 * 7, 4],
    ])
  })

  test("a graph holds the mask and the positions of a stage once, however many blocks it has", () => {
    const { logits } = network("swin", { ...small, depths: [6, 4] }).trace("N", 32, 32)
    const constants = topologicalOrder([logits]).filter(
      (node) => applies(node, constantOp) && node.outputs[0]!.rank > 0,
    )
    // [windows, 1, positions, positions], for maps of 16 x 16 and 8 x 8; and an index for each stage.
    expect(constants.map(({ outputs }) => outputs[0]!.shape)).toEqual([[256], [16, 1, 16, 16], [256], [4, 1, 16, 16]])
  })
})

test("merged patches lie one after the other column by column, as the checkpoints have them", () => {
  const model = network("swin", { ...small, imgSize: 4, embedDim: 1, numHeads: [1, 1], depths: [1, 1] })
  const merging = model.root.forwardPyramid(model.images(1, 4, 4), evaluation)
  const merged = topologicalOrder(merging).find(
    ({ scope, outputs }) => scope === "layers.1.downsample" && outputs[0]!.shape.join() === "1,1,1,4",
  )!
  const before = merging[0]!
  const feeds = { ...model.initialize(0), images: randomArray([1, 4, 4, 3], "images") }
  const { patches, merge } = evaluate({ patches: before, merge: merged.outputs[0]! }, feeds)
  const [topLeft, topRight, bottomLeft, bottomRight] = patches!.data
  expect([...merge!.data]).toEqual([topLeft, bottomLeft, topRight, bottomRight])
})

describe("first values", () => {
  const config = { ...small, embedDim: 32 }
  const state = network("swin", config).initialize(0)
  const deviation = (name: string) => {
    const { data } = state[name]!
    return Math.sqrt(Array.from(data as Float32Array).reduce((sum, x) => sum + x * x, 0) / data.length)
  }

  test("are timm's: deviation 0.02 of linear layers and tables, biases zero, norms the identity", () => {
    for (const [name, { shape, data }] of Object.entries(state)) {
      if (name.startsWith("patch_embed.proj.")) continue
      if (shape.length > 1) {
        expect(Math.abs(deviation(name) / 0.02 - 1), name).toBeLessThan(4 / Math.sqrt(2 * data.length))
      } else {
        const value = name.endsWith(".weight") ? 1 : 0
        expect([...(data as Float32Array)], name).toEqual(new Array(shape[0]).fill(value))
      }
    }
  })

  test("of the patch embedding are PyTorch's: uniform within 1 / sqrt(12)", () => {
    const bound = 1 / Math.sqrt(3 * 2 * 2)
    for (const name of ["patch_embed.proj.weight", "patch_embed.proj.bias"]) {
      const values = Array.from(state[name]!.data as Float32Array)
      expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(bound)
      expect(Math.abs((deviation(name) / bound) * Math.sqrt(3) - 1)).toBeLessThan(3 / Math.sqrt(values.length))
    }
  })
})

describe("in training", () => {
  test("both branches of a block are dropped at its rate, which grows from block to block", () => {
    const context = new TrainingContext("N")
    network("swin", { ...small, dropPathRate: 0.3 }).trace("N", 32, 32, context)
    const rates = context.dropPaths.map(({ rate }) => rate)
    expect(rates).toHaveLength(6)
    for (const [i, rate] of [0.1, 0.1, 0.2, 0.2, 0.3, 0.3].entries()) expect(rates[i]).toBeCloseTo(rate, 12)
  })

  test("dropout has its four places: attention weights, projections, MLPs, and before the classifier", () => {
    const context = new TrainingContext("N")
    const config = { ...small, depths: [1], numHeads: [2], dropRate: 0.1, projDropRate: 0.2, attnDropRate: 0.3 }
    const model = network("swin", config)
    model.root.forward(model.images("N", 32, 32), context)
    expect(context.dropouts.map(({ rate, shape }) => [rate, shape])).toEqual([
      [0.3, ["16*N", 2, 16, 16]],
      [0.2, ["N", 16, 16, 16]],
      [0.2, ["N", 16, 16, 64]],
      [0.2, ["N", 16, 16, 16]],
      [0.1, ["N", 16]],
    ])
  })

  test("a branch computes for the samples that keep it what it computes in evaluation", () => {
    const model = network("swin", { ...small, dropPathRate: 0.5, attnDropRate: 0.5, projDropRate: 0.5, depths: [1, 2] })
    const images = randomArray([2, 12, 20, 3], "images")
    const context = new TrainingContext("N")
    const { logits } = model.trace("N", 12, 20, context)
    const run = (factors: Float32Array) => {
      const kept = factors.filter((factor) => factor > 0).length
      const symbols = { N: 2, ...Object.fromEntries(context.dropPaths.map(({ name }) => [keptSymbol(name), kept])) }
      const dropouts = context.dropouts.map(({ name, shape }) => {
        const size = bindShape(shape, symbols)
        return { [name]: ndarray(new Float32Array(sizeOf(size)).fill(1), size) }
      })
      const paths = context.dropPaths.map((path) => dropPathFeeds(path, factors))
      return evaluate({ logits }, Object.assign({ ...model.initialize(0), images }, ...dropouts, ...paths)).logits!
    }
    const evaluated = evaluate({ logits: model.trace("N", 12, 20).logits }, { ...model.initialize(0), images }).logits!
    const row = (x: typeof evaluated, n: number) => ndarray([...x.data].slice(5 * n, 5 * n + 5).map(Number))
    expectClose("logits", run(Float32Array.of(1, 1)), evaluated, 1e-9)
    const second = run(Float32Array.of(0, 1))
    expectClose("the kept sample", row(second, 1), row(evaluated, 1), 1e-6)
    expect([...row(second, 0).data]).not.toEqual([...row(evaluated, 0).data])
  })
})

describe("weights made for other images", () => {
  const name = "layers.1.blocks.0.attn.relative_position_bias_table"

  test("get tables for this config's windows, also where they come in half precision", () => {
    const { adapt } = describeModel("swin", { ...small, imgSize: 8 })
    const table = randomArray([49, 4], "table")
    const ones = { shape: [49, 4], dtype: "float16" as const, data: new Uint16Array(196).fill(0x3c00) }
    expect(adapt({ [name]: table })[name]!.shape).toEqual([9, 4])
    expectClose("ones", adapt({ [name]: ones })[name]!, ndarray(new Float32Array(36).fill(1), [9, 4]), 1e-7)
  })

  test("stay as they are where they fit, also for windows that are not square", () => {
    // Maps of 4 x 28 and 2 x 14, windows of 4 x 14 and 2 x 14: 81 rows could be a square of 9 x 9.
    const { adapt, build } = describeModel("swin", { ...small, windowSize: 14, imgSize: [8, 56] })
    const { relativePositionBiasTable } = (build() as never as Stages).layers[1]!.blocks[0]!.attn
    expect(relativePositionBiasTable.size).toEqual([81, 4])
    const table = randomArray([81, 4], "table")
    expect(adapt({ [name]: table })[name]).toBe(table)
  })

  test("that are no tables of square windows are given back as they are, to be refused with their shapes", () => {
    const { adapt } = describeModel("swin", small)
    const odd = { [name]: zeros([50, 4]), "layers.7.blocks.0.attn.relative_position_bias_table": zeros([1, 1]) }
    expect(adapt(odd)[name]).toBe(odd[name])
  })

  test("lose what follows from the config", () => {
    const { adapt } = describeModel("swin", small)
    const old = {
      "layers.0.blocks.0.attn.relative_position_index": zeros([16, 16], "int64"),
      "layers.0.blocks.1.attn_mask": zeros([16, 16, 16]),
      "norm.bias": zeros([32]),
    }
    expect(Object.keys(adapt(old))).toEqual(["norm.bias"])
  })

  interface Stages {
    layers: { blocks: { attn: { relativePositionBiasTable: { size: number[] } } }[] }[]
  }
})

describe("a config that does not fit is a UsageError that names the field", () => {
  test.each<[Record<string, unknown>, string]>([
    [{ patchSize: 0 }, "patchSize must be a whole number of at least 1, got 0"],
    [{ embedDim: 9.5 }, "embedDim must be a whole number of at least 1, got 9.5"],
    [{ windowSize: "7" }, "windowSize must be a whole number"],
    [{ windowSize: [7, 7] }, "windowSize must be a whole number of at least 1, got 7,7"],
    [{ imgSize: 1 }, "imgSize must be one or two whole numbers of at least patchSize 2, got 1"],
    [{ imgSize: [32, 32, 3] }, "imgSize must be one or two whole numbers"],
    [{ imgSize: null }, "imgSize must be one or two whole numbers"],
    [{ depths: 2 }, "depths must be a list of whole numbers of at least 1, got 2"],
    [{ depths: [] }, "depths must be a list of whole numbers of at least 1, got []"],
    [{ depths: [2, 0] }, "depths must be a list of whole numbers of at least 1, got [2,0]"],
    [{ numHeads: [2, 2.5] }, "numHeads must be a list of whole numbers of at least 1, got [2,2.5]"],
    [{ numHeads: [2] }, "depths and numHeads must be equally long, got [2,2] and [2]"],
    [{ numHeads: [2, 5] }, "the 32 channels of stage 1 do not part into 5 heads"],
    [{ mlpRatio: 0 }, "mlpRatio must leave a channel, got 0"],
    [{ mlpRatio: Number.NaN }, "mlpRatio must leave a channel, got NaN"],
    [{ qkvBias: 1 }, "qkvBias must be true or false, got 1"],
    [{ dropRate: 1 }, "dropRate must be at least 0 and below 1, got 1"],
    [{ projDropRate: -0.1 }, "projDropRate must be at least 0 and below 1, got -0.1"],
    [{ attnDropRate: "0" }, "attnDropRate must be at least 0 and below 1, got 0"],
    [{ dropPathRate: 2 }, "dropPathRate must be at least 0 and below 1, got 2"],
    [{ window: 7 }, "swin has no option window"],
  ])("%o", (config, message) => {
    expect(() => describeModel("swin", { ...small, ...config })).toThrow(UsageError)
    expect(() => describeModel("swin", { ...small, ...config })).toThrow(message)
  })
})
