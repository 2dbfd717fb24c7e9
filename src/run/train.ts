/** One training run, from a data folder to checkpoints, report and exported model. */

import { rm } from "node:fs/promises"
import { setImmediate } from "node:timers/promises"
import { resolveDataConfig } from "../data/config.ts"
import type { Dataset } from "../data/dataset.ts"
import { createLoader, type Loader } from "../data/node/loader.ts"
import { embeddedExamples, embeddedFolder } from "../data/node/open.ts"
import type { Model } from "../models/model.ts"
import { cosineSchedule } from "../optim/index.ts"
import { measure } from "../tasks/classification/evaluate.ts"
import { UsageError } from "../tensor/errors.ts"
import { type NdArray, ndarray } from "../tensor/ndarray.ts"
import { countTrained, type Freeze, parseFreeze } from "../train/freeze.ts"
import { appendMetrics, readMetrics, startMetrics } from "../train/node/metrics-csv.ts"
import { type EventWriter, openEvents } from "../train/node/tensorboard.ts"
import { NonFiniteError } from "../train/non-finite.ts"
import type { TrainOptions } from "../train/options.ts"
import type { EpochRecord } from "../train/record.ts"
import { createTrainer, type Trainer } from "../train/trainer.ts"
import { loadTensors } from "../weights/node/files.ts"
import { type RunProgress, type SavedState, saveModel, saveState } from "./checkpoint.ts"
import { writeRunConfig } from "./config.ts"
import { recordData } from "./data-record.ts"
import { describeDoubts } from "./doubts.ts"
import { exportOnnx } from "./export.ts"
import { writeJson } from "./folder.ts"
import { writeReport } from "./report.ts"
import { augmentationOf, batchesPerEpoch, updatesPerEpoch } from "./settings.ts"
import { prepareRun, type RunSetup, reopenRun } from "./setup.ts"
import { spread } from "./spread.ts"

/** What is known once a run begins. */
export interface TrainStart {
  folder: string
  model: string
  parameters: number
  /** Of these, the ones that are not frozen. */
  trainedParameters: number
  epochs: number
  /** The first epoch of this call, from 1: above 1 when a run is resumed. */
  firstEpoch: number
  /** Batches of an epoch. */
  stepsPerEpoch: number
  /** Batches whose gradients are averaged for one update of the weights. */
  accumulate: number
}

/** One batch. */
export interface TrainStep {
  /** From 1. */
  epoch: number
  /** Batch within the epoch, from 1. */
  step: number
  loss: number
  lr: number
  gradNorm: number
  imagesPerSecond: number
}

/** What `train` calls while it works. */
export interface TrainEvents {
  onStart?(start: TrainStart): void
  onStep?(step: TrainStep): void
  onEpoch?(record: EpochRecord): void
  /** A sentence for the person: what was found, decided or skipped. */
  onMessage?(message: string): void
  /** Stops after the step under way, with a checkpoint to resume from. */
  signal?: AbortSignal
}

export interface TrainResult {
  folder: string
  /** The data folder that was trained on. */
  data: string
  /** An image that was not trained on, or a folder of such images, to try `predict` with; undefined for IDX files. */
  example?: string
  epochs: EpochRecord[]
  best: { epoch: number; top1: number }
  reportPath: string
  /** Undefined if the run was stopped by the signal. */
  onnxPath?: string
  stopped: "done" | "patience" | "signal"
}

/** Within an epoch, the state is saved this often. */
const SAVE_SECONDS = 600

/**
 * Trains a classifier on a folder of images (or the ones that come along) and writes a run folder.
 * With `resume` it goes on with a run that was stopped, to the same bits that an uninterrupted one reaches.
 *
 * @param model a model to train on, which is changed in place, or undefined for one that suits the data
 * @example
 * const { best, reportPath } = await train(undefined, { data: "photos/", epochs: 20 })
 *
 * Throws a UsageError for options that make no sense, an InputError for data that cannot be used, a NonFiniteError if
 * the loss is no number; the checkpoints until then are kept.
 */
export async function train(
  model: Model | undefined,
  { onStart, onStep, onEpoch, onMessage, signal, ...options }: TrainOptions & TrainEvents = {},
): Promise<TrainResult> {
  if (model && options.resume !== undefined) {
    throw new UsageError("a run that is resumed has its own model: call train(undefined, { resume })")
  }
  const setup = options.resume !== undefined ? await reopenRun(options) : await prepareRun(model, options, onMessage)
  let run: Run | undefined
  try {
    run = new Run(setup, { onStart, onStep, onEpoch, onMessage, signal })
    return await run.train()
  } catch (error) {
    // A run that cannot even begin leaves nothing behind.
    if (!setup.saved && !run?.begun) await rm(setup.paths.folder, { recursive: true, force: true })
    throw error
  } finally {
    await run?.close()
    if (!model) await setup.model.dispose()
  }
}

