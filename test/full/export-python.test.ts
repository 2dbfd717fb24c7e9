/**
 * What is exported, loaded by those that it is exported for: the Python that `exportModel` tells is run, and the logits are
 * compared. Needs a Python with torch and the package in question: CONVNEXT_PYTHON names it, else python3 is tried.
 */

import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import sharp from "sharp"
import { afterAll, describe, expect, test } from "vitest"
import { evalTransform } from "../../src/data/transform.ts"
import { createModel, type Model, saveSafetensors } from "../../src/index.ts"
import { exportModel } from "../../src/run/export-model.ts"
import { type ExportTarget, exportTargets } from "../../src/run/export-targets.ts"
import { type NdArray, ndarray, sizeOf } from "../../src/tensor/ndarray.ts"
import { Random } from "../../src/tensor/random.ts"
import { hashWeights } from "../support/hash-weights.ts"

/** Largest difference of a logit, as a share of the largest logit. */
const TOLERANCE = 2e-4

const python = process.env.CONVNEXT_PYTHON ?? "python3"
const folder = mkdtempSync(join(tmpdir(), "convnext-python-"))
afterAll(() => rmSync(folder, { recursive: true }))

const hasPackage = (name: string) => spawnSync(python, ["-c", `import torch, safetensors, ${name}`]).status === 0

/** Describes tests that need a package of Python; skipped, with the reason, where there is none. */
function describeWith(name: string, title: string, tests: () => void): void {
  const has = hasPackage(name)
  const reason = `${python} has no torch, safetensors and ${name}; name a Python that has them by CONVNEXT_PYTHON`
  describe.skipIf(!has)(`${title}${has ? "" : ` (skipped: ${reason})`}`, tests)
}

/** Runs Python and gives what its last line says in JSON. */
function run(lines: readonly string[]): unknown {
  const { status, stdout, stderr } = spawnSync(python, ["-c", lines.join("\n")], { encoding: "utf8" })
  expect(status, stderr).toBe(0)
  return JSON.parse(stdout.trim().split("\n").at(-1)!)
}

interface Case {
  name: string
  config?: Record<string, unknown>
  targets: readonly ExportTarget[]
}

const v1: Case["targets"] = ["torchvision", "huggingface", "facebook"]
const v2: Case["targets"] = ["huggingface", "facebook"]
const everywhere: Case["targets"] = ["safetensors", "torchvision", "huggingface"]
const transformer = { imgSize: 32, patchSize: 8, embedDim: 24, depth: 2, numHeads: 3, numClasses: 5 }

/** Registered models, and small ones that differ from all of them. */
const cases: readonly Case[] = [
  { name: "convnext_atto", config: { numClasses: 7 }, targets: ["safetensors", ...v1] },
  { name: "convnext", config: { depths: [1, 2, 1, 1], dims: [8, 16, 24, 40], numClasses: 3 }, targets: v1 },
  {
    name: "convnext",
    config: { depths: [2, 1], dims: [8, 12], numClasses: 3 },
    targets: ["torchvision", "huggingface"],
  },
  {
    name: "convnext",
    config: { depths: [1, 2], dims: [8, 12], patchSize: 2, numClasses: 3 },
    targets: ["huggingface"],
  },
  {
    name: "convnext",
    config: { depths: [1, 1, 1, 1], dims: [8, 8, 16, 16], lsInitValue: null, inChannels: 1, numClasses: 2 },
    targets: v2,
  },
  { name: "convnextv2_atto", config: { numClasses: 7 }, targets: ["safetensors", ...v2] },
  {
    name: "convnext",
    config: { depths: [1, 1, 1, 2], dims: [8, 8, 16, 16], useGrn: true, lsInitValue: null, numClasses: 3 },
    targets: v2,
  },
  { name: "resnet18", targets: everywhere },
  { name: "resnet", config: { layers: [1, 2, 1, 1], numClasses: 3 }, targets: ["torchvision", "huggingface"] },
  {
    name: "resnet",
    config: { block: "bottleneck", layers: [1, 1, 1, 1], cardinality: 4, baseWidth: 16, numClasses: 3 },
    targets: ["torchvision"],
  },
  {
    name: "resnet",
    config: { channels: [8, 8, 16, 16], layers: [1, 1, 1, 1], numClasses: 3 },
    targets: ["huggingface"],
  },
  { name: "swin_tiny_patch4_window7_224", config: { numClasses: 7 }, targets: everywhere },
  {
    name: "swin",
    config: { imgSize: 64, patchSize: 2, embedDim: 12, depths: [2, 2], numHeads: [2, 4], windowSize: 4, numClasses: 3 },
    targets: ["torchvision", "huggingface"],
  },
  { name: "deit_tiny_patch16_224", config: { numClasses: 7 }, targets: everywhere },
  { name: "vit", config: { ...transformer, mlpRatio: 3 }, targets: ["torchvision", "huggingface"] },
  { name: "vit", config: { ...transformer, qkvBias: false }, targets: ["huggingface"] },
  { name: "deit", config: { ...transformer, distilled: true }, targets: ["huggingface"] },
]

const titleOf = ({ name, config }: Case) => (config === undefined ? name : `${name} ${JSON.stringify(config)}`)

/** A model of which every weight counts. */
async function modelOf({ name, config }: Case): Promise<Model> {
  const model = await createModel(name, { config, threads: 1 })
  model.loadStateDict(hashWeights(model.stateDict()))
  return model
}

/** [N, H, W, C] -> [N, C, H, W] */
function toNchw({ shape, data }: NdArray): NdArray {
  const [batch, height, width, channels] = shape as [number, number, number, number]
  const area = height * width
  const out = Float32Array.from(data as Float32Array, (_, i) => {
    const [n, c, p] = [Math.floor(i / (area * channels)), Math.floor(i / area) % channels, i % area]
    return Number(data[(n * area + p) * channels + c])
  })
  return ndarray(out, [batch, channels, height, width])
}

