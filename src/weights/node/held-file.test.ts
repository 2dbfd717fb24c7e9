import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, test } from "vitest"
import { createModel, exportModel } from "../../index.ts"
import type { Model } from "../../models/model.ts"
import { bytesOf, type NdArray, ndarray } from "../../tensor/ndarray.ts"
import { Random } from "../../tensor/random.ts"
import { regionOf } from "../../tensor/stored.ts"
import { layoutTorchArchive } from "../pytorch/write.ts"
import { loadFile, saveSafetensors } from "./files.ts"

const random = new Random(0, "held files")
const folder = mkdtempSync(join(tmpdir(), "convnext-held-"))
afterAll(() => rmSync(folder, { recursive: true }))

/** 2 MiB of 1, 2, 3, ... */
const large = ndarray(
  Float32Array.from({ length: 512 * 1024 }, (_, i) => i + 1),
  [512, 1024],
)

const isLarge = (bytes: Uint8Array) => Buffer.compare(bytes, bytesOf(large)) === 0

let files = 0
async function writeLarge(value: NdArray = large): Promise<string> {
  const path = join(folder, `large-${files++}.safetensors`)
  await saveSafetensors(path, { large: value, small: ndarray([1, 2]) })
  return path
}

async function loadLarge(path: string) {
  return (await loadFile(path, { store: true })).tensors
}

describe.skipIf(process.platform === "win32")("values that stay in a file", () => {
  test("are those of large tensors; asked for otherwise, all are read", async () => {
    const path = await writeLarge()
    const { large: stored, small } = await loadLarge(path)
    expect(regionOf(small!)).toBeUndefined()
    expect(regionOf(stored!)).toMatchObject({ file: path.slice(folder.length + 1) })
    expect(bytesOf(stored!)).toSatisfy(isLarge)
    expect(regionOf((await loadFile(path)).tensors.large!)).toBeUndefined()
  })

  test("are found through symbolic links, as in the cache of a hub", async () => {
    const path = await writeLarge()
    mkdirSync(join(folder, "snapshot"))
    symlinkSync(path, join(folder, "snapshot/model.safetensors"))
    const { large: stored } = await loadLarge(join(folder, "snapshot/model.safetensors"))
    const region = regionOf(stored!)!
    expect(readFileSync(join(region.folder, region.file)).readFloatLE(region.start)).toBe(1)
  })

  test("are still there when the file has been removed or replaced, but nobody else can read them then", async () => {
    const removed = await writeLarge()
    const replaced = await writeLarge()
    const [a, b] = [(await loadLarge(removed)).large!, (await loadLarge(replaced)).large!]
    rmSync(removed)
    renameSync(await writeLarge(ndarray(new Float32Array(512 * 1024), [512, 1024])), replaced)
    for (const stored of [a, b]) {
      expect(regionOf(stored)!.isCurrent()).toBe(false)
      expect(bytesOf(stored)).toSatisfy(isLarge)
    }
  })

  test("are refused when somebody has written to the file", async () => {
    const path = await writeLarge()
    const { large: stored } = await loadLarge(path)
    appendFileSync(path, "more")
    expect(regionOf(stored!)!.isCurrent()).toBe(false)
    expect(() => stored!.data).toThrow(`${path}: it has been changed since it was opened: load it again`)
  })
})

const architecture = { depths: [1, 1, 1, 1], dims: [16, 32, 64, 384], numClasses: 5 }

/** Linear layers that are large enough to stay in the file. */
const inFile = ["stages.3.blocks.0.mlp.fc1.weight", "stages.3.blocks.0.mlp.fc2.weight"]

