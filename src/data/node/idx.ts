/**
 * Reader of IDX files, the format of MNIST and its successors: two zero bytes, the element type, the number of
 * dimensions, each dimension as a big-endian 32-bit number, then the elements (http://yann.lecun.com/exdb/mnist/).
 */

import { createReadStream } from "node:fs"
import { open, readdir, readFile } from "node:fs/promises"
import { basename, join } from "node:path"
import { pipeline } from "node:stream/promises"
import { createGunzip } from "node:zlib"
import { InputError } from "../../tensor/errors.ts"
import { type MemoryDataset, memoryDataset } from "../dataset.ts"

/** Bytes of any shape: `data.length` is the product of `dims`. */
export interface IdxArray {
  dims: number[]
  data: Uint8Array
}

/** The parts of a data folder that IDX files can hold: MNIST calls the second one t10k. */
export type IdxPart = "train" | "test"

/** Paths of the images and labels of each part that a folder has. */
export type IdxFiles = Partial<Record<IdxPart, { images: string; labels: string }>>

const unsignedByte = 0x08
/** Node 20 cannot hold more in one buffer. */
const mostBytes = 0xffff_ffff

/**
 * Reads an IDX file of unsigned bytes, gzipped or not. Memory is taken as the elements arrive, never because the header
 * says so. Throws an InputError if the file cannot be read, is no IDX file, or holds fewer or more bytes than it says.
 */
export async function readIdx(file: string): Promise<IdxArray> {
  const chunks: Buffer[] = []
  let header: IdxHeader | undefined
  let received = 0
  try {
    const zipped = await isGzip(file)
    const collect = async (stream: AsyncIterable<Buffer>) => {
      for await (const chunk of stream) {
        chunks.push(chunk)
        received += chunk.length
        header ??= parseHeader(Buffer.concat(chunks), file)
        if (header && received > header.end) throw tooMany(file, header)
      }
    }
    const source = createReadStream(file, { highWaterMark: 1 << 18 })
    await (zipped ? pipeline(source, createGunzip(), collect) : pipeline(source, collect))
  } catch (error) {
    if (error instanceof InputError) throw error
    throw new InputError(`cannot read ${file}: ${(error as Error).message}`)
  }
  if (!header) throw new InputError(`${file} is cut off: it ends inside its header, after ${received} bytes`)
  if (received < header.end) {
    throw new InputError(
      `${file} is cut off: its header promises ${header.dims.join(" x ")} = ${header.end - header.start} bytes, ` +
        `${received - header.start} are there. Download it again`,
    )
  }
  const bytes = Buffer.concat(chunks)
  const data = new Uint8Array(bytes.buffer, bytes.byteOffset + header.start, header.end - header.start)
  return { dims: header.dims, data }
}

interface IdxHeader {
  dims: number[]
  /** Where the elements begin and end in the file, in bytes. */
  start: number
  end: number
}

/** Undefined while there are too few bytes to tell. */
function parseHeader(bytes: Buffer, file: string): IdxHeader | undefined {
  if (bytes.length < 4) return undefined
  const [zero0, zero1, type, rank] = bytes as unknown as [number, number, number, number]
  if (zero0 !== 0 || zero1 !== 0 || rank < 1 || rank > 4) {
    throw new InputError(`${file} is not an IDX file: it starts with the bytes ${bytes.subarray(0, 4).toString("hex")}`)
  }
  if (type !== unsignedByte) {
    throw new InputError(
      `${file} holds elements of IDX type 0x${type.toString(16)}; only unsigned bytes (0x8) are read`,
    )
  }
  const start = 4 + 4 * rank
  if (bytes.length < start) return undefined
  const dims = Array.from({ length: rank }, (_, axis) => bytes.readUInt32BE(4 + 4 * axis))
  const end = start + dims.reduce((product, dim) => product * dim, 1)
  if (end > mostBytes) {
    throw new InputError(`${file} says it holds ${dims.join(" x ")} bytes, more than the 4 GB that can be read`)
  }
  return { dims, start, end }
}

function tooMany(file: string, header: IdxHeader): InputError {
  return new InputError(
    `${file} is damaged: its header promises ${header.dims.join(" x ")} = ${header.end - header.start} bytes, more follow`,
  )
}

/** The content decides, not the name: browsers and tools unpack files without renaming them. */
async function isGzip(file: string): Promise<boolean> {
  const handle = await open(file)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0)
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b
  } finally {
    await handle.close()
  }
}

const idxName = /^(train|t10k|test)-(images|labels)[-.]idx\d-ubyte(\.gz)?$/i

/**
 * Finds the IDX files of a folder by MNIST's names (`train-images-idx3-ubyte`, `t10k-labels.idx1-ubyte.gz`, ...).
 * Throws an InputError if one has no counterpart. A folder without such files gives `{}`.
 */
export async function findIdxFiles(folder: string): Promise<IdxFiles> {
  const found: Partial<Record<IdxPart, { images?: string; labels?: string }>> = {}
  // In this order an unpacked file is taken before the archive that it came from.
  for (const name of (await readdir(folder)).sort()) {
    const match = idxName.exec(name)
    if (!match) continue
    const part: IdxPart = match[1]!.toLowerCase() === "train" ? "train" : "test"
    const content = match[2]!.toLowerCase() as "images" | "labels"
    found[part] ??= {}
    found[part][content] ??= join(folder, name)
  }
  const files: IdxFiles = {}
  for (const part of ["train", "test"] as const) {
    const { images, labels } = found[part] ?? {}
    if (images && labels) files[part] = { images, labels }
    else if (images)
      throw new InputError(`${images} has no file of labels beside it, such as train-labels-idx1-ubyte.gz`)
    else if (labels)
      throw new InputError(`${labels} has no file of images beside it, such as train-images-idx3-ubyte.gz`)
  }
  return files
}

/**
 * Reads one part: images `[N, H, W]` or `[N, H, W, C]` and labels `[N]`. The classes are named "0", "1", ... up to the
 * highest label. Throws an InputError if the two files do not belong together.
 */
export async function readIdxPart({ images, labels }: { images: string; labels: string }): Promise<MemoryDataset> {
  const [pixels, classOf] = await Promise.all([readIdx(images), readIdx(labels)])
  const [count = 0, height = 0, width = 0, channels = 1] = pixels.dims
  if (pixels.dims.length < 3 || (channels !== 1 && channels !== 3)) {
    throw new InputError(
      `${images} has the shape [${pixels.dims.join(", ")}], expected [N, height, width] or [N, height, width, 3]`,
    )
  }
  if (pixels.data.length === 0)
    throw new InputError(`${images} holds no images: its shape is [${pixels.dims.join(", ")}]`)
  if (classOf.dims.length !== 1 || classOf.dims[0] !== count) {
    throw new InputError(
      `${labels} has the shape [${classOf.dims.join(", ")}], expected [${count}] as there are ${images}`,
    )
  }
  const highest = classOf.data.reduce((most, label) => Math.max(most, label), 0)
  const classes = Array.from({ length: highest + 1 }, (_, label) => String(label))
  const name = basename(images).replace(/[-.]idx.*$/i, "")
  return memoryDataset({ height, width, channels, pixels: pixels.data }, Int32Array.from(classOf.data), classes, name)
}

/** The names in the folder's `labels.txt`, one a line; undefined if it has none. */
export async function readLabelNames(folder: string): Promise<string[] | undefined> {
  const file = join(folder, "labels.txt")
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined
    throw new InputError(`cannot read ${file}: ${error.message}`)
  })
  const names = text
    ?.split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
  return names
}
