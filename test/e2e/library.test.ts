/** The same work from code. */

import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { InferenceSession } from "onnxruntime-node"
import { beforeAll, describe, expect, test, vi } from "vitest"
import {
  createModel,
  type EpochRecord,
  evaluate,
  exportOnnx,
  InputError,
  loadRun,
  predict,
  type TrainResult,
  type TrainStart,
  type TrainStep,
  train,
  UsageError,
} from "../../src/index.ts"
import { Model } from "../../src/models/model.ts"
import { colourPicture, sharedFolder, writeColourFolder, writeFile } from "../support/images.ts"

const folder = sharedFolder()
const data = join(folder, "colours")
const run = join(folder, "run")
const config = { depths: [1, 1, 1, 1], dims: [8, 16, 16, 32], kernelSizes: 3, patchSize: 2 }
const makeModel = (numClasses = 3) => createModel("convnext", { config, numClasses, inputSize: 32 })

const starts: TrainStart[] = []
const steps: TrainStep[] = []
const epochs: EpochRecord[] = []
const messages: string[] = []
let model: Model
let result: TrainResult
beforeAll(async () => {
  await writeColourFolder(data, { red: 10, green: 10, blue: 10 })
  model = await makeModel()
  result = await train(model, {
    data,
    out: run,
    epochs: 8,
    batchSize: 8,
    lr: 0.01,
    onStart: (start) => starts.push(start),
    onStep: (step) => steps.push(step),
    onEpoch: (record) => epochs.push(record),
    onMessage: (message) => messages.push(message),
  })
})

describe("train with a model", () => {
  test("tells of the start, every step, every epoch and what it found", () => {
    const parameters = model.parameterCount
    const counts = {
      parameters,
      trainedParameters: parameters,
      epochs: 8,
      firstEpoch: 1,
      stepsPerEpoch: 3,
      accumulate: 1,
    }
    expect(starts).toEqual([{ folder: run, model: "convnext", ...counts }])
    expect(steps.map(({ epoch, step }) => [epoch, step])).toEqual(
      Array.from({ length: 24 }, (_, i) => [1 + Math.floor(i / 3), 1 + (i % 3)]),
    )
    for (const { loss, lr, gradNorm, imagesPerSecond } of steps) {
      for (const value of [loss, lr, gradNorm, imagesPerSecond]) expect(value).toBeGreaterThan(0)
    }
    expect(epochs).toEqual(result.epochs)
    expect(epochs.map(({ epoch, step }) => [epoch, step])).toEqual(epochs.map((_, i) => [i + 1, 3 * (i + 1)]))
    expect(messages).toEqual([
      "image folder, 3 classes, 24 images to learn from, 6 to measure on (20% of each class)",
      expect.stringMatching(/^computing on \S+: /),
    ])
  })

  test("changes it in place to the best weights, and knows its classes then", () => {
    expect(result).toMatchObject({ folder: run, stopped: "done", onnxPath: join(run, "model.onnx") })
    expect(result.best.top1).toBe(1)
    expect(epochs.at(-1)!.trainLoss).toBeLessThan(epochs[0]!.trainLoss / 1.5)
    expect(model.classes).toEqual(["blue", "green", "red"])
    expect(readdirSync(run)).toContain("report.html")
  })

  test("the run holds that model: its architecture, size and weights", async () => {
    const loaded = await loadRun(run)
    expect(loaded.config).toEqual(model.config)
    expect(loaded.dataConfig).toMatchObject({ inputSize: 32, channels: 3 })
    expect(loaded.stateDict()).toEqual(model.stateDict())
    const last = await loadRun(run, { checkpoint: "last" })
    expect(last.name).toBe("convnext")
    expect(await loadRun(join(run, "best.safetensors")).then(({ classes }) => classes)).toEqual(model.classes)
  })

  test("a model of colours takes gray images, and its own normalisation is used throughout", async () => {
    const preprocessing = { mean: [0.1, 0.2, 0.3], std: [0.5, 0.6, 0.7], cropPct: 1 }
    const own = await createModel("convnext", { config, numClasses: 10, inputSize: 32, preprocessing })
    const out = join(folder, "gray")
    const { epochs: records } = await train(own, { out, epochs: 1, batchSize: 16, limitBatches: 3 })
    const loaded = await loadRun(out)
    expect(loaded.dataConfig).toMatchObject({ ...preprocessing, channels: 3 })
    expect(Number.isFinite(records[0]!.valLoss)).toBe(true)
  })
})

