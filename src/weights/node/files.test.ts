import { existsSync } from "node:fs"
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { InputError } from "../../tensor/errors.ts"
import { type NdArray, ndarray } from "../../tensor/ndarray.ts"
import { encodeSafetensors } from "../safetensors.ts"
import { listTensors, loadSafetensors, loadTensors, saveSafetensors } from "./files.ts"

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
  [
    "a folder without weights",
    async () => mkdtemp(join(folder, "empty-")),
    /it is not a file, nor a folder that has one of model\.safetensors, /,
  ],
  [
    "an empty file",
    async () => new Uint8Array(0),
    /not a checkpoint in a known format \(safetensors, .*\); it is empty/,
  ],
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

/** Writes a folder with these files: tensors, or anything as JSON. */
async function folderWith(files: Record<string, unknown>): Promise<string> {
  const path = await mkdtemp(join(folder, "files-"))
  for (const [name, content] of Object.entries(files)) {
    if (name.endsWith(".safetensors")) await saveSafetensors(join(path, name), content as Record<string, NdArray>)
    else await writeFile(join(path, name), JSON.stringify(content))
  }
  return path
}

const [a, b, c] = [ndarray([1]), ndarray([2, 3]), ndarray([4], [], "int32")]
const shards = { "1.safetensors": { a, b }, "2.safetensors": { c, unlisted: a } }
const index = (weight_map: unknown) => ({
  "model.safetensors.index.json": { metadata: { total_size: 16 }, weight_map },
})
const weightMap = { c: "2.safetensors", a: "1.safetensors", b: "1.safetensors" }

test("a sharded checkpoint is read by its folder or its index, in the order of the index", async () => {
  const path = await folderWith({ ...shards, ...index(weightMap) })
  for (const given of [path, join(path, "model.safetensors.index.json")]) {
    expect(Object.entries(await loadTensors(given))).toEqual([
      ["c", c],
      ["a", a],
      ["b", b],
    ])
  }
})

test("a folder's weights are its safetensors file before others", async () => {
  const path = await folderWith({ ...shards, ...index(weightMap), "model.safetensors": { whole: a } })
  expect(await loadTensors(path)).toEqual({ whole: a })
})

test("shards may be links, as in the caches of hubs", async () => {
  const path = await folderWith({ "1.safetensors": { a } })
  const snapshot = await folderWith(index({ a: "shard.safetensors" }))
  await symlink(join(path, "1.safetensors"), join(snapshot, "shard.safetensors"))
  expect(await loadTensors(snapshot)).toEqual({ a })
})

test.each<[string, Record<string, unknown>, RegExp]>([
  [
    "a shard above the folder",
    index({ a: "../1.safetensors" }),
    /"a" is said to be in "\.\.\/1\.safetensors", which is no file/,
  ],
  ["a shard at the root", index({ a: "/etc/passwd" }), /no file beside the index/],
  ["a shard that is no name", index({ a: 3 }), /said to be in "3", which is no file/],
  ["a shard that is missing", index({ a: "3.safetensors" }), /3\.safetensors: no such file/],
  [
    "a shard without the tensor",
    index({ c: "1.safetensors" }),
    /tensor "c" is not in "1\.safetensors", where it should be/,
  ],
  ["an index of an index", index({ a: "model.safetensors.index.json" }), /not a checkpoint in a known format/],
  ["an index without a map", index(undefined), /no index of shards: it has no weight_map/],
  ["a map that is none", index(["a"]), /it has no weight_map/],
])("an index is refused for %s", async (_, files, message) => {
  const path = await folderWith({ ...shards, ...files })
  await expect(loadTensors(path)).rejects.toThrow(InputError)
  await expect(loadTensors(path)).rejects.toThrow(message)
})

test("an index as bytes has no shards beside it", async () => {
  const bytes = new TextEncoder().encode(JSON.stringify(index(weightMap)["model.safetensors.index.json"]))
  await expect(loadTensors(bytes)).rejects.toThrow(/refer to the file 2\.safetensors beside them; give the path/)
})

test("tensors are listed from the headers, with the metadata", async () => {
  const path = join(folder, "listed.safetensors")
  await saveSafetensors(path, tensors, { epoch: "3" })
  expect(await listTensors(path)).toEqual({
    format: "safetensors",
    tensors: [
      { name: "head.fc.weight", dtype: "float32", shape: [2, 3] },
      { name: "count", dtype: "int32", shape: [] },
    ],
    metadata: { epoch: "3" },
  })
  const sharded = await folderWith({ ...shards, ...index(weightMap) })
  const list = await listTensors(sharded)
  expect(list.format).toBe("sharded safetensors")
  expect(list.tensors.map(({ name }) => name)).toEqual(["c", "a", "b"])
})

test("the format is told by the content, whatever the file is called", async () => {
  await mkdir(join(folder, "renamed"))
  const path = join(folder, "renamed", "weights.pth")
  await saveSafetensors(path, tensors)
  expect(await loadTensors(path)).toEqual(tensors)
})
