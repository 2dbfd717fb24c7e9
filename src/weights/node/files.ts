/** Checkpoint files: reading and writing them. */
import { stat } from "node:fs/promises"
import { dirname, join } from "node:path"
import { bytesOf, type DType, type NdArray } from "../../tensor/ndarray.ts"
import { type Checkpoint, readAll } from "../checkpoint.ts"
import { openCheckpoint } from "../formats.ts"
import { layoutSafetensors, openSafetensors, type Safetensors } from "../safetensors.ts"
import { unreadable } from "../unreadable.ts"
import { writeFileAtomic } from "./atomic-file.ts"
import { type OpenFileOptions, openByteSource, openFile } from "./byte-source.ts"

/**
 * Reads all tensors of a checkpoint: safetensors, PyTorch (`.pth`, `.pt`, `.bin`, `.ckpt`: what `torch.save` writes), the
 * initializers of an ONNX model, or the index of a sharded one. The format is told by the content.
 *
 * Of a training checkpoint in PyTorch's format the state dict is taken, the moving average before the raw weights, and
 * prefixes that wrappers add (`module.`) are removed; nothing in the file is executed.
 *
 * ```ts
 * const tensors = await loadTensors("runs/pets/best.safetensors")
 * tensors["head.fc.weight"] // { shape: [37, 768], dtype: "float32", data: Float32Array }
 * ```
 *
 * @param pathOrBytes the file, its bytes, a folder in the layout of transformers (`model.safetensors`, ...), or one of a
 *   run, whose best weights are read
 * Throws an InputError if the file cannot be read, is of no known format, cut short or inconsistent, or calls in its
 * pickle for what tensors do not need.
 */
export async function loadTensors(pathOrBytes: string | Uint8Array): Promise<Record<string, NdArray>> {
  return (await loadFile(pathOrBytes)).tensors
}

/** A checkpoint that was read. */
export interface LoadedFile {
  tensors: Record<string, NdArray>
  /** Free text that travels with the tensors; only safetensors has it. */
  metadata: Record<string, string>
  /** The file that was read, where a folder was given; undefined for bytes. */
  path: string | undefined
}

/** Reads what {@link loadTensors} reads, and its metadata. Throws as it does. */
export async function loadFile(pathOrBytes: string | Uint8Array, options?: OpenFileOptions): Promise<LoadedFile> {
  const read = async (checkpoint: Checkpoint, path: string | undefined) => ({
    tensors: await readAll(checkpoint),
    metadata: checkpoint.metadata,
    path,
  })
  return withCheckpoint(pathOrBytes, read, options)
}

/** What a checkpoint holds, without the values. */
export interface TensorList {
  /** Name of the format, as people call it. */
  format: string
  tensors: { name: string; dtype: DType; shape: number[] }[]
  /** Free text that travels with the tensors; only safetensors has it. */
  metadata: Record<string, string>
}

/** Lists the tensors that {@link loadTensors} would read, from the headers alone. Throws as it does. */
export async function listTensors(pathOrBytes: string | Uint8Array): Promise<TensorList> {
  return withCheckpoint(pathOrBytes, async ({ format, tensors, metadata }) => ({
    format,
    tensors: tensors.map(({ name, dtype, shape }) => ({ name, dtype, shape })),
    metadata,
  }))
}

/** Reads a safetensors file with its metadata. Throws an InputError as {@link loadTensors} does. */
export async function loadSafetensors(pathOrBytes: string | Uint8Array): Promise<Safetensors> {
  const source = await openByteSource(pathOrBytes)
  try {
    const checkpoint = await openSafetensors(source)
    return { tensors: await readAll(checkpoint), metadata: checkpoint.metadata }
  } finally {
    await source.close()
  }
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

/** Opens a checkpoint and, as it asks for them, the files beside it; closes them all when `use` is done. */
async function withCheckpoint<T>(
  pathOrBytes: string | Uint8Array,
  use: (checkpoint: Checkpoint, path: string | undefined) => Promise<T>,
  options?: OpenFileOptions,
): Promise<T> {
  const given = typeof pathOrBytes === "string" ? await findInFolder(pathOrBytes) : pathOrBytes
  const sources = [await openByteSource(given, options)]
  const openSibling = async (name: string) => {
    if (typeof given !== "string") {
      throw unreadable(
        sources[0]!.name,
        `they refer to the file ${name} beside them; give the path instead of the bytes`,
      )
    }
    const source = await openFile(join(dirname(given), name), options)
    sources.push(source)
    return source
  }
  try {
    return await use(await openCheckpoint(sources[0]!, openSibling), typeof given === "string" ? given : undefined)
  } finally {
    await Promise.all(sources.map((source) => source.close()))
  }
}

/**
 * The files that weights are in where a folder or a repository of the hub is for one model, the best first: nothing executes
 * in a safetensors file, and an index lists shards. What is to be said of them is in `config.json` beside them.
 */
export const weightFiles: readonly string[] = [
  "model.safetensors",
  "model.safetensors.index.json",
  "pytorch_model.bin",
  "pytorch_model.bin.index.json",
]

/** Where a folder's weights are looked for; the last is what a run keeps. */
const folderFiles = [...weightFiles, "best.safetensors"]

/** The checkpoint of a folder; a path that is no folder stays as it is. */
async function findInFolder(path: string): Promise<string> {
  const isFolder = await stat(path)
    .then((stat) => stat.isDirectory())
    .catch(() => false)
  if (!isFolder) return path
  for (const name of folderFiles) {
    const file = join(path, name)
    if (
      await stat(file)
        .then((stat) => stat.isFile())
        .catch(() => false)
    )
      return file
  }
  throw unreadable(path, `it is not a file, nor a folder that has one of ${folderFiles.join(", ")}`)
}
