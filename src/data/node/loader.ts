/** The loader: batches of a dataset, epoch by epoch, decoded and transformed ahead of their use. */

import { availableParallelism } from "node:os"
import { performance } from "node:perf_hooks"
import { checkCount, InputError } from "../../tensor/errors.ts"
import type { NdArray } from "../../tensor/ndarray.ts"
import type { ResolvedDataConfig } from "../config.ts"
import type { Dataset } from "../dataset.ts"
import {
  callingThreadFiller,
  type Filler,
  type FillFailure,
  type SampleTask,
  sampleSize,
  sampleWriter,
} from "../fill.ts"
import { countBatches, epochOrder, type LoaderMode } from "../sampler.ts"
import type { Augmentation } from "../transform.ts"
import { workerFiller } from "./worker-pool.ts"

export interface LoaderOptions {
  /** Images in a batch. */
  batchSize: number
  /** Size, channels and normalisation of the images, as the model wants them. */
  config: ResolvedDataConfig
  /** `train`: shuffled, augmented, full batches only. `eval`: in order, all images. */
  mode: LoaderMode
  /** How training images are varied. */
  augmentation?: Augmentation
  /** Seed of order and augmentation. Default 0. */
  seed?: number
  /**
   * Threads that decode and transform files; 0 does it on the calling thread. Default: one less than there are cores, at
   * least 1 and at most 8. Images in memory are always transformed on the calling thread.
   */
  workers?: number
  /** Batches that the workers prepare ahead. Default 3. */
  prefetch?: number
  /** Throw at the first image that cannot be read, instead of going on without it. Default false. */
  strict?: boolean
}

export interface Batch {
  /** `[N, H, W, C]`, normalised. The memory is used again: the values hold until the next batch is asked for. */
  images: NdArray<"float32">
  /** Class of each image, `[N]`. */
  targets: Int32Array
  /** Index of each image in the dataset, `[N]`. */
  indices: Uint32Array
}

/** An image that could not be read. */
export interface SkippedImage {
  source: string
  /** What is wrong with it, without its name. */
  reason: string
}

export interface EpochOptions {
  /** The batch to begin with, to go on where a run was stopped. Default 0. */
  from?: number
  /** The most batches to give. Default: all that are left. */
  limit?: number
}

export interface Loader {
  readonly batchesPerEpoch: number
  /** Seconds that the caller has waited for batches so far. */
  readonly waitedSeconds: number
  /**
   * Images that could not be read, each once. In training the next readable image in the epoch's order stands in its
   * place; otherwise its batch is smaller, and left out when nothing is in it.
   */
  readonly skipped: readonly SkippedImage[]
  /**
   * The batches of an epoch. They depend on the seed, the epoch and the batch's number alone: not on where one begins or
   * on the number of workers. One epoch at a time.
   *
   * Throws an InputError if no image can be read, or, if `strict`, when one cannot.
   */
  epoch(epoch: number, options?: EpochOptions): AsyncGenerator<Batch, void, undefined>
  /** Ends the workers. An epoch that is under way throws. */
  close(): Promise<void>
}

/**
 * Makes a loader over `dataset`. Close it after use.
 *
 * @example
 * const loader = createLoader(data.train, { batchSize: 64, config, mode: "train", seed: 1 })
 * for await (const { images, targets } of loader.epoch(0)) await trainer.step({ images, targets })
 * await loader.close()
 *
 * Throws a UsageError if an option is out of range, or the config or the augmentation makes no sense.
 */
export function createLoader(dataset: Dataset, options: LoaderOptions): Loader {
  const { batchSize, config, mode, augmentation, seed = 0, prefetch = 3 } = options
  const workers = options.workers ?? Math.min(Math.max(availableParallelism() - 1, 1), 8)
  checkCount("batchSize", batchSize)
  checkCount("workers", workers, 0)
  checkCount("prefetch", prefetch)
  const spec = { config, mode, augmentation, seed }
  sampleWriter(spec) // so that a mistake in it is thrown here, not by a worker later
  const threaded = dataset.kind === "files" && workers > 0
  const filler = threaded ? workerFiller(spec, workers) : callingThreadFiller(dataset, spec)
  return new BatchLoader(dataset, { ...options, seed }, filler, threaded ? prefetch : 0)
}

/** A batch whose pixels lie in a buffer of the filler. */
interface FilledBatch {
  slot: Float32Array
  samples: SampleTask[]
}

class BatchLoader implements Loader {
  readonly batchesPerEpoch: number
  readonly #dataset: Dataset
  readonly #options: LoaderOptions & { seed: number }
  readonly #filler: Filler
  readonly #sampleSize: number
  /** Batches that are filled while the caller computes: none on the calling thread. */
  readonly #prefetch: number
  /** Buffers that no job is filling; as many as batches may be under way at a time. */
  readonly #freeSlots: Float32Array[]
  /**
   * What the caller sees. Workers need shared memory, which ONNX Runtime does not take; copying also frees the slot, so
   * that it is filled again while the caller computes.
   */
  readonly #delivery: Float32Array
  /** Images that cannot be read, by index. They are not tried again. */
  readonly #unreadable = new Map<number, SkippedImage>()
  #waitedMs = 0
  #running = false