class Run {
  /** There is something to resume. */
  begun = false
  readonly #setup: RunSetup
  readonly #events: TrainEvents
  readonly #trainLoader: Loader
  /** The images to measure on. */
  readonly #measured: Dataset
  readonly #valLoader: Loader
  readonly #records: EpochRecord[] = []
  readonly #stepsPerEpoch: number
  #eventFile: EventWriter | undefined
  #toldSkipped = 0
  #savedAt = performance.now()

  constructor(setup: RunSetup, events: TrainEvents) {
    const { settings, splits, model } = setup
    const { batchSize, seed, workers, strict, limitBatches = Number.POSITIVE_INFINITY } = settings
    const shared = { config: resolveDataConfig(model.dataConfig), seed, workers, strict }
    this.#setup = setup
    this.#events = events
    this.#stepsPerEpoch = batchesPerEpoch(splits.train.length, settings)
    const augmentation = augmentationOf(settings)
    const valBatchSize = Math.max(batchSize, 32)
    this.#measured = spread(splits.val, limitBatches * valBatchSize)
    this.#trainLoader = createLoader(splits.train, { ...shared, batchSize, mode: "train", augmentation })
    try {
      this.#valLoader = createLoader(this.#measured, { ...shared, batchSize: valBatchSize, mode: "eval" })
    } catch (error) {
      void this.#trainLoader.close()
      throw error
    }
  }

  async train(): Promise<TrainResult> {
    const { paths, settings } = this.#setup
    const trainer = await this.#createTrainer()
    try {
      const progress = await this.#start(trainer)
      let stopped: TrainResult["stopped"] = "done"
      while (!progress.finished) {
        if (this.#events.signal?.aborted || !(await this.#trainEpoch(trainer, progress))) {
          stopped = "signal"
          await this.#save(trainer, progress)
          break
        }
        await this.#finishEpoch(trainer, progress)
        if (this.#outOfPatience(progress)) stopped = "patience"
        progress.finished = stopped === "patience" || progress.epoch > settings.epochs
        await this.#save(trainer, progress)
      }
      const { best } = progress
      const result: TrainResult = {
        folder: paths.folder,
        data: settings.data ?? embeddedFolder,
        example: this.#example(),
        epochs: this.#records,
        best,
        reportPath: paths.report,
        stopped,
      }
      if (stopped === "signal") return result
      await this.#conclude(progress)
      return { ...result, onnxPath: paths.onnx }
    } catch (error) {
      if (error instanceof NonFiniteError && this.#records.length > 0) {
        throw new NonFiniteError(error.loss, error.tensor, error.step, `the last good weights are in ${paths.last}`)
      }
      throw error
    } finally {
      await trainer.dispose()
    }
  }

  #example(): string | undefined {
    const { settings, splits } = this.#setup
    if (settings.data === undefined) return embeddedExamples
    return splits.val.kind === "files" ? splits.val.source(0) : undefined
  }

  async close(): Promise<void> {
    this.#eventFile?.close()
    await Promise.all([this.#trainLoader.close(), this.#valLoader.close()])
  }

  #createTrainer(): Promise<Trainer> {
    const { settings, splits, model } = this.#setup
    const { lr, minLr, weightDecay, warmupEpochs, epochs, clipGrad, ema, accumulate, labelSmoothing, seed } = settings
    const { optimizer, recompute } = settings
    const perEpoch = updatesPerEpoch(splits.train.length, settings)
    return createTrainer(model, {
      optimizer: { name: optimizer, lr, weightDecay },
      schedule: cosineSchedule({
        lr,
        minLr,
        // A rate of 0 would waste the first update.
        warmupLr: lr / Math.max(10, warmupEpochs * perEpoch),
        warmupSteps: Math.round(warmupEpochs * perEpoch),
        totalSteps: Math.max(1, Math.floor(epochs * perEpoch)),
      }),
      loss: { name: "cross-entropy", labelSmoothing },
      clipGradNorm: clipGrad > 0 ? clipGrad : undefined,
      ema: ema > 0 ? { decay: ema, warmup: true } : undefined,
      accumulate,
      freeze: this.#freeze,
      recompute,
      seed,
    })
  }

  get #freeze(): Freeze | undefined {
    const { freeze } = this.#setup.settings
    return typeof freeze === "string" ? parseFreeze(freeze) : freeze
  }

