import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import fc from "fast-check"
import { expect, test } from "vitest"
import { imageFolder, temporaryFolder } from "../../../test/data/image-folder.ts"
import { InputError } from "../../tensor/errors.ts"
import { findIdxFiles, readIdx, readIdxPart, readLabelNames } from "./idx.ts"

/** An IDX file of unsigned bytes. */
function idxBytes(dims: readonly number[], data: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * dims.length)
  header.set([0, 0, 8, dims.length])
  for (const [axis, dim] of dims.entries()) header.writeUInt32BE(dim, 4 + 4 * axis)
  return Buffer.concat([header, data])
}

const counting = (length: number) => Uint8Array.from({ length }, (_, i) => i % 251)
const images = idxBytes([3, 4, 5], counting(60))
const labels = idxBytes([3], Uint8Array.of(2, 0, 2))

function writeFile(content: Uint8Array, name = "file"): string {
  const file = join(temporaryFolder(), name)
  writeFileSync(file, content)
  return file
}

test("a file is read to its dimensions and bytes, gzipped or not, whatever its name", async () => {
  const expected = { dims: [3, 4, 5], data: counting(60) }
  expect(await readIdx(writeFile(images, "plain.gz"))).toEqual(expected)
  expect(await readIdx(writeFile(gzipSync(images), "zipped"))).toEqual(expected)
  const large = await readIdx(writeFile(gzipSync(idxBytes([1000, 700], counting(700_000)))))
  expect(large.dims).toEqual([1000, 700])
  expect(Buffer.compare(large.data, counting(700_000))).toBe(0)
})

test.each([
  ["an empty file", Buffer.alloc(0), /cut off: it ends inside its header, after 0 bytes/],
  ["an end inside the header", images.subarray(0, 9), /cut off: it ends inside its header, after 9 bytes/],
  ["an end inside the data", images.subarray(0, 50), /cut off: its header promises 3 x 4 x 5 = 60 bytes, 34 are there/],
  ["more data than promised", Buffer.concat([images, labels]), /damaged: its header promises .* more follow/],
  ["another format", Buffer.from("PNG and so on"), /is not an IDX file: it starts with the bytes 504e4720/],
  ["elements of another type", Buffer.from([0, 0, 0x0d, 1, 0, 0, 0, 0]), /IDX type 0xd; only unsigned bytes/],
  ["a product beyond memory", idxBytes([0xffff_ffff, 0xffff_ffff], labels), /more than the 4 GB that can be read/],
  ["a cut archive", gzipSync(images).subarray(0, 40), /cannot read .*unexpected end of file/],
  ["an archive with a changed byte", damaged(gzipSync(images)), /cannot read/],
])("%s is refused with what is wrong", async (_, content, message) => {
  const reading = readIdx(writeFile(content))
  await expect(reading).rejects.toThrow(InputError)
  await expect(reading).rejects.toThrow(message)
})

function damaged(bytes: Buffer): Buffer {
  bytes[bytes.length - 6]! ^= 0xff // in the checksum
  return bytes
}

test("a file that is not there, or is a folder, is named", async () => {
  await expect(readIdx("nowhere/train-images-idx3-ubyte")).rejects.toThrow(
    /cannot read nowhere.train-images-idx3-ubyte/,
  )
  await expect(readIdx(temporaryFolder())).rejects.toThrow(InputError)
})

test("no change of a header and no cut makes the reader crash, or take the memory that the header asks for", async () => {
  const file = writeFile(images)
  const change = fc.record({
    zipped: fc.boolean(),
    at: fc.nat({ max: 15 }),
    byte: fc.nat({ max: 255 }),
    length: fc.nat({ max: images.length }),
  })
  await fc.assert(
    fc.asyncProperty(change, async ({ zipped, at, byte, length }) => {
      const changed = Buffer.from(images)
      changed[at] = byte
      writeFileSync(file, zipped ? gzipSync(changed).subarray(0, length + 20) : changed.subarray(0, length))
      const before = process.memoryUsage().arrayBuffers
      const result = await readIdx(file).catch((error: unknown) => error)
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 << 20)
      if (result instanceof InputError) expect(result.message).toContain(file)
      else expect(result).toMatchObject({ dims: expect.any(Array), data: expect.any(Uint8Array) })
    }),
    { numRuns: 300 },
  )
})