describe.skipIf(process.platform === "win32").each(["safetensors", "pth"])("a model from a .%s file", (format) => {
  const images = ndarray(
    Float32Array.from({ length: 64 * 64 * 3 }, () => random.normal(0, 1)),
    [1, 64, 64, 3],
  )
  const load = (weights: string) => createModel("convnext", { weights, config: architecture, device: "cpu" })
  const stillInFile = ({ weights }: Model) => Object.keys(weights).filter((name) => regionOf(weights[name]!))

  async function write(): Promise<{ path: string; logits: NdArray }> {
    const model = await createModel("convnext", { config: architecture, device: "cpu", seed: 3 })
    const path = join(folder, `model-${files++}.${format}`)
    if (format === "pth") writeFileSync(path, Buffer.concat([...layoutTorchArchive(model.stateDict())]))
    else await saveSafetensors(path, model.stateDict())
    return { path, logits: await model.forward(images) }
  }

  test("runs on the weights where they are, and gives the same logits", async () => {
    const { path, logits } = await write()
    const model = await load(path)
    expect(stillInFile(model)).toEqual(inFile)
    expect(await model.forward(images)).toEqual(logits)
    expect(stillInFile(model)).toEqual(inFile)
    // A copy leaves them there. Read, they are the same once more.
    expect(model.stateDict()[inFile[0]!]!.data).toHaveLength(4 * 384 * 384)
    expect(stillInFile(model)).toEqual(inFile)
    for (const { data } of Object.values(model.weights)) expect(data.length).toBeGreaterThan(0)
    model.invalidate()
    expect(await model.forward(images)).toEqual(logits)
    expect(stillInFile(model)).toEqual([])
  })

  test("runs when the file has gone, and on weights that were changed in place", async () => {
    const { path, logits } = await write()
    const model = await load(path)
    rmSync(path)
    expect(await model.forward(images)).toEqual(logits)
    ;(model.weights[inFile[0]!] as NdArray<"float32">).data.fill(0)
    model.invalidate()
    expect(await model.forward(images)).not.toEqual(logits)
  })
})

describe.skipIf(process.platform === "win32")(
  "a file that is changed before the first forward pass or during it",
  () => {
    const images = ndarray(
      Float32Array.from({ length: 64 * 64 * 3 }, () => random.normal(0, 1)),
      [1, 64, 64, 3],
    )
    const write = async (seed: number) => {
      const model = await createModel("convnext", { config: architecture, device: "cpu", seed })
      const path = join(folder, `raced-${files++}.safetensors`)
      await saveSafetensors(path, model.stateDict())
      return { path, logits: await model.forward(images) }
    }

    test.each<[string, (path: string, other: string) => void]>([
      ["replaced", (path, other) => renameSync(other, path)],
      ["removed", (path) => rmSync(path)],
    ])("%s: the logits are those of the file that was opened", async (_, act) => {
      const [a, b] = [await write(1), await write(2)]
      const model = await createModel("convnext", { weights: a.path, config: architecture, device: "cpu" })
      const pending = model.forward(images)
      act(a.path, b.path)
      expect(await pending).toEqual(a.logits)
      expect(await model.forward(images)).toEqual(a.logits)
    })

    test("written to before: an error says so, and other weights can be loaded", async () => {
      const { path } = await write(1)
      const model = await createModel("convnext", { weights: path, config: architecture, device: "cpu" })
      const good = await createModel("convnext", { config: architecture, device: "cpu", seed: 5 })
      appendFileSync(path, "more")
      await expect(model.forward(images)).rejects.toThrow("it has been changed since it was opened: load it again")
      model.loadStateDict(good.stateDict())
      expect(await model.forward(images)).toEqual(await good.forward(images))
    })
  },
)

test("weights that say what they are of stay in their file, too; a copy of them leaves them there", async () => {
  const model = await createModel("convnext", { config: architecture, device: "cpu", seed: 3 })
  const path = join(folder, "described.safetensors")
  await exportModel(model, path, { to: "safetensors" })
  const loaded = await createModel("convnext", { weights: path, device: "cpu" })
  const unread = () => Object.values(loaded.weights).filter((value) => regionOf(value)).length
  if (process.platform !== "win32") expect(unread()).toBe(inFile.length)
  expect(loaded.stateDict()).toEqual(model.stateDict())
  if (process.platform !== "win32") expect(unread()).toBe(inFile.length)
})

test.skipIf(process.platform !== "linux")("a file is closed when all of its values have been read", async () => {
  const open = () => readdirSync("/proc/self/fd").length
  const path = await writeLarge()
  const before = open()
  const { large: stored } = await loadLarge(path)
  expect(open()).toBe(before + 1)
  expect(stored!.data).toHaveLength(512 * 1024)
  expect(open()).toBe(before)
})
