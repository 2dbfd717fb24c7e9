import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { createModel, InputError, loadRun, loadTensors, type StateDict, saveSafetensors } from "../index.ts"
import { saveModel } from "./checkpoint.ts"

const config = { depths: [1, 1], dims: [8, 16], kernelSizes: 3, patchSize: 2 }

let folder: string
let weights: StateDict
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "convnext-checkpoint-"))
  const model = await createModel("convnext", { config, classes: ["a", "b"], inputSize: 16 })
  await saveModel(join(folder, "good.safetensors"), model)
  weights = await loadTensors(join(folder, "good.safetensors"))
})
afterAll(() => rm(folder, { recursive: true }))

/** A checkpoint with these weights, described as `changes` say. */
async function checkpoint(changes: { model?: string; config?: object; classes?: string[]; inputSize?: number }) {
  const { model = "convnext", classes = ["a", "b"], inputSize = 16 } = changes
  const description = {
    model,
    config: { ...config, ...changes.config },
    classes,
    preprocessing: {
      inputSize,
      interpolation: "bicubic",
      cropPct: 1,
      cropMode: "center",
      mean: [0.5, 0.5, 0.5],
      std: [0.5, 0.5, 0.5],
    },
  }
  const path = join(folder, "described.safetensors")
  await saveSafetensors(path, weights, { convnext: JSON.stringify(description) })
  return path
}

test("a checkpoint is read with nothing else at hand", async () => {
  const model = await loadRun(await checkpoint({}))
  expect(model.stateDict()).toEqual(weights)
  expect(model.classes).toEqual(["a", "b"])
})

describe("a description that is wrong is the file's fault, and takes no memory:", () => {
  test.each<[string, Parameters<typeof checkpoint>[0], RegExp]>([
    ["an unknown model", { model: "convnxt" }, /describes no model that can be built: there is no model convnxt/],
    [
      "an unknown field",
      { config: { depht: 1 } },
      /describes no model that can be built: convnext has no option depht/,
    ],
    ["a value out of range", { config: { dims: [8, -1] } }, /describes no model that can be built: dims must be/],
    ["a size too small", { inputSize: 1 }, /describes no model that can be built: inputSize .* at least 4, got 1/],
    ["ever so many blocks", { config: { depths: [1, 1e9] } }, /describes a model of 1000000001 blocks: more than 1000/],
    [
      "ever so wide layers",
      { config: { dims: [8, 1e9] } },
      /describes a model of \d+ parameters, but holds \d+ values/,
    ],
    ["ever so many classes", { classes: Array(1e5).fill("a") }, /parameters, but holds/],
    ["one block more than there are weights", { config: { depths: [1, 2] } }, /parameters, but holds \d+ values/],
  ])("%s", async (_, changes, message) => {
    const path = await checkpoint(changes)
    const error: unknown = await loadRun(path).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(InputError)
    expect((error as Error).message).toMatch(message)
    expect((error as Error).message).toContain(path)
  })
})
