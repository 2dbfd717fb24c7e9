/** Writing an ONNX model that needs a data file beside it. */

import { rename, rm } from "node:fs/promises"
import { basename } from "node:path"
import type { EncodedModel } from "../compile/onnx/encode.ts"
import { packExternalData } from "../compile/onnx/external.ts"
import { InputError } from "../tensor/errors.ts"
import { writeFileAtomic } from "../weights/node/atomic-file.ts"

/** What was written. */
export interface OnnxFiles {
  /** Bytes of all files. */
  bytes: number
  /** The data file, where there is one. */
  dataPath?: string
}

/** Writes a model, with its external data as `PATH.data`. Throws an InputError if a file cannot be written. */
export async function writeOnnx(path: string, encoded: EncodedModel): Promise<OnnxFiles> {
  if (Object.keys(encoded.external).length === 0) {
    await writeFileAtomic(path, [encoded.model])
    return { bytes: encoded.model.length }
  }
  const dataPath = `${path}.data`
  const { model, data } = packExternalData(encoded, basename(dataPath))
  await writePair(path, model, dataPath, data)
  return { bytes: data.reduce((sum, part) => sum + part.length, model.length), dataPath }
}

/**
 * Both files are written whole beside the old ones. Then the old model goes away before its data does: a process that
 * dies in between leaves no model, never one with another's weights.
 */
async function writePair(
  path: string,
  model: Uint8Array,
  dataPath: string,
  data: readonly Uint8Array[],
): Promise<void> {
  const [newPath, newDataPath] = [`${path}.new`, `${dataPath}.new`]
  try {
    await writeFileAtomic(newDataPath, data)
    await writeFileAtomic(newPath, [model])
    await rm(path, { force: true })
    await rename(newDataPath, dataPath)
    await rename(newPath, path)
  } catch (error) {
    // The first error is the one to tell.
    for (const left of [newPath, newDataPath]) await rm(left, { force: true }).catch(() => {})
    if (error instanceof InputError) throw error
    throw new InputError(`cannot write ${path}: ${(error as Error).message}`, { cause: error })
  }
}
