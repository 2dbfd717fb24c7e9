/** Predictions for image files. */

import { decodeImage } from "../data/node/decode.ts"
import { evalTransform } from "../data/transform.ts"
import type { Model } from "../models/model.ts"
import { argMax, probabilities } from "../tasks/classification/metrics.ts"
import { checkCount, InputError } from "../tensor/errors.ts"
import { type NdArray, ndarray } from "../tensor/ndarray.ts"
import { mapInLanes } from "./lanes.ts"

export interface Prediction {
  /** Name of the class, or its number where names are not known. */
  label: string
  index: number
  probability: number
}

export interface FilePrediction {
  file: string
  /** Most probable first; empty if the file could not be read. */
  predictions: Prediction[]
  /** Why the file could not be read. */
  error?: string
}

export interface PredictOptions {
  /** Number of predictions for an image, at most the number of classes. Default 5. */
  topK?: number
  /** Images in a batch. Default 16. */
  batchSize?: number
  /** Throw at an unreadable file of a list instead of saying so in its entry. Default false. */
  strict?: boolean
}

/** Images that are decoded at a time: of a batch only what the model sees of them is kept, not their full size. */
const LANES = 4

/**
 * What a model sees in an image: its classes, most probable first.
 * @param source a path, or the bytes of an image file
 * @example
 * const [best] = await predict(model, "cat.jpg")
 *
 * Throws an InputError if the image cannot be read.
 */
export async function predict(
  model: Model,
  source: string | Uint8Array,
  options?: PredictOptions,
): Promise<Prediction[]>
/** The same for many files. One that cannot be read has an `error` instead of predictions. */
export async function predict(
  model: Model,
  files: readonly string[],
  options?: PredictOptions,
): Promise<FilePrediction[]>
export async function predict(
  model: Model,
  source: string | Uint8Array | readonly string[],
  options: PredictOptions = {},
): Promise<Prediction[] | FilePrediction[]> {
  const { topK = 5, batchSize = 16, strict = false } = options
  checkCount("topK", topK)
  checkCount("batchSize", batchSize)
  const prepare = evalTransform(model.dataConfig)
  const read = async (image: string | Uint8Array) => prepare(await decodeImage(image))
  if (typeof source === "string" || source instanceof Uint8Array) {
    return (await classify(model, [await read(source)], topK))[0]!
  }
  const results: FilePrediction[] = []
  for (let start = 0; start < source.length; start += batchSize) {
    const files = source.slice(start, start + batchSize)
    results.push(...(await predictBatch(model, files, read, { topK, strict })))
  }
  return results
}

async function predictBatch(
  model: Model,
  files: readonly string[],
  read: (file: string) => Promise<NdArray<"float32">>,
  { topK, strict }: { topK: number; strict: boolean },
): Promise<FilePrediction[]> {
  const images = await mapInLanes(files, LANES, (file) =>
    read(file).catch((error: unknown) => {
      if (strict || !(error instanceof InputError)) throw error
      return error.message
    }),
  )
  const readable = images.filter((image) => typeof image !== "string")
  const predictions = readable.length > 0 ? await classify(model, readable, topK) : []
  return files.map((file, i) => {
    const image = images[i]!
    return typeof image === "string"
      ? { file, predictions: [], error: image }
      : { file, predictions: predictions[readable.indexOf(image)]! }
  })
}

async function classify(model: Model, images: readonly NdArray<"float32">[], topK: number): Promise<Prediction[][]> {
  const [, ...shape] = images[0]!.shape
  const size = images[0]!.data.length
  const batch = ndarray(new Float32Array(images.length * size), [images.length, ...shape])
  images.forEach(({ data }, i) => {
    batch.data.set(data, i * size)
  })
  const logits = await model.forward(batch)
  if (!logits.data.every((value) => Number.isFinite(value))) {
    throw new InputError(
      `${model.name} gives values that are not finite: its weights are damaged, or training diverged`,
    )
  }
  return probabilities(logits).map((row) => topClasses(row, topK, model.classes))
}

function topClasses(row: Float32Array, topK: number, classes: readonly string[] | undefined): Prediction[] {
  const left = row.slice()
  return Array.from({ length: Math.min(topK, row.length) }, () => {
    const index = argMax(left)
    left[index] = Number.NEGATIVE_INFINITY
    return { label: classes?.[index] ?? String(index), index, probability: row[index]! }
  })
}