describe("a signal", () => {
  test("that is aborted already stops before the first step", async () => {
    const out = join(folder, "never")
    const seen: TrainStep[] = []
    const stopped = await train(undefined, {
      data,
      out,
      imageSize: 8,
      signal: AbortSignal.abort(),
      onStep: (step) => seen.push(step),
    })
    expect(stopped).toMatchObject({ stopped: "signal", epochs: [] })
    expect(stopped.onnxPath).toBeUndefined()
    expect(seen).toEqual([])
    expect(readdirSync(out)).toContain("state.json")
  })

  test("that comes in an epoch stops after the step, and the run goes on from there", async () => {
    const out = join(folder, "stopped")
    const stop = new AbortController()
    const seen: TrainStep[] = []
    const onStep = (step: TrainStep) => {
      seen.push(step)
      if (seen.length === 4) stop.abort()
    }
    const options = { data, out, imageSize: 8, batchSize: 8, epochs: 3, onStep }
    const first = await train(undefined, { ...options, signal: stop.signal })
    expect(first).toMatchObject({ stopped: "signal" })
    expect(first.epochs).toHaveLength(1)
    const second = await train(undefined, { resume: out, onStep })
    expect(second).toMatchObject({ stopped: "done" })
    expect(second.epochs.map(({ epoch }) => epoch)).toEqual([1, 2, 3])
    expect(seen.map(({ epoch, step }) => `${epoch}.${step}`).join(" ")).toBe("1.1 1.2 1.3 2.1 2.2 2.3 3.1 3.2 3.3")
  })
})

test("a run that cannot begin leaves nothing behind", async () => {
  const preprocessing = { mean: [0.5, 0.5], std: [0.5, 0.5] }
  const odd = await createModel("convnext", { config, numClasses: 3, inputSize: 32, preprocessing })
  await expect(train(odd, { data, out: join(folder, "odd") })).rejects.toThrow(UsageError)
  expect(readdirSync(folder)).not.toContain("odd")
})

test("a model is disposed of by who made it", async () => {
  const dispose = vi.spyOn(Model.prototype, "dispose")
  await train(await makeModel(), { data, out: join(folder, "given"), fastDevRun: true })
  expect(dispose).not.toHaveBeenCalled()
  await train(undefined, { data, out: join(folder, "made"), fastDevRun: true, imageSize: 8 })
  expect(dispose).toHaveBeenCalledOnce()
  dispose.mockRestore()
})

test("throughput counts the images that there are, also where they do not fill a batch", async () => {
  const steps: TrainStep[] = []
  const options = { data, out: join(folder, "one batch"), epochs: 1, imageSize: 8, batchSize: 99 }
  const { epochs } = await train(undefined, { ...options, onStep: (step) => steps.push(step) })
  expect(steps).toHaveLength(1)
  expect(epochs[0]!.imagesPerSecond).toBeCloseTo(steps[0]!.imagesPerSecond, 6)
})

test("patience stops a run that gets no better", async () => {
  const out = join(folder, "patient")
  // A rate that changes nothing: the first epoch stays the best.
  const patient = await train(undefined, { data, out, imageSize: 8, epochs: 9, patience: 2, lr: 1e-12, minLr: 0 })
  expect(patient.stopped).toBe("patience")
  expect(patient.epochs).toHaveLength(3)
  expect(patient.best.epoch).toBe(1)
})

describe("predict", () => {
  test("takes a path and the bytes of a file, with the same result", async () => {
    const path = join(folder, "red.png")
    const bytes = await colourPicture("red", 77).png().toBuffer()
    writeFile(path, bytes)
    const fromPath = await predict(model, path, { topK: 2 })
    expect(fromPath).toHaveLength(2)
    expect(fromPath[0]).toMatchObject({ label: "red", index: 2 })
    expect(await predict(model, new Uint8Array(bytes), { topK: 2 })).toEqual(fromPath)
    const all = await predict(model, bytes)
    expect(all).toHaveLength(3)
    expect(all.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 5)
  })

  test("of many files tells what is wrong with each, or throws with strict", async () => {
    const good = join(data, "blue", "0.png")
    const files = [good, join(folder, "none.png"), good]
    const results = await predict(model, files, { batchSize: 2, topK: 1 })
    expect(results.map(({ file }) => file)).toEqual(files)
    expect(results.map(({ predictions }) => predictions[0]?.label)).toEqual(["blue", undefined, "blue"])
    expect(results[1]!.error).toBe(`cannot read image ${files[1]}: there is no such file`)
    await expect(predict(model, files, { strict: true })).rejects.toThrow(InputError)
    expect(await predict(model, [])).toEqual([])
  })

  test("throws for what is no image and for numbers that make no sense", async () => {
    await expect(predict(model, new TextEncoder().encode("no image"))).rejects.toThrow(InputError)
    await expect(predict(model, join(folder, "none.png"))).rejects.toThrow("there is no such file")
    await expect(predict(model, join(data, "red", "0.png"), { topK: 0 })).rejects.toThrow(
      new UsageError("topK must be a whole number of at least 1, got 0"),
    )
  })
})

