/** Filling a batch: each sample is decoded, transformed, and written to its place. */

import { InputError } from "../tensor/errors.ts"
import { Random } from "../tensor/random.ts"
import type { ResolvedDataConfig } from "./config.ts"
import type { Dataset } from "./dataset.ts"
import type { Image } from "./image.ts"
import type { LoaderMode } from "./sampler.ts"
import { type Augmentation, evalTransform, trainTransform } from "./transform.ts"

/** All that decides what an image becomes; plain data, so that it can be sent to a worker. */
export interface TransformSpec {
  config: ResolvedDataConfig
  mode: LoaderMode
  augmentation?: Augmentation
  seed: number
}

/** One image to put into a batch. */
export interface SampleTask {
  /** Its place in the batch. */
  position: number
  /** Its index in the dataset, and where it comes from. */
  index: number
  source: string
}

export interface FillJob {
  epoch: number
  samples: SampleTask[]
  /** The batch, `[N, H, W, C]`, normalised. */
  out: Float32Array
}

/** A sample whose image could not be read; its place in the batch holds nothing of use. */
export interface FillFailure extends SampleTask {
  reason: string
}

/** Something that fills batches. */
export interface Filler {
  /** A batch of `length` numbers that `fill` can write to. */
  allocate(length: number): Float32Array
  /** Fills a batch and returns the samples that could not be read. Jobs are done in the order in which they came. */
  fill(job: FillJob): Promise<FillFailure[]>
  /** Lets the jobs that are under way end soon; what they leave in their batches is of no use. */
  cancel(): void
  close(): Promise<void>
}

/** Transforms an image and writes it into a batch. */
export type WriteSample = (image: Image, sample: SampleTask, job: Pick<FillJob, "epoch" | "out">) => void

/** The draws for a sample depend on (seed, epoch, index) alone, so who fills a batch makes no difference. */
export function sampleWriter({ config, mode, augmentation, seed }: TransformSpec): WriteSample {
  const size = sampleSize(config)
  const dataConfig = { ...config, inputSize: [config.height, config.width] }
  if (mode === "eval") {
    const transform = evalTransform(dataConfig)
    return (image, { position }, { out }) => out.set(transform(image).data, position * size)
  }
  const transform = trainTransform({ ...dataConfig, augmentation })
  return (image, { position, index }, { epoch, out }) =>
    transform(image, new Random(seed, epoch, index, "augment"), out, position * size)
}

/** Numbers that one sample takes in a batch: height times width times channels. */
export function sampleSize({ height, width, channels }: ResolvedDataConfig): number {
  return height * width * channels
}

/** Fills batches on the calling thread: for images that lie in memory already. */
export function callingThreadFiller(dataset: Dataset, spec: TransformSpec): Filler {
  const write = sampleWriter(spec)
  return {
    allocate: (length) => new Float32Array(length),
    async fill(job) {
      const failures: FillFailure[] = []
      for (const sample of job.samples) {
        const failure = await fillSample(sample, job, () => dataset.read(sample.index), write)
        if (failure) failures.push(failure)
      }
      return failures
    },
    cancel() {},
    async close() {},
  }
}

/**
 * An image that cannot be read is a failure that is returned. All other errors are thrown: of a transform, as it has a
 * bug, and of a machine in trouble, as going on without the image would change what is learned.
 */
export async function fillSample(
  sample: SampleTask,
  job: Pick<FillJob, "epoch" | "out">,
  read: () => Promise<Image>,
  write: WriteSample,
): Promise<FillFailure | undefined> {
  let image: Image
  try {
    image = await read()
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    return { ...sample, reason: error.message }
  }
  write(image, sample, job)
  return undefined
}
