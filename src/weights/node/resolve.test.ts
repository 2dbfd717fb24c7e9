import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, relative, resolve } from "node:path"
import { afterEach, beforeEach, expect, test, vi } from "vitest"
import { createModel } from "../../index.ts"
import { InputError, UsageError } from "../../tensor/errors.ts"
import { ndarray } from "../../tensor/ndarray.ts"
import { type FakeHub, startHub } from "../hub/node/hub.fixture.ts"
import { encodeSafetensors } from "../safetensors.ts"
import { absoluteWeights, resolveWeights } from "./resolve.ts"

const tensorsOf = (value: number) => ({ "head.fc.bias": ndarray(Array.from({ length: 400 }, () => value)) })
const safetensors = (value: number) => encodeSafetensors(tensorsOf(value))
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))

let hub: FakeHub
let home: string

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "convnext-resolve-"))
  hub = await startHub({
    "timm/convnext_tiny.fb_in1k": { files: { "model.safetensors": safetensors(1) } },
    "timm/convnext_tiny.in12k_ft_in1k": { files: { "model.safetensors": safetensors(2) } },
    "timm/convnextv2_atto.fcmae_ft_in1k": { files: { "model.safetensors": safetensors(3) } },
    "someone/pets": {
      revisions: ["v2"],
      files: {
        "config.json": json({
          architecture: "convnext_atto",
          pretrained_cfg: { crop_pct: 0.9, license: "cc-by-nc-sa-4.0", label_names: ["cat", "dog"] },
        }),
        "model.safetensors": safetensors(4),
      },
    },
    "someone/sharded": {
      files: {
        "model.safetensors.index.json": json({ weight_map: { "head.fc.bias": "model-00001-of-00001.safetensors" } }),
        "model-00001-of-00001.safetensors": safetensors(5),
      },
    },
    "someone/escaping": {
      files: { "model.safetensors.index.json": json({ weight_map: { "head.fc.bias": "../../../evil.safetensors" } }) },
    },
    "someone/empty": { files: { "README.md": json("nothing here") } },
  })
  for (const variable of [
    "HF_TOKEN",
    "HF_HUB_CACHE",
    "HUGGINGFACE_HUB_CACHE",
    "HF_HUB_OFFLINE",
    "TRANSFORMERS_OFFLINE",
  ]) {
    vi.stubEnv(variable, undefined)
  }
  vi.stubEnv("HF_HOME", home)
  vi.stubEnv("HF_ENDPOINT", hub.endpoint)
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await hub.close()
  await rm(home, { recursive: true })
})

test.each(["fb_in1k", "convnext_tiny.fb_in1k", "timm/convnext_tiny.fb_in1k", "hf:timm/convnext_tiny.fb_in1k"])(
  "%s gives the published weights, with preprocessing and class names",
  async (name) => {
    const { tensors, source, published, architecture, numClasses, classes, preprocessing, notice } =
      await resolveWeights(name, "convnext_tiny")
    expect(tensors).toEqual(tensorsOf(1))
    expect(source).toBe("timm/convnext_tiny.fb_in1k")
    expect(published?.accuracy[224]).toEqual([82.066, 95.854])
    expect(architecture).toBe("convnext_tiny")
    expect(numClasses).toBe(1000)
    expect(classes).toHaveLength(1000)
    expect(classes?.[0]).toBe("tench, Tinca tinca")
    expect(preprocessing).toMatchObject({ inputSize: 224, cropPct: 0.875 })
    expect(notice).toBeUndefined()
  },
)

test("pretrained gives the model's default, and offline afterwards", async () => {
  await resolveWeights("pretrained", "convnext_tiny")
  await hub.close()
  vi.stubEnv("HF_HUB_OFFLINE", "1")
  expect((await resolveWeights("pretrained", "convnext_tiny")).tensors).toEqual(tensorsOf(2))
})

test("a non-commercial licence is told", async () => {
  const { notice } = await resolveWeights("fcmae_ft_in1k", "convnextv2_atto")
  expect(notice).toMatch(/convnextv2_atto.fcmae_ft_in1k are under CC BY-NC 4.0, for non-commercial use only/)
})

test("any repository: its weights, and what its config.json says", async () => {
  for (const name of ["someone/pets", "hf:someone/pets", "hf-hub:someone/pets@v2"]) {
    const resolved = await resolveWeights(name, "convnext_atto")
    expect(resolved).toEqual({
      tensors: tensorsOf(4),
      source: name.replace(/^.*:/, ""),
      architecture: "convnext_atto",
      numClasses: 2,
      classes: ["cat", "dog"],
      preprocessing: { cropPct: 0.9 },
      notice: expect.stringContaining("cc-by-nc-sa-4.0, for non-commercial use only"),
    })
  }
})

