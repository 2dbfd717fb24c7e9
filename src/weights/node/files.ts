/** Checkpoint files: which formats there are, and reading and writing them. */
import { InputError } from "../../tensor/errors.ts"
import type { NdArray } from "../../tensor/ndarray.ts"
import {
  allocateTensor,
  bytesOf,
  checkBooleans,
  headerSize,
  layoutSafetensors,
  parseHeader,
  prefixSize,
  type Safetensors,
} from "../safetensors.ts"
import { writeFileAtomic } from "./atomic-file.ts"
import { type ByteSource, openByteSource } from "./byte-source.ts"

/** A checkpoint format: how to tell it by its first bytes, and how to read it. */
interface Format {
  name: string
  recognises(head: Uint8Array): boolean
  read(source: ByteSource): Promise<Record<string, NdArray>>
}

const formats: Format[] = [
  {
    name: "safetensors",
    recognises: (head) => head[prefixSize] === "{".charCodeAt(0),
    read: async (source) => (await readSafetensors(source)).tensors,
  },
]

/** Bytes from the beginning of a file by which its format is told. */
const headSize = 16

/**
 * Reads all tensors of a checkpoint, given as a path or as the file's bytes. The format is told by the content.
 *
 * ```ts
 * const tensors = await loadTensors("runs/pets/best.safetensors")
 * tensors["head.fc.weight"] // { shape: [37, 768], dtype: "float32", data: Float32Array }
 * ```
 *
 * Throws an InputError if the file cannot be read, is of no known format, cut short or inconsistent.
 */
export async function loadTensors(pathOrBytes: string | Uint8Array): Promise<Record<string, NdArray>> {
  return withSource(pathOrBytes, async (source) => {
    const head = new Uint8Array(Math.min(headSize, source.size))
    await source.read(0, head)
    const format = formats.find(({ recognises }) => recognises(head))
    if (format === undefined) throw unknownFormat(source, head)
    return format.read(source)
  })
}

/** Reads a safetensors file with its metadata. Throws an InputError as {@link loadTensors} does. */
export async function loadSafetensors(pathOrBytes: string | Uint8Array): Promise<Safetensors> {
  return withSource(pathOrBytes, readSafetensors)
}

/**
 * Writes tensors as a safetensors file, beside the old one, flushed and renamed: at any moment `path` holds either
 * the old file or the new one, whole. The arrays must not change until the promise is settled.
 * Throws an InputError if the file cannot be written, a UsageError if an array's data does not fill its shape.
 */
export async function saveSafetensors(
  path: string,
  tensors: Record<string, NdArray>,
  metadata: Record<string, string> = {},
): Promise<void> {
  const { head, arrays } = layoutSafetensors(tensors, metadata)
  await writeFileAtomic(path, [head, ...arrays.map(bytesOf)])
}

async function readSafetensors(source: ByteSource): Promise<Safetensors> {
  const prefix = new Uint8Array(prefixSize)
  await source.read(0, prefix.subarray(0, source.size))
  const header = new Uint8Array(headerSize(prefix, source.size, source.name))
  await source.read(prefixSize, header)
  const { entries, metadata } = parseHeader(header, source.size, source.name)
  const tensors: [string, NdArray][] = []
  for (const entry of entries) {
    const array = allocateTensor(entry, source.name)
    await source.read(entry.start, bytesOf(array))
    checkBooleans(entry, array, source.name)
    tensors.push([entry.name, array])
  }
  return { tensors: Object.fromEntries(tensors), metadata }
}

async function withSource<T>(pathOrBytes: string | Uint8Array, use: (source: ByteSource) => Promise<T>): Promise<T> {
  const source = await openByteSource(pathOrBytes)
  try {
    return await use(source)
  } finally {
    await source.close()
  }
}

function unknownFormat(source: ByteSource, head: Uint8Array): InputError {
  const start = head.length > 0 ? `it starts with bytes ${Buffer.from(head).toString("hex")}` : "it is empty"
  const known = formats.map(({ name }) => name).join(", ")
  return new InputError(`cannot read ${source.name}: not a checkpoint in a known format (${known}); ${start}`)
}