test("files are found by MNIST's names, and the unpacked one is taken where both are there", async () => {
  const folder = await imageFolder([
    ["train-images.idx3-ubyte", images],
    ["train-images-idx3-ubyte.gz", images],
    ["train-images-idx3-ubyte", images],
    ["train-labels-idx1-ubyte.gz", labels],
    ["t10k-images.idx3-ubyte", images],
    ["t10k-labels.idx1-ubyte", labels],
    ["notes.txt", "about"],
  ])
  expect(await findIdxFiles(folder)).toEqual({
    train: { images: join(folder, "train-images-idx3-ubyte"), labels: join(folder, "train-labels-idx1-ubyte.gz") },
    test: { images: join(folder, "t10k-images.idx3-ubyte"), labels: join(folder, "t10k-labels.idx1-ubyte") },
  })
  expect(await findIdxFiles(await imageFolder([["cat/1.jpg", ""]]))).toEqual({})
})

test("images without labels, and labels without images, are refused", async () => {
  const noLabels = await imageFolder([["train-images-idx3-ubyte", images]])
  await expect(findIdxFiles(noLabels)).rejects.toThrow(/train-images-idx3-ubyte has no file of labels beside it/)
  const noImages = await imageFolder([["t10k-labels-idx1-ubyte", labels]])
  await expect(findIdxFiles(noImages)).rejects.toThrow(/t10k-labels-idx1-ubyte has no file of images beside it/)
})

test("a part is read to images, labels and numbered classes", async () => {
  const part = await readIdxPart({ images: writeFile(images, "t10k-images-idx3-ubyte.gz"), labels: writeFile(labels) })
  expect(part).toMatchObject({ kind: "memory", length: 3, height: 4, width: 5, channels: 1, classes: ["0", "1", "2"] })
  expect([...part.labels]).toEqual([2, 0, 2])
  expect(part.source(1)).toBe("t10k-images[1]")
  expect(await part.read(1)).toEqual({ width: 5, height: 4, channels: 1, data: counting(60).subarray(20, 40) })
})

test("colour images have a fourth dimension", async () => {
  const colour = idxBytes([3, 2, 2, 3], counting(36))
  const part = await readIdxPart({ images: writeFile(colour), labels: writeFile(labels) })
  expect(part).toMatchObject({ height: 2, width: 2, channels: 3 })
  expect(await part.read(2)).toEqual({ width: 2, height: 2, channels: 3, data: counting(36).subarray(24) })
})

test.each([
  [
    "images of two dimensions",
    idxBytes([3, 20], counting(60)),
    labels,
    /has the shape \[3, 20\], expected \[N, height/,
  ],
  ["images of two channels", idxBytes([3, 2, 5, 2], counting(60)), labels, /has the shape \[3, 2, 5, 2\]/],
  ["no images", idxBytes([0, 28, 28], Buffer.alloc(0)), idxBytes([0], Buffer.alloc(0)), /holds no images/],
  ["fewer labels than images", images, idxBytes([2], counting(2)), /has the shape \[2\], expected \[3\]/],
  ["labels of two dimensions", images, idxBytes([3, 1], counting(3)), /has the shape \[3, 1\], expected \[3\]/],
])("%s are refused", async (_, imageFile, labelFile, message) => {
  const reading = readIdxPart({ images: writeFile(imageFile), labels: writeFile(labelFile) })
  await expect(reading).rejects.toThrow(InputError)
  await expect(reading).rejects.toThrow(message)
})

test("labels.txt names the classes, one a line", async () => {
  expect(await readLabelNames(await imageFolder([["labels.txt", "T-shirt/top\r\nAnkle boot\n\n"]]))).toEqual([
    "T-shirt/top",
    "Ankle boot",
  ])
  expect(await readLabelNames(temporaryFolder())).toBeUndefined()
})
