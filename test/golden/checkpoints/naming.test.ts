/** Checkpoints of every naming scheme give the logits that the codebases themselves compute. README.md says how they were made. */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { createModel, type Model } from "../../../src/index.ts"
import type { StateDict } from "../../../src/models/network.ts"
import { loadCheckpoint } from "../../../src/weights/load.ts"
import { convertStateDict } from "../../../src/weights/naming/convert.ts"
import { configFromHuggingFace } from "../../../src/weights/naming/huggingface-config.ts"
import { recognise } from "../../../src/weights/naming/recognise.ts"
import type { SchemeName } from "../../../src/weights/naming/schemes.ts"
import { loadTensors } from "../../../src/weights/node/files.ts"
import { hashImages, hashWeights } from "../../support/hash-weights.ts"

const at = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const readJson = (name: string) => JSON.parse(readFileSync(at(name), "utf8"))

/** Logits of each model, or what its classifier would read, in float64. */
const answers: Record<string, { logits?: number[][]; pre_logits?: number[][] }> = readJson("logits.json")
const TOLERANCE = 1e-5

const convnext = { dims: [8, 16, 24, 32], depths: [1, 1, 2, 1] }
const convnextSmall = { dims: [4, 8, 12, 16], depths: [1, 1, 2, 1] }
const vit = { patchSize: 8, embedDim: 32, depth: 2, numHeads: 4 }
const swin = { embedDim: 8, depths: [2, 2, 2], numHeads: [1, 2, 4], windowSize: 4, patchSize: 4, imgSize: 64 }

const models: Record<string, { family: string; config: Record<string, unknown> }> = {
  convnext: { family: "convnext", config: convnext },
  "convnext-small": { family: "convnext", config: convnextSmall },
  "convnext-conv-mlp": { family: "convnext", config: { ...convnextSmall, convMlp: true } },
  convnextv2: { family: "convnext", config: { ...convnext, useGrn: true, lsInitValue: null } },
  resnet: { family: "resnet", config: { layers: [1, 1, 1, 1], channels: [4, 8, 16, 24] } },
  swin: { family: "swin", config: swin },
  vit: { family: "vit", config: vit },
  "deit-distilled": { family: "vit", config: { ...vit, distilled: true } },
  deit3: { family: "vit", config: { ...vit, initValues: 1e-6, noEmbedClass: true } },
}

const create = (name: string): Promise<Model> => {
  const { family, config } = models[name]!
  return createModel(family, { config, numClasses: 5, inputSize: 64, device: "cpu" })
}

/** Largest difference between the model's logits, or pre-logits, and the expected ones. */
async function distance(model: Model, expected: string): Promise<number> {
  const images = hashImages("x0", [2, 3, 64, 64])
  const { logits, pre_logits } = answers[expected]!
  const { data } = logits
    ? await model.forward(images)
    : await model.forwardHead(await model.forwardFeatures(images), { preLogits: true })
  const values = (logits ?? pre_logits!).flat()
  expect(data).toHaveLength(values.length)
  return values.reduce((worst, value, i) => Math.max(worst, Math.abs(value - Number(data[i]))), 0)
}

interface GoldenFile {
  file: string
  model: string
  scheme: SchemeName
  /** The scheme whose names these are, where they are those of timm too. Default: `scheme`. */
  of?: SchemeName
  /** The names are read and not written. */
  readOnly?: boolean
  /** Number of buffers. */
  ignored?: number
}

/** Files whose tensors are those of `hashWeights`. */
const files: GoldenFile[] = [
  { file: "convnext/timm.safetensors", model: "convnext", scheme: "timm" },
  { file: "convnext/facebook.pth", model: "convnext", scheme: "facebook" },
  { file: "convnext/torchvision.pth", model: "convnext", scheme: "torchvision" },
  { file: "convnext/huggingface", model: "convnext", scheme: "huggingface" },
  { file: "convnext/conv-mlp-facebook.pth", model: "convnext-conv-mlp", scheme: "facebook" },
  { file: "convnextv2/facebook.pt", model: "convnextv2", scheme: "facebook" },
  { file: "convnextv2/huggingface", model: "convnextv2", scheme: "huggingface" },
  { file: "resnet/torchvision.pth", model: "resnet", scheme: "timm", of: "torchvision" },
  { file: "resnet/huggingface", model: "resnet", scheme: "huggingface" },
  { file: "swin/microsoft.pth", model: "swin", scheme: "microsoft", ignored: 8 },
  { file: "swin/huggingface", model: "swin", scheme: "huggingface" },
  { file: "swin/huggingface-5-names", model: "swin", scheme: "huggingface", readOnly: true },
  { file: "vit/huggingface", model: "vit", scheme: "huggingface" },
  { file: "vit/huggingface-5-names", model: "vit", scheme: "huggingface", readOnly: true },
  { file: "vit/deit.pth", model: "vit", scheme: "timm", of: "deit" },
  { file: "vit/deit-distilled.pth", model: "deit-distilled", scheme: "timm", of: "deit" },
  { file: "vit/huggingface-deit-distilled", model: "deit-distilled", scheme: "huggingface" },
  { file: "vit/deit3.pth", model: "deit3", scheme: "deit" },
]