test("a sharded checkpoint is downloaded whole, and only from its repository", async () => {
  expect((await resolveWeights("someone/sharded", "convnext_atto")).tensors).toEqual(tensorsOf(5))
  await expect(resolveWeights("someone/escaping", "convnext_atto")).rejects.toThrow(/which is no file beside it/)
})

test("other weights of a repository serve where there is no connection", async () => {
  hub.repositories["someone/sharded"]!.files["config.json"] = json({ num_classes: 9 })
  const online = await resolveWeights("someone/sharded", "convnext_atto")
  await hub.close()
  expect(await resolveWeights("someone/sharded", "convnext_atto")).toEqual(online)
})

test("paths: what is written as one always, and what is there", async () => {
  const file = join(home, "mine.safetensors")
  await writeFile(file, safetensors(6))
  expect(await resolveWeights(file, "convnext_atto")).toEqual({ tensors: tensorsOf(6), source: file })
  await mkdir(join(home, "run"))
  await writeFile(join(home, "run", "model.safetensors"), safetensors(7))
  expect((await resolveWeights(join(home, "run"), "convnext_atto")).tensors).toEqual(tensorsOf(7))
  await expect(resolveWeights("./pretrained", "convnext_tiny")).rejects.toThrow(
    /cannot read .\/pretrained: no such file/,
  )
  await expect(resolveWeights("runs/none.safetensors", "convnext_tiny")).rejects.toThrow(/no such file/)
  expect(hub.seen).toEqual([])
})

test("published weights of another model are refused before anything is downloaded", async () => {
  const refused = (name: string, model: string, config?: Record<string, unknown>) =>
    expect(resolveWeights(name, model, { config })).rejects.toThrow(UsageError)
  await refused("convnext_small.fb_in1k", "convnext_tiny")
  await refused("timm/convnext_small.fb_in1k", "convnext_tiny")
  await refused("convnext_tiny.fb_in1k", "vit")
  await refused("fb_in1k", "convnext_tiny", { depths: [1, 1, 1, 1] })
  expect(hub.seen).toEqual([])
  // A family is what its weights say; another size of images is no other model.
  expect((await resolveWeights("convnext_tiny.fb_in1k", "convnext")).architecture).toBe("convnext_tiny")
  await expect(resolveWeights("vit_base_patch16_384.augreg_in1k", "vit_base_patch16_224")).rejects.toThrow(
    /no repository/,
  )
})

test("a model's name may have the tag of its weights, unless others are given", async () => {
  await expect(createModel("convnext_tiny.fb_in1k")).rejects.toThrow(
    /cannot load timm\/convnext_tiny.fb_in1k into convnext_tiny: /,
  )
  await expect(createModel("convnext_tiny.fb_in1k", { weights: "in12k_ft_in1k" })).rejects.toThrow(
    /cannot load timm\/convnext_tiny.in12k_ft_in1k/,
  )
  await expect(createModel("convnext_tiny.fb_in1")).rejects.toThrow(/did you mean convnext_tiny.fb_in1k\?/)
})

test("only paths become absolute", async () => {
  const file = join(home, "mine")
  await writeFile(file, safetensors(6))
  for (const name of ["fb_in1k", "pretrained", "convnext_tiny.fb_in1k", "someone/pets", "hf:someone/pets", file]) {
    expect(await absoluteWeights(name, "convnext_tiny")).toBe(name)
  }
  expect(await absoluteWeights("./mine.pth", "convnext_tiny")).toBe(resolve("mine.pth"))
  expect(await absoluteWeights(relative(".", file), "convnext_tiny")).toBe(file)
})

test("names that mean nothing get a suggestion", async () => {
  await expect(resolveWeights("fb_in2k", "convnext_tiny")).rejects.toThrow(UsageError)
  await expect(resolveWeights("fb_in2k", "convnext_tiny")).rejects.toThrow(
    /no weights "fb_in2k" for convnext_tiny, did you mean fb_in1k\?/,
  )
  await expect(resolveWeights("pretrained", "convnext_mini")).rejects.toThrow(/no published weights of convnext_mini/)
  await expect(resolveWeights("hf:../etc/passwd", "convnext_tiny")).rejects.toThrow(/is not the name of a repository/)
  await expect(resolveWeights("timm/convnext_tiny.fb_in1", "convnext_tiny")).rejects.toThrow(
    /no repository .*set HF_TOKEN.*, did you mean convnext_tiny.fb_in1k\?/,
  )
  await expect(resolveWeights("someone/empty", "convnext_tiny")).rejects.toThrow(InputError)
  await expect(resolveWeights("someone/empty", "convnext_tiny")).rejects.toThrow(
    /cannot use someone\/empty: the repository has no weights; they are looked for in model.safetensors, /,
  )
})

test("progress names the file that is downloaded", async () => {
  const seen = new Map<string, number>()
  await resolveWeights("fb_in1k", "convnext_tiny", { onProgress: ({ path }, received) => seen.set(path, received) })
  expect([...seen]).toEqual([["model.safetensors", safetensors(1).length]])
})
