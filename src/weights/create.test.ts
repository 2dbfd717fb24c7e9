import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { createModel, InputError, loadTensors, saveSafetensors } from "../index.ts"
import { saveModel } from "../run/checkpoint.ts"
import { exportHuggingFace } from "../run/export-huggingface.ts"

const config = { depths: [1, 1, 1, 1], dims: [8, 16, 24, 32] }
const preprocessing = { mean: [0.1, 0.2, 0.3], std: [0.4, 0.5, 0.6], interpolation: "bilinear", cropPct: 1 } as const
const make = () =>
  createModel("convnext", { config, classes: ["cat", "dog"], inputSize: 64, preprocessing, threads: 1 })

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "convnext-create-"))
  await exportHuggingFace(await make(), join(folder, "huggingface"), {})
  await saveModel(join(folder, "best.safetensors"), await make())
})
afterAll(() => rm(folder, { recursive: true }))

const cases = [
  ["a folder of transformers", "huggingface"],
  ["a file in such a folder", "huggingface/model.safetensors"],
  ["the folder of a run", "."],
  ["a checkpoint of a run", "best.safetensors"],
]
test.each(cases)("%s says the config of a family, classes and preprocessing", async (_, path) => {
  const model = await createModel("convnext", { weights: join(folder, path!), threads: 1 })
  expect(model.stateDict()).toEqual((await make()).stateDict())
  expect(model.config).toMatchObject({ ...config, numClasses: 2 })
  expect(model.classes).toEqual(["cat", "dog"])
  expect(model.dataConfig).toEqual({ ...(await make()).dataConfig })
})

test("what is given comes before what the weights say", async () => {
  const weights = join(folder, "best.safetensors")
  const model = await createModel("convnext", { weights, inputSize: 96, preprocessing: { cropPct: 0.5 }, threads: 1 })
  expect(model.dataConfig).toMatchObject({ inputSize: 96, cropPct: 0.5, mean: [0.1, 0.2, 0.3] })
})

test("a classifier that is known to be for other classes is not kept under their names", async () => {
  const weights = join(folder, "best.safetensors")
  const messages: string[] = []
  const onMessage = (message: string) => messages.push(message)
  const model = await createModel("convnext", { weights, classes: ["oak", "elm"], seed: 7, onMessage })
  expect(messages).toEqual([expect.stringMatching(/knows other classes: .* gets a new one/)])
  expect(model.classes).toEqual(["oak", "elm"])
  expect(model.stateDict()["head.fc.weight"]).not.toEqual((await make()).stateDict()["head.fc.weight"])
  expect(model.stateDict()["stem.0.weight"]).toEqual((await make()).stateDict()["stem.0.weight"])
})

test("one whose classes nobody names is kept, and that is said", async () => {
  const messages: string[] = []
  const onMessage = (message: string) => messages.push(message)
  const weights = (await make()).stateDict()
  const model = await createModel("convnext", { config, weights, classes: ["oak", "elm"], onMessage })
  expect(messages).toEqual([expect.stringMatching(/no class names come with the weights: the classifier is kept/)])
  expect(model.stateDict()).toEqual(weights)
})

test("weights that claim to be of a far larger model are refused before memory is taken", async () => {
  const path = join(folder, "huggingface")
  const tensors = await loadTensors(path)
  const huge = join(folder, "huge")
  await exportHuggingFace(await make(), huge, {})
  await saveSafetensors(join(huge, "model.safetensors"), tensors)
  const claims = { model_type: "convnext", depths: [1, 1, 1, 1e9], hidden_sizes: [8, 16, 24, 32] }
  await writeFile(join(huge, "config.json"), JSON.stringify(claims))
  const created = createModel("convnext", { weights: huge })
  await expect(created).rejects.toThrow(InputError)
  await expect(created).rejects.toThrow(/describes a model of 1000000003 blocks/)
})
