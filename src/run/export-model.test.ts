import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, test } from "vitest"
import { convertStateDict, createModel, InputError, loadRun, loadTensors, UsageError } from "../index.ts"
import { configFromHuggingFace } from "../weights/naming/huggingface-config.ts"
import { exportModel } from "./export-model.ts"
import { type ExportTarget, exportTargets } from "./export-targets.ts"

const folder = await mkdtemp(join(tmpdir(), "convnext-export-model-"))
afterAll(() => rm(folder, { recursive: true }))

const at = (name: string) => join(folder, name)
const readJson = async (path: string) => JSON.parse(await readFile(path, "utf8"))

const classes = ["cat", "dog"]
const small = { depths: [1, 1, 2, 1], dims: [4, 6, 8, 8] }
const smallModel = (config: Record<string, unknown> = {}) =>
  createModel("convnext", { config: { ...small, ...config }, classes, inputSize: 32, threads: 1 })

describe("what is written", () => {
  test.each<[ExportTarget, string]>([
    ["safetensors", "small.safetensors"],
    ["torchvision", "tv.pth"],
    ["torchvision", "tv.safetensors"],
    ["huggingface", "hf"],
    ["facebook", "fb.pth"],
    ["facebook", "fb.pt"],
    ["facebook", "fb.safetensors"],
  ])("for %s as %s has the model's weights", async (to, name) => {
    const model = await smallModel()
    const { target, path, bytes, usage } = await exportModel(model, at(name), { to })
    expect({ target, path }).toEqual({ target: to, path: at(name) })
    expect(bytes).toBeGreaterThan(4 * model.parameterCount)
    expect(usage.join("\n")).toContain(JSON.stringify(path))
    expect(convertStateDict(await loadTensors(path), { to: "timm" })).toEqual(model.stateDict())
  })

  test("for timm is a model that can be opened again", async () => {
    const model = await smallModel()
    const { path } = await exportModel(model, at("again.safetensors"), { to: "safetensors" })
    const again = await loadRun(path)
    expect(again.classes).toEqual(classes)
    expect(again.stateDict()).toEqual(model.stateDict())
  })

  test("for transformers is a folder with config, preprocessing, weights and card", async () => {
    const model = await smallModel()
    const facts = { accuracy: { top1: 0.925, images: "the 40 images that were held out" }, license: "apache-2.0" }
    const { path } = await exportModel(model, at("folder"), { to: "huggingface", facts })
    expect((await readdir(path)).sort()).toEqual([
      "README.md",
      "config.json",
      "model.safetensors",
      "preprocessor_config.json",
    ])
    const read = configFromHuggingFace(
      await readJson(join(path, "config.json")),
      await readJson(join(path, "preprocessor_config.json")),
    )
    expect(read).toMatchObject({ family: "convnext", config: small, classes, preprocessing: { inputSize: 32 } })
    const card = await readFile(join(path, "README.md"), "utf8")
    expect(card).toMatch(
      /^---\nlibrary_name: transformers\npipeline_tag: image-classification\nlicense: apache-2.0\n---\n/,
    )
    for (const line of ["2 classes: cat, dog.", "Top-1 92.5 % of the 40 images", "32 x 32 pixels", "```python"]) {
      expect(card).toContain(line)
    }
  })

  test("for transformers has floats where Python expects some, and only there", async () => {
    const model = await createModel("convnext", {
      config: { ...small, lsInitValue: 1 },
      classes: ["drop_path_rate", "mlp_ratio"],
      threads: 1,
    })
    const { path } = await exportModel(model, at("floats"), { to: "huggingface" })
    const config = await readFile(join(path, "config.json"), "utf8")
    expect(config).toContain(
      '  "layer_scale_init_value": 1.0,\n  "drop_path_rate": 0.0,\n  "layer_norm_eps": 0.000001,\n',
    )
    expect(config).toContain('    "drop_path_rate": 0,\n    "mlp_ratio": 1\n')
  })

  test("of Swin for torchvision has the indices that torchvision keeps, [49^2] for windows of 7", async () => {
    const config = { imgSize: 56, embedDim: 4, depths: [1, 1], numHeads: [1, 1], numClasses: 2 }
    const model = await createModel("swin", { config, threads: 1 })
    const { path } = await exportModel(model, at("swin.pth"), { to: "torchvision" })
    const { shape, dtype, data } = (await loadTensors(path))["features.1.0.attn.relative_position_index"]!
    expect({ shape, dtype, first: data[0] }).toEqual({ shape: [2401], dtype: "int64", first: 84n })
  })
})

test.each<[string, Record<string, unknown>, ExportTarget, string]>([
  ["convnext_atto", {}, "safetensors", 'model = timm.create_model("convnext_atto", num_classes=5, checkpoint_path='],
  ["convnext_atto", { inChannels: 1 }, "safetensors", 'create_model("convnext_atto", in_chans=1, num_classes=5, '],
  ["deit_tiny_patch16_224", { imgSize: 64 }, "safetensors", 'create_model("deit_tiny_patch16_224", img_size=64, num_'],
  ["convnext_atto", { depths: [1, 1, 1, 1] }, "safetensors", "state_dict = load_file("],
  ["convnext_mini", {}, "safetensors", "state_dict = load_file("],
  [
    "resnet",
    { block: "bottleneck", layers: [1, 1, 1, 1], cardinality: 32, baseWidth: 4 },
    "torchvision",
    "ResNet(Bottleneck, [1,1,1,1], groups=32, width_per_group=4, num_classes=5)",
  ],
  ["convnextv2_atto", {}, "facebook", "model = ConvNeXtV2(3, 5, [2,2,6,2], [40,80,160,320])"],
  ["convnext_iso", { depth: 2, dim: 8 }, "facebook", "ConvNeXtIsotropic(3, 5, 2, 8, layer_scale_init_value=0)"],
])("%s %o for %s is loaded by its own call", async (name, config, to, line) => {
  const model = await createModel(name, { config: { ...config, numClasses: 5 }, threads: 1 })
  const { usage, path } = await exportModel(model, at(to === "safetensors" ? "call.safetensors" : "call.pth"), { to })
  await rm(path)
  expect(usage.join("\n")).toContain(line)
})