/** Without counters of batches, which not every file has. */
const sorted = (tensors: StateDict) =>
  Object.entries(tensors)
    .filter(([name]) => !name.endsWith("num_batches_tracked"))
    .sort(([a], [b]) => (a < b ? -1 : 1))

test.each(files)("$file gives the tensors and logits of $model", async ({ file, model: name, scheme, ignored = 0 }) => {
  const tensors = await loadTensors(at(file))
  expect(recognise(tensors)).toMatchObject({ scheme, numClasses: 5, distilled: name === "deit-distilled" })
  const model = await create(name)
  const report = loadCheckpoint(model, tensors)
  expect(report.ignored).toHaveLength(ignored)
  expect(report).toMatchObject({ missing: [], unexpected: [], mismatched: [], dropped: [], messages: [] })
  expect(sorted(model.stateDict())).toEqual(sorted(hashWeights(model.weights)))
  expect(await distance(model, name)).toBeLessThan(TOLERANCE)
})

const written = files.filter(({ readOnly }) => !readOnly)

test.each(written)(
  "convertStateDict makes $file of timm's names",
  async ({ file, model: name, scheme, of = scheme }) => {
    const parameters = Object.entries(await loadTensors(at(file))).filter(
      ([key]) => !/relative_position_index|attn_mask/.test(key),
    )
    const model = await create(name)
    const converted = convertStateDict(hashWeights(model.weights), { to: of })
    expect(sorted(converted)).toEqual(sorted(Object.fromEntries(parameters)))
  },
)

test.each(["swin", "vit"])("torchvision's %s has the names and shapes that convertStateDict gives", async (name) => {
  const expected = Object.entries<number[]>(readJson("torchvision-names.json")[name])
  const parameters = expected.filter(([key]) => !key.endsWith("relative_position_index"))
  const converted = convertStateDict((await create(name)).weights, { to: "torchvision" })
  const shapes = Object.entries(converted).map(([key, { shape }]): [string, number[]] => [key, shape])
  expect(Object.fromEntries(shapes)).toEqual(Object.fromEntries(parameters))
})

test("weights for 7 classes give a model of 5 everything but its classifier", async () => {
  const model = await create("convnext-small")
  const fresh = model.stateDict()
  const report = loadCheckpoint(model, await loadTensors(at("convnext/classes-mismatch-facebook.pth")))
  const classifier = ["head.fc.weight", "head.fc.bias"]
  expect(report).toMatchObject({ missing: classifier, dropped: classifier, checkpointClasses: 7, scheme: "facebook" })
  expect(report.messages).toEqual([
    "the checkpoint's classifier knows 7 classes: convnext gets a new one, for 5 classes",
  ])
  for (const name of classifier) expect(model.weights[name]).toEqual(fresh[name])
  expect(await distance(model, "convnext-headless")).toBeLessThan(TOLERANCE)
})

test("a map picks 5 of 22 classes", async () => {
  const model = await create("convnext-small")
  const tensors = await loadTensors(at("convnext/classes-map.pth"))
  const report = loadCheckpoint(model, tensors, { classes: [3, 17, 8, 0, 21] })
  expect(report).toMatchObject({ missing: [], dropped: [], checkpointClasses: 22 })
  expect(await distance(model, "convnext-head-map")).toBeLessThan(TOLERANCE)
})

test.each([
  ["convnext/huggingface", "convnext"],
  ["convnextv2/huggingface", "convnextv2"],
  ["resnet/huggingface", "resnet"],
  ["swin/huggingface", "swin"],
  ["vit/huggingface", "vit-eps-1e-12"],
  ["vit/huggingface-deit-distilled", "deit-distilled-eps-1e-12"],
])("config.json of %s describes the model", async (folder, expected) => {
  const { family, config, classes } = configFromHuggingFace(readJson(`${folder}/config.json`))
  expect(classes).toEqual(["tench", "hen", "ostrich, Struthio camelus", "toilet tissue", "bull's eye"])
  const model = await createModel(family, { config, classes, inputSize: 64, device: "cpu" })
  loadCheckpoint(model, await loadTensors(at(folder)))
  expect(await distance(model, expected)).toBeLessThan(TOLERANCE)
})