  constructor(dataset: Dataset, options: LoaderOptions & { seed: number }, filler: Filler, prefetch: number) {
    const { batchSize, config, mode } = options
    this.batchesPerEpoch = countBatches(dataset.length, batchSize, mode)
    this.#dataset = dataset
    this.#options = options
    this.#filler = filler
    this.#sampleSize = sampleSize(config)
    const length = Math.min(batchSize, dataset.length) * this.#sampleSize
    this.#prefetch = prefetch
    this.#freeSlots = Array.from({ length: Math.max(1, prefetch) }, () => filler.allocate(length))
    this.#delivery = new Float32Array(length)
  }

  get waitedSeconds(): number {
    return this.#waitedMs / 1000
  }

  get skipped(): readonly SkippedImage[] {
    return [...this.#unreadable.values()]
  }

  async *epoch(
    epoch: number,
    { from = 0, limit = Infinity }: EpochOptions = {},
  ): AsyncGenerator<Batch, void, undefined> {
    if (this.#running) throw new Error("an epoch of this loader has not ended yet; a loader gives one at a time")
    this.#running = true
    const { mode, seed } = this.#options
    const order = epochOrder(this.#dataset.length, mode, seed, epoch)
    const end = Math.min(this.batchesPerEpoch, from + limit)
    const underWay: Promise<FilledBatch>[] = []
    let next = from
    const keepUnderWay = (count: number) => {
      while (underWay.length < count && next < end) underWay.push(this.#startBatch(order, epoch, next++))
    }
    try {
      for (;;) {
        const asked = performance.now()
        keepUnderWay(Math.max(1, this.#prefetch))
        const filled = underWay.shift()
        if (!filled) return
        const batch = this.#deliver(await filled)
        keepUnderWay(this.#prefetch)
        this.#waitedMs += performance.now() - asked
        if (batch.targets.length > 0) yield batch
      }
    } finally {
      this.#filler.cancel()
      for (const filled of await Promise.allSettled(underWay)) {
        if (filled.status === "fulfilled") this.#freeSlots.push(filled.value.slot)
      }
      this.#running = false
    }
  }

  close(): Promise<void> {
    return this.#filler.close()
  }

  #startBatch(order: Uint32Array, epoch: number, batch: number): Promise<FilledBatch> {
    const slot = this.#freeSlots.pop()!
    const filled = this.#fillBatch(order, epoch, batch, slot)
    // The error is thrown when the batch's turn comes; until then nobody else awaits it.
    filled.catch(() => this.#freeSlots.push(slot))
    return filled
  }

  async #fillBatch(order: Uint32Array, epoch: number, batch: number, slot: Float32Array): Promise<FilledBatch> {
    const first = batch * this.#options.batchSize
    const count = Math.min(this.#options.batchSize, order.length - first)
    const samples: (SampleTask | undefined)[] = new Array(count)
    let positions = Array.from(samples.keys())
    while (positions.length > 0) {
      const tasks: SampleTask[] = []
      for (const position of positions) {
        const index = this.#chooseImage(order, first + position)
        samples[position] = index === undefined ? undefined : { position, index, source: this.#dataset.source(index) }
        if (samples[position]) tasks.push(samples[position])
      }
      const failures = tasks.length > 0 ? await this.#filler.fill({ epoch, samples: tasks, out: slot }) : []
      this.#recordFailures(failures)
      positions = failures.map(({ position }) => position)
    }
    return { slot, samples: samples.filter((sample) => sample !== undefined) }
  }

  /**
   * The image for one place in the epoch's order. If it is known to be unreadable: in training the next one that is not,
   * from the start again after the end; otherwise none.
   */
  #chooseImage(order: Uint32Array, place: number): number | undefined {
    const candidates = this.#options.mode === "train" ? order.length : 1
    for (let step = 0; step < candidates; step++) {
      const index = order[(place + step) % order.length]!
      if (!this.#unreadable.has(index)) return index
    }
    if (this.#options.mode === "eval") return undefined
    const [example] = this.#unreadable.values()
    throw new InputError(
      `none of the ${order.length} images can be read, for example ${example?.source}: ${example?.reason}`,
    )
  }

  #recordFailures(failures: readonly FillFailure[]): void {
    for (const { index, source, reason } of failures.toSorted((a, b) => a.position - b.position)) {
      if (this.#options.strict) throw new InputError(reason)
      this.#unreadable.set(index, { source, reason: reason.replace(`cannot read image ${source}: `, "") })
    }
  }

  /** Copies a batch to where the caller reads it, and frees its slot. */
  #deliver({ slot, samples }: FilledBatch): Batch {
    const size = this.#sampleSize
    for (const [row, { position }] of samples.entries()) {
      this.#delivery.set(slot.subarray(position * size, (position + 1) * size), row * size)
    }
    this.#freeSlots.push(slot)
    const { height, width, channels } = this.#options.config
    return {
      images: {
        shape: [samples.length, height, width, channels],
        dtype: "float32",
        data: this.#delivery.subarray(0, samples.length * size),
      },
      targets: Int32Array.from(samples, ({ index }) => this.#dataset.labels[index]!),
      indices: Uint32Array.from(samples, ({ index }) => index),
    }
  }
}