describe("mistakes", () => {
  const v2 = { useGrn: true, lsInitValue: null }
  const tinyResNet = { layers: [1, 1, 1, 1], channels: [4, 4, 8, 8] }

  test.each<[ExportTarget, string, Record<string, unknown>, string]>([
    ["torchvision", "efficientnet_b0", {}, "it has convnext, resnet, swin, vit, deit"],
    [
      "facebook",
      "resnet",
      tinyResNet,
      "facebook has no resnet that could be exported to; it has convnext, convnext_iso",
    ],
    [
      "huggingface",
      "convnext_iso",
      { depth: 1, dim: 4 },
      "huggingface has no convnext_iso that could be exported to; it has convnext, resnet, swin, vit, deit",
    ],
    ["torchvision", "convnext", { ...small, ...v2 }, "torchvision has no convnext with useGrn true, lsInitValue null"],
    ["torchvision", "convnext", { ...small, kernelSizes: [3, 7, 7, 7] }, "with kernelSizes [3,7,7,7]"],
    ["torchvision", "convnext", { ...small, inChannels: 1 }, "with inChannels 1"],
    ["torchvision", "convnext", { ...small, numClasses: 0 }, "with numClasses 0"],
    ["facebook", "convnext_mini", {}, "with patchSize 2, depths [1,2,2]"],
    ["facebook", "convnext", { ...small, ...v2, lsInitValue: 1 }, "facebook has no convnext with lsInitValue 1"],
    // timm has a downsampling layer before the first stage, transformers has none.
    ["huggingface", "convnext", { ...small, patchSize: 2 }, "with patchSize 2"],
    ["huggingface", "convnext", { ...small, patchSize: 8 }, "with patchSize 8"],
    ["huggingface", "resnet", { ...tinyResNet, avgDown: true }, "transformers has no resnet with avgDown true"],
    // The second stage has maps of 4 x 4.
    ["huggingface", "swin", { imgSize: 32, embedDim: 4, depths: [1, 1], numHeads: [1, 1] }, "with windowSize 7"],
    ["torchvision", "swin", { imgSize: 32, embedDim: 4, depths: [1, 1], numHeads: [1, 1] }, "with windowSize 7"],
  ])("%s has no such %s %o", async (to, name, config, message) => {
    const model = await createModel(name, { config, threads: 1 })
    const exported = exportModel(model, at("none"), { to })
    await expect(exported).rejects.toThrow(UsageError)
    await expect(exported).rejects.toThrow(message)
    expect(await readdir(folder)).not.toContain("none")
  })

  test.each<[ExportTarget, string, string]>([
    [
      "huggingface",
      "pets.safetensors",
      "pets.safetensors ends with .safetensors, but an export to huggingface is a folder",
    ],
    ["safetensors", "pets.PTH", "whose name ends with .safetensors"],
    ["torchvision", "pets.onnx", "whose name ends with .pth or .pt or .bin or .safetensors"],
    ["onnx", "pets.pth", "an export to onnx is ONNX, whose name ends with .onnx"],
  ])("an export to %s is not called %s", async (to, name, message) => {
    const model = await smallModel()
    await expect(exportModel(model, name, { to })).rejects.toThrow(message)
  })

  test("an unknown target", async () => {
    const to = "hugingface" as ExportTarget
    await expect(exportModel(await smallModel(), at("x"), { to })).rejects.toThrow("did you mean huggingface?")
    expect(exportTargets).toEqual(["onnx", "safetensors", "torchvision", "huggingface", "facebook"])
  })
})

describe("a folder that is there", () => {
  test("is replaced as a whole where it is an export", async () => {
    const path = at("replaced")
    await exportModel(await smallModel(), path, { to: "huggingface" })
    const model = await smallModel({ dims: [4, 4, 4, 4] })
    await exportModel(model, path, { to: "huggingface" })
    expect(convertStateDict(await loadTensors(path), { to: "timm" })).toEqual(model.stateDict())
    expect((await readdir(folder)).filter((name) => name.startsWith("replaced"))).toEqual(["replaced"])
  })

  test.each([["as the target"], [".new"], [".old"]])("and holds anything else stays as it is, %s", async (place) => {
    const path = at(`kept${place.length}`)
    const there = place.startsWith(".") ? `${path}${place}` : path
    await mkdir(there)
    await writeFile(join(there, "thesis.txt"), "years of work")
    const exported = exportModel(await smallModel(), path, { to: "huggingface" })
    await expect(exported).rejects.toThrow(InputError)
    await expect(exported).rejects.toThrow("holds thesis.txt")
    expect(await readFile(join(there, "thesis.txt"), "utf8")).toBe("years of work")
  })

  test("is no folder but a file: it stays", async () => {
    await writeFile(at("file"), "text")
    await expect(exportModel(await smallModel(), at("file"), { to: "huggingface" })).rejects.toThrow("is a file where")
    expect(await readFile(at("file"), "utf8")).toBe("text")
  })

  test("of an export that was cut short is cleared away", async () => {
    await mkdir(at("cut.new"))
    await writeFile(at("cut.new/model.safetensors.tmp"), "half")
    const { path } = await exportModel(await smallModel(), at("cut"), { to: "huggingface" })
    expect((await readdir(path)).length).toBe(4)
    expect(await readdir(folder)).not.toContain("cut.new")
  })
})
