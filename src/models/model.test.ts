import { describe, expect, test } from "vitest"
import { expectClose, expectSameBits, largest, randomArray } from "../../test/support/arrays.ts"
import { createModel, listModels, loadCheckpoint, type StateDict } from "../index.ts"
import { InputError, UsageError } from "../tensor/errors.ts"
import { evaluate } from "../tensor/evaluate.ts"
import { ndarray, zeros } from "../tensor/ndarray.ts"

const config = { depths: [1, 2], dims: [16, 32], patchSize: 2, lsInitValue: 0.1 }
const small = (options: Parameters<typeof createModel>[1] = {}) =>
  createModel("convnext", {
    numClasses: 5,
    inputSize: 16,
    threads: 1,
    ...options,
    config: { ...config, ...options.config },
  })
const zerosLike = (state: StateDict): StateDict =>
  Object.fromEntries(Object.entries(state).map(([name, { shape, dtype }]) => [name, zeros(shape, dtype)]))
const images = randomArray([2, 16, 12, 3], "images")

describe("a model", () => {
  test("refuses weights that do not fill their shape, and stays as it was", async () => {
    const model = await small()
    const before = model.stateDict()
    const bias = { shape: [5], dtype: "float32" as const, data: new Float32Array(3) }
    const given = { ...zerosLike(before), "head.fc.bias": bias }
    for (const strict of [true, false]) {
      expect(() => model.loadStateDict(given, { strict })).toThrow(
        "head.fc.bias [5] needs 5 values, but its data has 3",
      )
      expect(() => loadCheckpoint(model, given, { strict })).toThrow(InputError)
    }
    expect(model.stateDict()).toEqual(before)
  })

  test("computes what its graph says in float64", async () => {
    const model = await small()
    const { features, preLogits, logits } = model.network.trace("N", 16, 12)
    const expected = evaluate({ features, preLogits, logits }, { ...model.stateDict(), images })
    expectClose("logits", await model.forward(images), expected.logits!, 1e-5)
    const map = await model.forwardFeatures(images)
    expectClose("features", map, expected.features!, 1e-5)
    expectClose("pooled", await model.forwardHead(map, { preLogits: true }), expected.preLogits!, 1e-5)
    expectClose("logits of features", await model.forwardHead(map), await model.forward(images), 1e-6)
    await model.dispose()
  })

  test("takes batches and images of any size, and the same bits come out again", async () => {
    const model = await small()
    const sizes = [
      [1, 16, 16],
      [3, 16, 16],
      [2, 4, 4],
      [1, 9, 23],
      [1, 20, 8],
      [1, 8, 20],
    ] as const
    const results = []
    for (const [n, height, width] of sizes) {
      const logits = await model.forward(randomArray([n, height, width, 3], `${n}`))
      expect(logits.shape).toEqual([n, 5])
      results.push(logits)
    }
    // The first size is compiled anew by now: the cache holds four.
    expectSameBits("logits", await model.forward(randomArray([1, 16, 16, 3], "1")), results[0]!)
    await model.dispose()
  })

  test("a sample's logits do not depend on the others in its batch", async () => {
    const model = await small()
    const batch = await model.forward(images)
    for (let n = 0; n < 2; n++) {
      const one = ndarray(images.data.slice(n * 576, n * 576 + 576), [1, 16, 12, 3])
      const alone = await model.forward(one)
      expectClose("logits", alone, ndarray((batch.data as Float32Array).slice(n * 5, n * 5 + 5), [1, 5]), 1e-5)
    }
    await model.dispose()
  })

  test("can be used again after it was disposed of", async () => {
    const model = await small()
    const before = await model.forward(images)
    await model.dispose()
    expectSameBits("logits", await model.forward(images), before)
    await model.dispose()
  })

  test("refuses images that do not fit and says what it takes", async () => {
    const model = await small()
    const expected = "forward: images must be float32 [N, H, W, 3] with H and W of at least 4, got float32 "
    await expect(model.forward(zeros([1, 16, 16, 1]))).rejects.toThrow(`${expected}[1, 16, 16, 1]`)
    await expect(model.forward(zeros([16, 16, 3]))).rejects.toThrow(`${expected}[16, 16, 3]`)
    await expect(model.forward(zeros([1, 3, 16, 3]))).rejects.toThrow(`${expected}[1, 3, 16, 3]`)
    await expect(model.forward(zeros([0, 16, 16, 3]))).rejects.toThrow(RangeError)
    await expect(model.forward(zeros([1, 16, 16, 3], "uint8"))).rejects.toThrow("got uint8 [1, 16, 16, 3]")
  })
})