describe("evaluate", () => {
  test("measures a model on a folder", async () => {
    const evaluation = await evaluate(model, data)
    expect(evaluation).toMatchObject({ top1: 1, top5: 1, count: 30, classes: ["blue", "green", "red"], skipped: [] })
    expect(evaluation.confusion).toEqual([
      [10, 0, 0],
      [0, 10, 0],
      [0, 0, 10],
    ])
  })

  test("measures what a run held out of the images that it learned from, if it is named", async () => {
    const { count, top1, warnings } = await evaluate(model, data, { run })
    expect({ count, top1 }).toEqual({ count: 6, top1: result.best.top1 })
    expect(warnings).toEqual([
      `${run} learned from the other images of ${data}: only the 6 that it held out are measured`,
    ])
    const others = await writeColourFolder(join(folder, "others"), { red: 2, blue: 2 })
    expect(await evaluate(model, others, { run })).toMatchObject({ count: 4, warnings: [] })
    await expect(evaluate(model, data, { run: data })).rejects.toThrow(/colours is no run/)
  })

  test("needs class names, and classes that it knows", async () => {
    await expect(evaluate(await makeModel(), data)).rejects.toThrow(
      new UsageError("convnext has no class names: load a run, or create it with classes"),
    )
    const other = await writeColourFolder(join(folder, "other"), { red: 2, "light green": 2 })
    await expect(evaluate(model, other)).rejects.toThrow(/other has classes that the model does not know: light green/)
    await expect(evaluate(model, data, { limit: 0 })).rejects.toThrow(UsageError)
  })
})

test("exportOnnx writes a model of this very moment, and says how near it is", async () => {
  const path = join(folder, "model.onnx")
  const { bytes, maxDifference } = await exportOnnx(model, path)
  expect(bytes).toBe(readFileSync(path).length)
  expect(maxDifference).toBeLessThan(1e-4)
  const session = await InferenceSession.create(path)
  expect({ inputs: session.inputNames, outputs: session.outputNames }).toEqual({
    inputs: ["images"],
    outputs: ["logits"],
  })
  await session.release()
  await expect(exportOnnx(model, join(folder, "none", "model.onnx"))).rejects.toThrow(InputError)
})

describe("wrong calls", () => {
  test.each<[string, () => Promise<unknown>, new (message: string) => Error, string | RegExp]>([
    [
      "a model with other classes than the data",
      async () => train(await makeModel(5), { data }),
      UsageError,
      "the model has 5 classes and the data 3: call model.resetClassifier(3)",
    ],
    [
      "a model and the name of one",
      async () => train(await makeModel(), { data, model: "convnext_mini" }),
      UsageError,
      "model is the model's own: give it to createModel, not to train (convnext)",
    ],
    [
      "a model and a size for it",
      async () => train(await makeModel(), { data, imageSize: 64 }),
      UsageError,
      "imageSize is the model's own: give it to createModel, not to train (convnext)",
    ],
    [
      "a model for a run that is resumed",
      async () => train(await makeModel(), { resume: run }),
      UsageError,
      "a run that is resumed has its own model: call train(undefined, { resume })",
    ],
    [
      "an option out of range",
      () => train(undefined, { epochs: 0 }),
      UsageError,
      /^epochs must be a whole number of at least 1/,
    ],
    [
      "an unknown option",
      () => train(undefined, { ["epoch" as "epochs"]: 1 }),
      UsageError,
      "unknown option epoch, did you mean epochs?",
    ],
    [
      "a folder that is not there",
      () => train(undefined, { data: join(folder, "none") }),
      InputError,
      /there is no such folder/,
    ],
    ["no run", () => loadRun(data), InputError, /colours is no run: it has no config\.yaml/],
    ["no run at all", () => loadRun(join(folder, "none")), InputError, /^there is no run at .*none$/],
    ["an unknown model", () => createModel("convnext_tny"), UsageError, /did you mean convnext_tiny/],
    [
      "an unknown field",
      () => createModel("convnext", { config: { depth: [1] } }),
      UsageError,
      /no option depth, did you mean depths\?/,
    ],
  ])("%s", async (_, call, kind, message) => {
    const error: unknown = await call().catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(kind)
    expect((error as Error).message).toMatch(message)
  })
})