  /** Begins at the beginning, or where the run was stopped. */
  async #start(trainer: Trainer): Promise<RunProgress> {
    const { paths, settings, splits, model, saved } = this.#setup
    const progress = saved ? await this.#goOn(trainer, saved) : await this.#begin(trainer)
    this.begun = true
    // What TensorBoard knows of finished epochs stays; only what comes after them is written again.
    this.#eventFile = openEvents(paths.folder, saved && 1 + (this.#records.at(-1)?.step ?? -1))
    const { onMessage, onStart } = this.#events
    const trainedParameters = countTrained(model.network, this.#freeze)
    onMessage?.(splits.description)
    onMessage?.(`computing on ${model.backend.device}: ${model.backend.reason}`)
    for (const warning of [...splits.warnings, ...describeDoubts(this.#setup, trainedParameters)]) onMessage?.(warning)
    if (progress.finished) {
      onMessage?.("the run has finished already: its best weights are measured and exported again")
      return progress
    }
    onStart?.({
      folder: paths.folder,
      model: model.name,
      parameters: model.parameterCount,
      trainedParameters,
      epochs: settings.epochs,
      firstEpoch: progress.epoch,
      stepsPerEpoch: this.#stepsPerEpoch,
      accumulate: settings.accumulate,
    })
    return progress
  }

  /** Writes what a new run starts with. */
  async #begin(trainer: Trainer): Promise<RunProgress> {
    const { paths, settings, splits, modelGiven } = this.#setup
    const progress: RunProgress = {
      epoch: 1,
      batch: 0,
      data: recordData(splits, settings.data),
      lossSum: 0,
      gradNormSum: 0,
      best: { epoch: 0, top1: 0 },
      seconds: 0,
      finished: false,
      skipped: [],
    }
    await writeJson(paths.labels, splits.classes)
    await startMetrics(paths.metrics, 0)
    // So that it can be resumed from its first moment on, with the model that it was given.
    await this.#save(trainer, progress)
    // Last: a folder with a config is a run.
    await writeRunConfig(paths.config, settings, modelGiven)
    return progress
  }

  async #save(trainer: Trainer, progress: RunProgress): Promise<void> {
    await saveState(this.#setup.paths, this.#setup.model, trainer, progress)
    this.#savedAt = performance.now()
  }

  /** Puts the state back, and metrics.csv with it. */
  async #goOn(trainer: Trainer, { state, tensors }: SavedState): Promise<RunProgress> {
    const { metrics } = this.#setup.paths
    await trainer.loadState({ ...state, tensors })
    await startMetrics(metrics, state.epoch - 1)
    this.#records.push(...(await readMetrics(metrics)))
    return state
  }

  /** Trains to the end of the epoch. False if the signal came before that. */
  async #trainEpoch(trainer: Trainer, progress: RunProgress): Promise<boolean> {
    const { onStep, signal } = this.#events
    const started = performance.now()
    const secondsBefore = progress.seconds
    let images = 0
    this.#stepSeconds = 0
    const range = { from: progress.batch, limit: this.#stepsPerEpoch - progress.batch }
    if (range.limit <= 0) return true
    for await (const batch of this.#trainLoader.epoch(progress.epoch - 1, range)) {
      const { loss, lr, gradNorm } = await trainer.step({
        images: batch.images,
        targets: ndarray(batch.targets, [batch.targets.length], "int32"),
      })
      images += batch.targets.length
      progress.lossSum += loss
      progress.gradNormSum += gradNorm
      progress.batch++
      this.#stepSeconds = (performance.now() - started) / 1000
      progress.seconds = secondsBefore + this.#stepSeconds
      const imagesPerSecond = images / this.#stepSeconds
      onStep?.({ epoch: progress.epoch, step: progress.batch, loss, lr, gradNorm, imagesPerSecond })
      // Lets timers and signals in: the step itself does not.
      await setImmediate()
      if (signal?.aborted && progress.batch < this.#stepsPerEpoch) return false
      if (performance.now() - this.#savedAt > SAVE_SECONDS * 1000) await this.#save(trainer, progress)
    }
    return true
  }

  /** Measures the model, records the epoch and writes the weights. */
  async #finishEpoch(trainer: Trainer, progress: RunProgress): Promise<void> {
    const { paths, settings, splits, model } = this.#setup
    const ema = settings.ema > 0
    const trainSeconds = progress.seconds - this.#records.reduce((sum, record) => sum + record.seconds, 0)
    const started = performance.now()
    const metrics = await measure(this.#valLoader.epoch(0), splits.classes, (images) =>
      trainer.forward(images, { ema }),
    )
    progress.seconds += (performance.now() - started) / 1000
    const { loss, top1, top5 } = metrics.result()
    const record: EpochRecord = {
      epoch: progress.epoch,
      step: trainer.updates,
      trainLoss: progress.lossSum / progress.batch,
      valLoss: loss,
      top1,
      top5,
      lr: trainer.lr,
      gradNorm: progress.gradNormSum / progress.batch,
      // Batches are full, unless there are not enough images for one.
      imagesPerSecond: (progress.batch * Math.min(settings.batchSize, splits.train.length)) / trainSeconds,
      waitShare: this.#waitShare(),
      memoryBytes: process.resourceUsage().maxRSS * 1024,
      seconds: trainSeconds + (performance.now() - started) / 1000,
    }
    this.#records.push(record)
    this.#tellSkipped(progress)
    await appendMetrics(paths.metrics, record)
    this.#writeEvents(record)
    await trainer.sync()
    const weights = ema ? trainer.emaWeights : model.weights
    await saveModel(paths.last, model, weights)
    if (progress.best.epoch === 0 || top1 > progress.best.top1) {
      progress.best = { epoch: progress.epoch, top1 }
      await saveModel(paths.best, model, weights)
    }
    Object.assign(progress, { epoch: progress.epoch + 1, batch: 0, lossSum: 0, gradNormSum: 0 })
    this.#events.onEpoch?.(record)
  }

  #outOfPatience({ epoch, best }: RunProgress): boolean {
    const { patience } = this.#setup.settings
    return patience > 0 && epoch - 1 - best.epoch >= patience
  }

  #waitedBefore = 0
  /** Seconds of the epoch's steps in this process: an epoch that is resumed had some before. */
  #stepSeconds = 0

  /** Share of these seconds that training waited for data. */
  #waitShare(): number {
    const waited = this.#trainLoader.waitedSeconds - this.#waitedBefore
    this.#waitedBefore = this.#trainLoader.waitedSeconds
    return this.#stepSeconds > 0 ? Math.min(1, waited / this.#stepSeconds) : 0
  }

