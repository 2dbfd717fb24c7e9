/** What a run will do: the options that were given, and for the rest what suits the data and the model. */

import type { DataSplits } from "../data/dataset.ts"
import type { Augmentation } from "../data/transform.ts"
import { describeModel } from "../models/registry.ts"
import type { OptimizerName } from "../optim/index.ts"
import type { CheckedTrainOptions } from "../train/options.ts"

/** Options of which nothing is left open. */
export type RunSettings = Required<Omit<CheckedTrainOptions, OptionalName | "resume" | "name" | "out">> &
  Pick<CheckedTrainOptions, OptionalName>

/** Options that may be left out to the end. */
type OptionalName = "data" | "weights" | "freeze" | "workers" | "threads" | "limitBatches"

/** Images up to this side are small: they get a small model, and are shifted instead of cropped. */
const SMALL_IMAGE = 64

/** Weight decay where none is given: the paper's for AdamW, and Goyal et al. 2017 for SGD. */
const weightDecays: Record<OptimizerName, number> = { adamw: 0.05, sgd: 1e-4 }

/** Training images that a default run sees in all its epochs together. */
const DEFAULT_SAMPLES = 200_000

/**
 * Fills in what was left open.
 * Throws a UsageError if the model cannot take images of the size that was asked for.
 */
export function resolveSettings(options: CheckedTrainOptions, splits: DataSplits): RunSettings {
  const { fastDevRun, optimizer } = options
  const dataSize = splits.imageSize && Math.max(...splits.imageSize)
  const model = options.model ?? "convnext_mini"
  const { preprocessing } = describeModel(model)
  const imageSize = options.imageSize ?? chooseImageSize(preprocessing.inputSize, dataSize)
  const small = imageSize <= SMALL_IMAGE
  const trainCount = splits.train.length
  const batchSize = options.batchSize ?? chooseBatchSize(small ? 64 : 16, trainCount)
  const epochs = fastDevRun ? 1 : (options.epochs ?? clamp(Math.round(DEFAULT_SAMPLES / trainCount), 10, 60))
  const updates = updatesPerEpoch(trainCount, { ...options, batchSize }) * epochs
  const lr = options.lr ?? chooseLr(optimizer, small, batchSize * options.accumulate)
  const crop = options.crop === "auto" ? (small && dataSize === imageSize ? "shift" : "random-resized") : options.crop
  return {
    data: options.data,
    model,
    weights: options.weights,
    epochs,
    batchSize,
    accumulate: options.accumulate,
    optimizer,
    lr,
    minLr: options.minLr ?? Number((lr / 1000).toPrecision(3)),
    warmupEpochs: options.warmupEpochs ?? Math.min(Number((epochs / 15).toPrecision(3)), 20),
    weightDecay: options.weightDecay ?? weightDecays[optimizer],
    clipGrad: options.clipGrad ?? 1,
    labelSmoothing: options.labelSmoothing ?? 0.1,
    dropPath: options.dropPath ?? 0.1,
    freeze: options.freeze,
    recompute: options.recompute,
    ema: options.ema ?? Number(clamp(1 - 10 / updates, 0, 0.9999).toPrecision(4)),
    imageSize,
    crop,
    scale: options.scale ?? (small ? 0.35 : 0.08),
    // What IDX files hold is centred and cut to size: a pixel to each side is much already.
    shift: options.shift ?? Math.max(1, Math.round(imageSize / (dataSize === imageSize ? 28 : 8))),
    flip: options.flip ?? splits.train.kind === "files",
    valFraction: options.valFraction ?? 0.2,
    patience: options.patience,
    seed: options.seed,
    device: options.device,
    threads: options.threads,
    workers: options.workers,
    strict: options.strict,
    limitBatches: fastDevRun ? 2 : options.limitBatches,
    fastDevRun,
  }
}

/** A model for small images takes them as they are; other models get the size that they were made for. */
function chooseImageSize(modelSize: number, dataSize: number | undefined): number {
  if (modelSize > SMALL_IMAGE) return modelSize
  return dataSize !== undefined && dataSize <= SMALL_IMAGE ? dataSize : SMALL_IMAGE
}

/** At least some ten updates in an epoch, however few images there are. */
function chooseBatchSize(most: number, trainCount: number): number {
  const wanted = 2 ** Math.floor(Math.log2(Math.max(1, trainCount / 10)))
  return clamp(wanted, Math.min(4, most), most)
}

/**
 * AdamW: the paper's 4e-3 for 4,096 images, by the square-root rule for Adam; the small model learns fast from few images.
 * SGD: 0.1 for 256 images, by the linear rule. Goyal et al. 2017, "Accurate, large minibatch SGD".
 */
function chooseLr(optimizer: OptimizerName, small: boolean, totalBatch: number): number {
  const adamw = small ? 3e-3 * Math.sqrt(totalBatch / 64) : 4e-3 * Math.sqrt(totalBatch / 4096)
  const lr = optimizer === "sgd" ? (0.1 * totalBatch) / 256 : adamw
  return Number(lr.toPrecision(3))
}

const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high)

/** Batches of one epoch: full ones only, unless there is but one. */
export function batchesPerEpoch(
  trainCount: number,
  { batchSize, limitBatches }: Pick<RunSettings, "batchSize" | "limitBatches">,
): number {
  return Math.min(Math.max(1, Math.floor(trainCount / batchSize)), limitBatches ?? Number.POSITIVE_INFINITY)
}

/** Updates of one epoch. Batches that are left over at its end are accumulated into the next one. */
export function updatesPerEpoch(
  trainCount: number,
  settings: Pick<RunSettings, "batchSize" | "limitBatches" | "accumulate">,
): number {
  return batchesPerEpoch(trainCount, settings) / settings.accumulate
}

/** How training images are varied in this run. */
export function augmentationOf({ crop, scale, shift, flip }: RunSettings): Augmentation {
  return { crop: crop === "auto" ? "random-resized" : crop, scale: [scale, 1], padding: shift, flip: flip ? 0.5 : 0 }
}