describe("the state dict", () => {
  test("is a copy", async () => {
    const model = await small()
    const state = model.stateDict()
    state["head.fc.bias"]!.data[0] = 7
    state["head.fc.bias"]!.shape[0] = 99
    expect(model.stateDict()["head.fc.bias"]).toEqual(zeros([5]))
  })

  test("loaded into another model gives the same logits, also after an earlier forward pass", async () => {
    const [first, second] = [await small({ seed: 1 }), await small({ seed: 2 })]
    const wanted = await first.forward(images)
    expect(await second.forward(images)).not.toEqual(wanted)
    second.loadStateDict(first.stateDict())
    expectSameBits("logits", await second.forward(images), wanted)
    expectSameBits("logits", await (await small({ weights: first.stateDict() })).forward(images), wanted)
  })

  test("may come in float64", async () => {
    const model = await small()
    const bias = ndarray(Float64Array.of(1, 2, 3, 4, 5), [5], "float64")
    model.loadStateDict({ ...model.stateDict(), "head.fc.bias": bias })
    expect([...(model.stateDict()["head.fc.bias"]!.data as Float32Array)]).toEqual([1, 2, 3, 4, 5])
  })

  test("that does not fit is refused with all that is wrong, and nothing is changed", async () => {
    const model = await small()
    const before = model.stateDict()
    const { "stem.0.bias": _, ...rest } = model.stateDict()
    const dict = {
      ...rest,
      "head.fc.weight": zeros([7, 32]),
      "layer4.conv1": zeros([1]),
      "stem.1.bias": ndarray(new Float32Array(16).fill(9)),
    }
    const load = () => model.loadStateDict(dict)
    expect(load).toThrow(InputError)
    expect(load).toThrow("the weights do not fit convnext: ")
    expect(load).toThrow("stem.0.bias [16] is missing")
    expect(load).toThrow("head.fc.weight is [7, 32] where [5, 32] is expected")
    expect(load).toThrow("layer4.conv1 is not in the model")
    expect(model.stateDict()).toEqual(before)
  })

  test("of another model entirely is refused in a few words", async () => {
    const model = await small()
    expect(() => model.loadStateDict({})).toThrow(/; and \d+ more$/)
  })

  test("without strict takes what fits, and says what that is", async () => {
    const model = await small()
    const { "head.fc.weight": weight, "stem.0.bias": _, ...rest } = model.stateDict()
    const bias = ndarray([1, 2, 3, 4, 5])
    const dict = { ...rest, "head.fc.bias": bias, "head.fc.weight": zeros([4, 32]), unknown: bias }
    expect(model.loadStateDict(dict, { strict: false })).toEqual({
      loaded: Object.keys(model.stateDict()).filter((name) => !["head.fc.weight", "stem.0.bias"].includes(name)),
      missing: ["stem.0.bias"],
      unexpected: ["unknown"],
      mismatched: ["head.fc.weight"],
    })
    expect(model.stateDict()["head.fc.bias"]).toEqual(bias)
    expect(model.stateDict()["head.fc.weight"]).toEqual(weight)
  })

  test("in half precision is widened", async () => {
    const model = await small()
    const halves = {
      float16: [0x3c00, 0xc000, 0x3555, 0x0001, 0],
      bfloat16: [0x3f80, 0xc000, 0x3eab, 0x3380, 0],
    } as const
    for (const [dtype, third] of [
      ["float16", 0.333251953125],
      ["bfloat16", 0.333984375],
    ] as const) {
      model.loadStateDict({ ...model.stateDict(), "head.fc.bias": ndarray(halves[dtype], [5], dtype) })
      expect(model.stateDict()["head.fc.bias"]).toEqual(ndarray([1, -2, third, 2 ** -24, 0]))
    }
  })
})

describe("resetClassifier", () => {
  test("puts a fresh classifier in place and keeps all else", async () => {
    const model = await small({ classes: ["a", "b", "c", "d", "e"], seed: 3 })
    const before = model.stateDict()
    await model.forward(images)
    model.resetClassifier(3, { classes: ["x", "y", "z"] })
    const after = model.stateDict()
    expect(Object.keys(after)).toEqual(Object.keys(before))
    for (const name of Object.keys(before)) {
      if (!name.startsWith("head.fc.")) expect(after[name], name).toEqual(before[name])
    }
    expect(after["head.fc.weight"]!.shape).toEqual([3, 32])
    expect(largest(after["head.fc.weight"]!)).toBeGreaterThan(0)
    expect([model.numClasses, model.classes]).toEqual([3, ["x", "y", "z"]])
    expect((await model.forward(images)).shape).toEqual([2, 3])
  })

  test("depends on its seed", async () => {
    const weights = await Promise.all(
      [0, 0, 1].map(async (seed) => {
        const model = await small()
        model.resetClassifier(3, { seed })
        return model.stateDict()["head.fc.weight"]
      }),
    )
    expect(weights[0]).toEqual(weights[1])
    expect(weights[0]).not.toEqual(weights[2])
  })

  test("may take the classifier away", async () => {
    const model = await small()
    model.resetClassifier(0)
    expect((await model.forward(images)).shape).toEqual([2, 32])
  })

  test("refuses numbers that make no sense, and other class names", async () => {
    const model = await small()
    expect(() => model.resetClassifier(-1)).toThrow(UsageError)
    expect(() => model.resetClassifier(3, { classes: ["a"] })).toThrow("1 class names were given for 3 classes")
    expect(model.numClasses).toBe(5)
  })
})

