import { existsSync } from "node:fs"
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { InputError } from "../../tensor/errors.ts"
import { ndarray } from "../../tensor/ndarray.ts"
import { encodeSafetensors } from "../safetensors.ts"
import { loadSafetensors, loadTensors, saveSafetensors } from "./files.ts"

const tensors = { "head.fc.weight": ndarray([1, 2, 3, 4, 5, 6], [2, 3]), count: ndarray([7], [], "int32") }
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "convnext-files-"))
})
afterAll(() => rm(folder, { recursive: true }))

test("what is saved is loaded, with its metadata, from the path and from the bytes", async () => {
  const path = join(folder, "model.safetensors")
  await saveSafetensors(path, tensors, { epoch: "3" })
  const bytes = new Uint8Array(await readFile(path))
  expect(bytes).toEqual(encodeSafetensors(tensors, { epoch: "3" }))
  expect(await loadTensors(path)).toEqual(tensors)
  expect(await loadTensors(bytes)).toEqual(tensors)
  expect(await loadSafetensors(path)).toEqual({ tensors, metadata: { epoch: "3" } })
})

test.skipIf(!existsSync("/dev/full"))("a full disk leaves the old file and no temporary one", async () => {
  const path = join(folder, "kept.safetensors")
  await saveSafetensors(path, tensors)
  await symlink("/dev/full", `${path}.tmp`) // what is written here meets a full disk
  await expect(saveSafetensors(path, { other: ndarray([1]) })).rejects.toThrow(
    new InputError(`cannot write ${path}: the disk is full; what was there before is untouched`),
  )
  expect(await loadTensors(path)).toEqual(tensors)
  expect(await readdir(folder)).not.toContain("kept.safetensors.tmp")
})

test("a temporary file that a killed process left is in nobody's way", async () => {
  const path = join(folder, "after-kill.safetensors")
  await writeFile(`${path}.tmp`, "half of a checkpoint")
  await saveSafetensors(path, tensors)
  expect(await loadTensors(path)).toEqual(tensors)
  expect(await readdir(folder)).not.toContain("after-kill.safetensors.tmp")
})

test("saving into a folder that does not exist says so", async () => {
  await expect(saveSafetensors(join(folder, "none", "a.safetensors"), tensors)).rejects.toThrow(
    /cannot write .*a\.safetensors: its folder does not exist/,
  )
})

test.each([
  [
    "a missing file",
    async () => join(folder, "missing.safetensors"),
    /cannot read .*missing.safetensors: no such file/,
  ],
  ["a folder", async () => folder, /it is not a file/],
  ["an empty file", async () => new Uint8Array(0), /not a checkpoint in a known format \(safetensors\); it is empty/],
  ["another format", async () => new TextEncoder().encode("GIF89a, and more"), /it starts with bytes 474946383961/],
  [
    "a file cut short",
    async () => encodeSafetensors(tensors).slice(0, -1),
    /cannot read the given bytes: .* cut short/,
  ],
])("loading %s is an InputError", async (_, given, message) => {
  const error = await loadTensors(await given()).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(InputError)
  expect((error as Error).message).toMatch(message)
})

test("every truncation of a file is an InputError", async () => {
  const bytes = encodeSafetensors(tensors)
  for (let size = 0; size < bytes.length; size++) {
    await expect(loadTensors(bytes.subarray(0, size))).rejects.toThrow(InputError)
    await expect(loadSafetensors(bytes.subarray(0, size))).rejects.toThrow(InputError)
  }
})