/** Exports the model, and a batch with the logits that the model gives. */
async function writeCase(each: Case, to: ExportTarget): Promise<{ usage: string[]; batch: string }> {
  const model = await modelOf(each)
  const stem = join(folder, `${to}-${cases.indexOf(each)}`)
  const suffix = { onnx: ".onnx", safetensors: ".safetensors", huggingface: "", torchvision: ".pth", facebook: ".pth" }
  const { usage } = await exportModel(model, `${stem}${suffix[to]}`, { to })
  const { inputSize, channels } = model.dataConfig
  const shape = [2, inputSize, inputSize, channels]
  const images = ndarray(new Float32Array(sizeOf(shape)), shape)
  new Random(0, "export-python").fillNormal(images.data)
  const logits = await model.forward(images)
  await model.dispose()
  const batch = `${stem}.batch.safetensors`
  await saveSafetensors(batch, { images: toNchw(images), logits })
  return { usage, batch }
}

/** Has Python load the export by `usage`, and gives the difference of its logits as a share of the largest. */
function compareLogits(usage: readonly string[], batch: string): number {
  return run([
    ...usage,
    "import torch, safetensors.torch",
    `batch = safetensors.torch.load_file(${JSON.stringify(batch)})`,
    "with torch.no_grad(): logits = model.eval()(batch['images'])",
    "logits = getattr(logits, 'logits', logits)",
    "assert logits.shape == batch['logits'].shape and logits.std() > 0",
    "print(float((logits - batch['logits']).abs().max() / batch['logits'].abs().max()))",
  ]) as number
}

const packages = { safetensors: "timm", torchvision: "torchvision", huggingface: "transformers" } as const

describe.each(Object.entries(packages))("export to %s", (target, name) => {
  const to = target as keyof typeof packages
  describeWith(name, `loads in ${name} with the same logits`, () => {
    const fitting = cases.filter(({ targets }) => targets.includes(to))
    test.each(fitting.map((each) => [titleOf(each), each] as const))("%s", async (_, each) => {
      const { usage, batch } = await writeCase(each, to)
      expect(compareLogits(usage, batch)).toBeLessThan(TOLERANCE)
    })
  })
})

// The authors' code is no package; timm reads their checkpoints by rules of its own.
describeWith("timm", "export to facebook loads in timm with the same logits", () => {
  const fitting = cases.filter(({ targets }) => targets.includes("facebook"))
  test.each(fitting.map((each) => [titleOf(each), each] as const))("%s", async (_, each) => {
    const { usage, batch } = await writeCase(each, "facebook")
    const [, path] = /torch\.load\(("[^"]*")/.exec(usage.at(-1)!)!
    const model = await modelOf(each)
    const { inChannels, numClasses, depths, dims, useGrn, lsInitValue } = model.config
    const network =
      `timm.models.ConvNeXt(${inChannels}, ${numClasses}, depths=[${depths}], dims=[${dims}], ` +
      `use_grn=${useGrn ? "True" : "False"}, ls_init_value=${lsInitValue ?? "None"})`
    const loading = [
      "import timm, timm.models.convnext",
      `model = ${network}`,
      `timm.models.load_checkpoint(model, ${path}, filter_fn=timm.models.convnext.checkpoint_filter_fn)`,
    ]
    expect(compareLogits(loading, batch)).toBeLessThan(TOLERANCE)
  })
})

describeWith("transformers", "a folder for transformers", () => {
  test.each([
    ["cropped", "center", 0.9],
    ["squashed", "squash", 1],
  ] as const)("prepares images as the model does, %s", async (_, cropMode, cropPct) => {
    const path = join(folder, cropMode)
    const model = await createModel("convnext_atto", { classes: ["cat", "dog"], preprocessing: { cropMode, cropPct } })
    await exportModel(model, path, { to: "huggingface" })
    const size = { width: 300, height: 260, channels: 3 as const }
    const noise = Uint8Array.from({ length: 300 * 260 * 3 }, (_, i) => 128 + 100 * Math.sin(i / 900) + ((i * 37) % 27))
    const picture = join(folder, `${cropMode}.png`)
    await sharp(noise, { raw: size }).png().toFile(picture)
    const own = toNchw(evalTransform(model.dataConfig)({ ...size, data: noise }))
    await saveSafetensors(`${path}.own.safetensors`, { images: own })
    const { labels, largest, average } = run([
      "import json, safetensors.torch, transformers",
      "from PIL import Image",
      `path = ${JSON.stringify(path)}`,
      "processor = transformers.AutoImageProcessor.from_pretrained(path)",
      `pixels = processor(Image.open(${JSON.stringify(picture)}), return_tensors='pt')['pixel_values']`,
      "own = safetensors.torch.load_file(path + '.own.safetensors')['images']",
      "difference = (pixels - own).abs()",
      "config = transformers.AutoConfig.from_pretrained(path)",
      "result = {'labels': config.id2label, 'largest': difference.max().item(), 'average': difference.mean().item()}",
      "print(json.dumps(result))",
    ]) as { labels: unknown; largest: number; average: number }
    expect(labels).toEqual({ 0: "cat", 1: "dog" })
    // Its resampling rounds otherwise: by a level or two of 255, divided by a deviation of 0.224.
    expect(largest).toBeLessThan(0.04)
    expect(average).toBeLessThan(0.005)
    await model.dispose()
  })
})

test("every target but ONNX, which has tests of its own, is tried here", () => {
  const tried = new Set(cases.flatMap(({ targets }) => targets))
  expect([...tried, "onnx"].sort()).toEqual([...exportTargets].sort())
})
