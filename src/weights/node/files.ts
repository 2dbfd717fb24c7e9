/** Checkpoint files: reading and writing them. */
import { stat } from "node:fs/promises"
import { dirname, join } from "node:path"
import type { DType, NdArray } from "../../tensor/ndarray.ts"
import { bytesOf, type Checkpoint, readAll } from "../checkpoint.ts"
import { openCheckpoint } from "../formats.ts"
import { layoutSafetensors, openSafetensors, type Safetensors } from "../safetensors.ts"
import { unreadable } from "../unreadable.ts"
import { writeFileAtomic } from "./atomic-file.ts"
import { openByteSource, openFile } from "./byte-source.ts"

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
 * @param pathOrBytes the file, its bytes, or a folder in the layout of transformers (`model.safetensors`, ...)
 * Throws an InputError if the file cannot be read, is of no known format, cut short or inconsistent, or calls in its
 * pickle for what tensors do not need.
 */
export async function loadTensors(pathOrBytes: string | Uint8Array): Promise<Record<string, NdArray>> {
  return withCheckpoint(pathOrBytes, readAll)
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
  use: (checkpoint: Checkpoint) => Promise<T>,
): Promise<T> {
  const given = typeof pathOrBytes === "string" ? await findInFolder(pathOrBytes) : pathOrBytes
  const sources = [await openByteSource(given)]
  const openSibling = async (name: string) => {
    if (typeof given !== "string") {
      throw unreadable(
        sources[0]!.name,
        `they refer to the file ${name} beside them; give the path instead of the bytes`,
      )
    }
    const source = await openFile(join(dirname(given), name))
    sources.push(source)
    return source
  }
  try {
    return await use(await openCheckpoint(sources[0]!, openSibling))
  } finally {
    await Promise.all(sources.map((source) => source.close()))
  }
}

/** The files that a folder's weights are looked for in, in transformers' order. */
const folderFiles = [
  "model.safetensors",
  "model.safetensors.index.json",
  "pytorch_model.bin",
  "pytorch_model.bin.index.json",
]

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
