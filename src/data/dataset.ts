/** What a labelled set of images is to the rest of the library, wherever the images come from. */

import type { Image } from "./image.ts"

interface LabelledImages {
  /** Names of the classes; a label is an index into them. */
  readonly classes: readonly string[]
  /** Number of images. */
  readonly length: number
  /** Class of each image, `[length]`. */
  readonly labels: Int32Array
  /** Where image `index` comes from, for messages and reports: a file path, or `train-images[12]`. */
  source(index: number): string
  /** Image `index`, decoded. Rejects with an InputError if it cannot be read. */
  read(index: number): Promise<Image>
}

/** Images that are decoded from files each time; `source(index)` is the path, so that workers can do the decoding. */
export interface FileDataset extends LabelledImages {
  readonly kind: "files"
}

/** Images of one size that lie decoded in memory. */
export interface MemoryDataset extends LabelledImages {
  readonly kind: "memory"
  readonly height: number
  readonly width: number
  readonly channels: 1 | 3
}

export type Dataset = FileDataset | MemoryDataset

/** Images of one size, one after the other: `pixels` has shape `[length, height, width, channels]`. */
export interface ImageStack {
  height: number
  width: number
  channels: 1 | 3
  pixels: Uint8Array
}

/** The images to learn from and those to measure on. */
export interface DataSplits {
  train: Dataset
  val: Dataset
  /** Names of the classes, the same for both. */
  classes: readonly string[]
  /** One line for people: what was found and how it was divided. */
  description: string
  /** 1 when all images are gray, else 3. */
  channels: 1 | 3
  /** `[height, width]` when all images are known to have the same size. */
  imageSize?: [height: number, width: number]
  /** What is odd about the data but does not stop the work, one sentence each. */
  warnings: string[]
}

/** The images on which a model that has its classes already is measured. */
export interface EvalData extends Pick<DataSplits, "description" | "channels" | "imageSize" | "warnings"> {
  dataset: Dataset
}

/** A dataset over `stack`, without copying it. `name` is what its images are called in messages. */
export function memoryDataset(
  stack: ImageStack,
  labels: Int32Array,
  classes: readonly string[],
  name: string,
): MemoryDataset {
  const { height, width, channels, pixels } = stack
  const size = height * width * channels
  return {
    kind: "memory",
    height,
    width,
    channels,
    classes,
    labels,
    length: labels.length,
    source: (index) => `${name}[${index}]`,
    read: async (index) => ({ width, height, channels, data: pixels.subarray(index * size, (index + 1) * size) }),
  }
}

/** The images of `dataset` at `indices`, in that order, without copying them. */
export function subset<D extends Dataset>(dataset: D, indices: Uint32Array): D {
  return {
    ...dataset,
    length: indices.length,
    labels: Int32Array.from(indices, (index) => dataset.labels[index]!),
    source: (index: number) => dataset.source(indices[index]!),
    read: (index: number) => dataset.read(indices[index]!),
  }
}

/** Number of images of each class. */
export function countByClass(labels: Int32Array, classCount: number): Uint32Array {
  const counts = new Uint32Array(classCount)
  for (const label of labels) counts[label] = counts[label]! + 1
  return counts
}
