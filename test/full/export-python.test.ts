/**
 * What is exported, loaded by those that it is exported for: the Python that `exportModel` tells is run, and the logits are
 * compared. Needs a Python with torch and the package in question: CONVNEXT_PYTHON names it, else python3 is tried.
 */

import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import sharp from "sharp"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
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

const packages = ["torch", "safetensors", "timm", "torchvision", "transformers"]
const found = spawnSync(
  python,
  [
    "-c",
    `from importlib.util import find_spec\nfor name in ${JSON.stringify(packages)}:\n  if find_spec(name): print(name)`,
  ],
  { encoding: "utf8" },
)
const missing = packages.filter((name) => !found.stdout?.split(/\s+/).includes(name))

/** Describes tests that need a package of Python; skipped, with the reason, where there is none. */
function describeWith(name: string, title: string, tests: () => void): void {
  const lacking = missing.filter((each) => ["torch", "safetensors", name].includes(each))
  const reason = `${python} has no ${lacking.join(", ")}; name a Python that has them by CONVNEXT_PYTHON`
  const skipped = lacking.length > 0
  describe.skipIf(skipped)(`${title}${skipped ? ` (skipped: ${reason})` : ""}`, tests)
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
    config: { depths: [2, 1], dims: [8, 12], lsInitValue: 1, numClasses: 3 },
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

const suffixes = { safetensors: ".safetensors", torchvision: ".pth", huggingface: "", facebook: ".pth" } as const
type Target = keyof typeof suffixes

/** What Python is to load, and to compare with. */
interface Exported {
  usage: string[]
  /** File of a batch [N, C, H, W] with the logits that the model gives. */
  batch: string
}

/** Exports the model of a case. */
async function writeCase(each: Case, to: Target): Promise<Exported> {
  const model = await modelOf(each)
  const stem = join(folder, `${to}-${cases.indexOf(each)}`)
  const { usage } = await exportModel(model, `${stem}${suffixes[to]}`, { to })
  const { inputSize, channels } = model.dataConfig
  const shape = [2, inputSize, inputSize, channels]
  const images = ndarray(new Float32Array(sizeOf(shape)), shape)
  new Random(0, "export-python").fillNormal(images.data)
  const logits = await model.forward(images)
  const batch = `${stem}.batch.safetensors`
  await saveSafetensors(batch, { images: toNchw(images), logits })
  const lines = to === "facebook" ? usageInTimm(model, usage) : usage
  await model.dispose()
  return { usage: lines, batch }
}

/** The authors' code is no package; timm reads their checkpoints by rules of its own. */
function usageInTimm({ config }: Model, usage: readonly string[]): string[] {
  const [, path] = /torch\.load\(("[^"]*")/.exec(usage.at(-1)!)!
  const { inChannels, numClasses, depths, dims, useGrn, lsInitValue } = config
  const options = `use_grn=${useGrn ? "True" : "False"}, ls_init_value=${lsInitValue ?? "None"}`
  return [
    "import timm, timm.models.convnext",
    `model = timm.models.ConvNeXt(${inChannels}, ${numClasses}, depths=[${depths}], dims=[${dims}], ${options})`,
    `timm.models.load_checkpoint(model, ${path}, filter_fn=timm.models.convnext.checkpoint_filter_fn)`,
  ]
}

/**
 * Has Python load each export, and compares the logits.
 * @returns for each its largest difference as a share of the largest logit, or the error
 */
function compareLogits(exports: readonly Exported[]): (number | string)[] {
  const path = join(folder, "exports.json")
  writeFileSync(path, JSON.stringify(exports))
  return run([
    "import json, torch, safetensors.torch",
    "def compare(usage, batch):",
    "  names = {}",
    "  exec('\\n'.join(usage), names)",
    "  batch = safetensors.torch.load_file(batch)",
    "  with torch.no_grad(): logits = names['model'].eval()(batch['images'])",
    "  logits = getattr(logits, 'logits', logits)",
    "  assert logits.shape == batch['logits'].shape and logits.std() > 0",
    "  return float((logits - batch['logits']).abs().max() / batch['logits'].abs().max())",
    "def attempt(each):",
    "  try: return compare(**each)",
    "  except Exception as error: return repr(error)",
    `print(json.dumps([attempt(each) for each in json.load(open(${JSON.stringify(path)}))]))`,
  ]) as (number | string)[]
}

const readers = {
  safetensors: "timm",
  torchvision: "torchvision",
  huggingface: "transformers",
  facebook: "timm",
} as const

describe.each(Object.entries(readers))("export to %s", (target, name) => {
  const to = target as Target
  describeWith(name, `loads in ${name} with the same logits`, () => {
    const fitting = cases.filter(({ targets }) => targets.includes(to))
    const differences = new Map<Case, number | string>()
    // Python takes longer to start than to compare.
    beforeAll(async () => {
      const exports: Exported[] = []
      for (const each of fitting) exports.push(await writeCase(each, to))
      for (const [i, difference] of compareLogits(exports).entries()) differences.set(fitting[i]!, difference)
    }, 600_000)

    test.each(fitting.map((each) => [titleOf(each), each] as const))("%s", (_, each) => {
      expect(differences.get(each)).toSatisfy((value) => typeof value === "number" && value < TOLERANCE)
    })
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
