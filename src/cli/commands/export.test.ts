import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { createModel, loadTensors } from "../../index.ts"
import { exportModel } from "../../run/export-model.ts"
import type { ExportTarget } from "../../run/export-targets.ts"
import command from "./export.ts"

const folder = await mkdtemp(join(tmpdir(), "convnext-export-command-"))
const checkpoint = join(folder, "pets.safetensors")

beforeAll(async () => {
  const config = { depths: [1, 1, 1, 1], dims: [4, 4, 8, 8] }
  const model = await createModel("convnext", { config, classes: ["cat", "dog"], inputSize: 32, threads: 1 })
  await exportModel(model, checkpoint, { to: "safetensors" })
})
afterAll(() => rm(folder, { recursive: true }))

type Given = Parameters<typeof command.run>[1]["given"]

/** Runs the command as the command line does, and gives what it prints and notes. */
async function run(given: Given): Promise<{ text: string; json: unknown; notes: string[] }> {
  const notes: string[] = []
  const options = command.options.parse({ threads: 1, device: "cpu", ...given })
  const result = await command.run(options, { given, note: (line) => notes.push(line) })
  return { text: result.text(), json: result.json, notes }
}

test.each<[ExportTarget, string, RegExp]>([
  ["onnx", "pets.onnx", /pets\.onnx: .*B, logits within \d.*e[+-]\d+ of the model's$/],
  [
    "torchvision",
    "pets-torchvision.pth",
    /B, a state dict of torchvision\. In Python:\n {2}import torch\n.*\n {2}model = /,
  ],
  ["huggingface", "pets-huggingface", /B, a folder of transformers\. In Python:\n {2}from transformers import /],
  ["facebook", "pets-facebook.pth", /B, a checkpoint of facebookresearch\. In Python:\n {2}import torch\n/],
])("--to %s writes %s beside the checkpoint, and tells how to use it", async (to, name, text) => {
  const result = await run({ model: checkpoint, to })
  expect(result.text).toMatch(text)
  expect(result.json).toMatchObject({ model: "convnext", target: to, path: join(folder, name) })
  expect(await readdir(folder)).toContain(name)
})

test("what exists is kept without --force, also a folder, and told of with it", async () => {
  const out = join(folder, "there")
  await mkdir(out)
  await expect(run({ model: checkpoint, to: "huggingface", out })).rejects.toThrow("overwrite it with --force")
  const { notes } = await run({ model: checkpoint, to: "huggingface", out, force: true })
  expect(notes).toEqual([`${out} was overwritten`])
  expect(Object.keys(await loadTensors(out))).toContain("classifier.weight")
})

test("--force does not replace a folder that holds something else", async () => {
  const out = join(folder, "home")
  await mkdir(out)
  await writeFile(join(out, "thesis.txt"), "years of work")
  await expect(run({ model: checkpoint, to: "huggingface", out, force: true })).rejects.toThrow("holds thesis.txt")
  expect(await readFile(join(out, "thesis.txt"), "utf8")).toBe("years of work")
})

test("a model by name with weights from a file goes to NAME in the current folder", async () => {
  const atto = await createModel("convnext_atto", { numClasses: 2, threads: 1 })
  const weights = join(folder, "atto.safetensors")
  await exportModel(atto, weights, { to: "safetensors" })
  const before = process.cwd()
  process.chdir(folder)
  try {
    const { json } = await run({ model: "convnext_atto", weights, to: "torchvision" })
    expect(json).toMatchObject({ path: "convnext_atto-torchvision.pth" })
  } finally {
    process.chdir(before)
  }
  expect(Object.keys(await loadTensors(join(folder, "convnext_atto-torchvision.pth")))).toContain("classifier.2.weight")
})