  #tellSkipped(progress: RunProgress): void {
    const skipped = [...this.#trainLoader.skipped, ...this.#valLoader.skipped]
    for (const image of skipped) {
      if (!progress.skipped.some(({ source }) => source === image.source)) progress.skipped.push({ ...image })
    }
    const fresh = progress.skipped.slice(this.#toldSkipped)
    this.#toldSkipped = progress.skipped.length
    if (fresh.length === 0) return
    const shown = fresh.slice(0, 3).map(({ source, reason }) => `${source} (${reason})`)
    const more = fresh.length > 3 ? ` and ${fresh.length - 3} more` : ""
    const images = fresh.length === 1 ? "image" : "images"
    this.#events.onMessage?.(`skipped ${fresh.length} unreadable ${images}: ${shown.join(", ")}${more}`)
  }

  #writeEvents({ step, trainLoss, valLoss, top1, top5, lr, gradNorm, imagesPerSecond }: EpochRecord): void {
    this.#eventFile!.add(step, {
      "loss/train": trainLoss,
      "loss/val": valLoss,
      "accuracy/top1": top1,
      "accuracy/top5": top5,
      "train/lr": lr,
      "train/grad_norm": gradNorm,
      "train/images_per_second": imagesPerSecond,
    })
    this.#eventFile!.flush()
  }

  /** With the best weights: the last measurement, the exported model, the report. */
  async #conclude(progress: RunProgress): Promise<void> {
    const { paths, settings, splits, model, modelGiven } = this.#setup
    model.loadStateDict(await loadTensors(paths.best))
    const metrics = await measure(this.#valLoader.epoch(0), splits.classes, (images) => model.forward(images))
    await exportOnnx(model, paths.onnx)
    await writeReport({
      paths,
      settings,
      splits,
      measured: this.#measured,
      modelGiven,
      model,
      records: this.#records,
      metrics,
      progress,
      sample: await this.#sampleBatch(),
    })
  }

  /** Some training images as the model sees them, for the report. */
  async #sampleBatch(): Promise<{ images: NdArray; targets: Int32Array }> {
    for await (const { images, targets } of this.#trainLoader.epoch(0, { limit: 1 })) {
      return { images: { ...images, data: images.data.slice() }, targets: targets.slice() }
    }
    throw new Error("the training data has no batch")
  }
}