describe("what a model tells of itself", () => {
  test("the summary's rows sum up to its parameters and multiply-accumulates", async () => {
    const model = await createModel("convnext_mini", { numClasses: 10 })
    const rows = model.summary()
    const total = (field: "parameters" | "macs") => rows.reduce((sum, row) => sum + row[field], 0)
    expect(total("parameters")).toBe(model.parameterCount)
    expect(total("macs")).toBe(model.macs())
    expect(rows[0]).toMatchObject({ name: "stem.0", type: "Conv2d", outputShape: ["N", 16, 16, 32] })
    expect(rows.at(-1)).toMatchObject({
      name: "head.fc",
      type: "Linear",
      outputShape: ["N", 10],
      parameters: 1290,
      macs: 1280,
    })
    expect(rows.find(({ name }) => name === "stages.0.blocks.0")).toMatchObject({
      type: "ConvNeXtBlock",
      parameters: 32,
      macs: 0,
    })
    expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length)
  })

  test("the summary of images that are not square has their shapes", async () => {
    const model = await small()
    expect(model.summary([16, 8])[0]!.outputShape).toEqual(["N", 8, 4, 16])
    expect(model.macs([16, 8])).toBe(model.macs([8, 16]))
    expect(model.macs(16)).toBe(model.macs([16, 16]))
  })

  test("its layer groups hold every parameter once, the stem first and the head last", async () => {
    const model = await small()
    const groups = model.layerGroups()
    expect(groups).toHaveLength(5)
    expect(groups.flat().sort()).toEqual(Object.keys(model.stateDict()).sort())
    expect(groups[0]).toEqual(["stem.0.weight", "stem.0.bias", "stem.1.weight", "stem.1.bias"])
    expect(groups[2]).toContain("stages.1.downsample.1.weight")
    expect(groups[4]).toEqual(["head.norm.weight", "head.norm.bias", "head.fc.weight", "head.fc.bias"])
  })

  test("its data config says how images are prepared, with what was given", async () => {
    const model = await small({ preprocessing: { cropPct: 0.9 }, inChannels: 3 })
    expect(model.dataConfig).toMatchObject({ inputSize: 16, channels: 3, cropPct: 0.9, interpolation: "bicubic" })
    expect((await createModel("convnext_mini")).dataConfig).toMatchObject({ inputSize: 32, cropPct: 1 })
  })
})

describe("createModel", () => {
  test("takes the number of classes from their names", async () => {
    const model = await createModel("convnext", { config, classes: ["cat", "dog"] })
    expect([model.numClasses, model.classes]).toEqual([2, ["cat", "dog"]])
  })

  test.each<[Parameters<typeof createModel>[1], string]>([
    [{ classes: ["a", "b"], numClasses: 3 }, "2 class names were given for 3 classes"],
    [{ threads: 0 }, "threads must be a whole number of at least 1, got 0"],
    [{ inputSize: 2 }, "inputSize of convnext must be a whole number of at least 4, got 2"],
    [{ inputSize: 16.5 }, "inputSize of convnext must be a whole number"],
    [{ device: "tpu" }, 'unknown device "tpu"'],
    [{ pretrained: true } as object, 'createModel has no option pretrained, did you mean weights: "pretrained"?'],
    [{ numclasses: 3 } as object, "createModel has no option numclasses, did you mean numClasses?"],
    [{ colour: 3 } as object, "createModel has no option colour; it knows weights, numClasses"],
    [{ featureOnly: true } as object, "createModel has no option featureOnly, did you mean featuresOnly?"],
    [{ outIndices: [1] } as object, "outIndices has no meaning without featuresOnly: true"],
    [{ weights: 42 } as object, "weights must be a name, a path or values by name, got 42"],
    [{ weights: null } as object, "weights must be a name, a path or values by name, got null"],
    [{ numClasses: -2 }, "numClasses must be a whole number of at least 0, got -2"],
  ])("refuses %o", async (options, message) => {
    const made = createModel("convnext", { config, ...options })
    await expect(made).rejects.toThrow(UsageError)
    await expect(made).rejects.toThrow(message)
  })

  test("of an unknown name suggests the nearest", async () => {
    await expect(createModel("convnext_tinny")).rejects.toThrow(
      "there is no model convnext_tinny, did you mean convnext_tiny",
    )
  })
})

describe("listModels", () => {
  test("tells of all models, or of those that match", () => {
    const all = listModels()
    const tiny = all.find(({ name }) => name === "convnext_tiny")
    expect(tiny).toMatchObject({ family: "convnext", parameters: 28_589_128, macs: 4_455_531_264, inputSize: 224 })
    expect(listModels("*next_tin?").map(({ name }) => name)).toEqual(["convnext_tiny"])
    expect(listModels("CONVNEXT_MINI")).toHaveLength(1)
    expect(listModels("tiny")).toEqual([])
    expect(listModels("convnext.tiny")).toEqual([])
  })
})
