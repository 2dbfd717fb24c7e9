import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, test } from "vitest"
import { createModel } from "../../index.ts"
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
    expect(() => stored!.data).toThrow(`${path}: somebody has written to it since it was opened; load it again`)
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
    // Read, they are the same once more.
    expect(Object.values(model.stateDict()).every(({ data }) => data.length > 0)).toBe(true)
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
