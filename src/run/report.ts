/** Gathers what a run's report shows, and writes it. */

import { availableParallelism } from "node:os"
import { basename, resolve } from "node:path"
import type { ResolvedDataConfig } from "../data/config.ts"
import { resolveDataConfig } from "../data/config.ts"
import type { DataSplits, Dataset } from "../data/dataset.ts"
import type { Image } from "../data/image.ts"
import { encodePng } from "../data/node/encode.ts"
import { resize } from "../data/resample.ts"
import type { Model } from "../models/model.ts"
import type { DataUri, Mistake, ReportData } from "../report/data.ts"
import { renderReport } from "../report/render.ts"
import type { ClassificationMetrics } from "../tasks/classification/metrics.ts"
import type { NdArray } from "../tensor/ndarray.ts"
import type { EpochRecord } from "../train/record.ts"
import { writeFileAtomic } from "../weights/node/atomic-file.ts"
import type { RunProgress } from "./checkpoint.ts"
import type { RunPaths } from "./folder.ts"
import { currentMachine } from "./machine.ts"
import type { RunSettings } from "./settings.ts"
import { shellCommand } from "./shell.ts"

export interface ReportInput {
  paths: RunPaths
  settings: RunSettings
  splits: DataSplits
  /** The validation images that were measured. */
  measured: Dataset
  /** Options cannot make the model: there is no command that repeats the run. */
  modelGiven: boolean
  /** With the best weights. */
  model: Model
  records: EpochRecord[]
  /** Of the best weights on the validation images. */
  metrics: ClassificationMetrics
  progress: RunProgress
  /** Augmented training images [N, H, W, C] with their classes. */
  sample: { images: NdArray; targets: Int32Array }
}

const MISTAKES = 24
const SAMPLES = 16
/** Longest side of the images in a report. */
const THUMBNAIL = 112

/** Writes the report of a run that is done. */
export async function writeReport(input: ReportInput): Promise<void> {
  await writeFileAtomic(input.paths.report, [renderReport(await collect(input))])
}

async function collect(input: ReportInput): Promise<ReportData> {
  const { paths, settings, splits, measured, modelGiven, model, records, metrics, progress } = input
  const { loss, top1, top5, count, confusion, perClass } = metrics.result()
  const config = resolveDataConfig(model.dataConfig)
  const sum = (value: (record: EpochRecord) => number) => records.reduce((total, record) => total + value(record), 0)
  const perEpoch = (value: (record: EpochRecord) => number) => sum(value) / records.length
  const { version, machine } = currentMachine()
  const reproduce = modelGiven ? undefined : shellCommand("npx", "convnext", "train", "--config", paths.config)
  return {
    title: `${model.name} on ${settings.data === undefined ? "Fashion-MNIST" : basename(resolve(settings.data))}`,
    command: reproduce,
    version,
    createdAt: new Date().toISOString(),
    config: Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)),
    model: {
      name: model.name,
      parameters: model.parameterCount,
      macs: model.macs(),
      inputShape: [config.height, config.width, config.channels],
      layers: model.summary(),
    },
    data: {
      description: splits.description,
      classes: [...splits.classes],
      trainCount: splits.train.length,
      valCount: splits.val.length,
      skipped: progress.skipped,
      warnings: splits.warnings,
    },
    epochs: records,
    best: { epoch: progress.best.epoch, metric: "top1", value: progress.best.top1 },
    evaluation: { loss, top1, top5, count, confusion, perClass },
    mistakes: await collectMistakes(metrics, measured, splits.classes),
    augmented: await collectSamples(input, config),
    runtime: {
      device: model.backend.device,
      threads: settings.threads ?? availableParallelism(),
      machine,
      seconds: progress.seconds,
      imagesPerSecond: perEpoch(({ imagesPerSecond }) => imagesPerSecond),
      waitShare: perEpoch(({ waitShare }) => waitShare),
      peakMemoryBytes: Math.max(...records.map(({ memoryBytes }) => memoryBytes)),
    },
    commands: [
      ...(reproduce === undefined ? [] : [{ title: "Reproduce this run", command: reproduce }]),
      {
        title: "Go on after an interruption",
        command: shellCommand("npx", "convnext", "train", "--resume", paths.folder),
      },
      { title: "Classify images", command: shellCommand("npx", "convnext", "predict", paths.folder, "photo.jpg") },
      { title: "Measure on other data", command: shellCommand("npx", "convnext", "eval", paths.folder, "DATA") },
      { title: "Export", command: shellCommand("npx", "convnext", "export", paths.folder) },
    ],
  }
}

async function collectMistakes(
  metrics: ClassificationMetrics,
  images: Dataset,
  classes: readonly string[],
): Promise<Mistake[]> {
  const mistakes: Mistake[] = []
  for (const { index, label, predicted, probability } of metrics.worst(MISTAKES)) {
    mistakes.push({
      image: await thumbnail(await images.read(index)),
      source: images.source(index),
      label: classes[label]!,
      predicted: classes[predicted]!,
      probability,
    })
  }
  return mistakes
}

async function collectSamples({ sample, splits }: ReportInput, config: ResolvedDataConfig) {
  const { images, targets } = sample
  const samples: { image: DataUri; label: string }[] = []
  for (let n = 0; n < Math.min(SAMPLES, targets.length); n++) {
    samples.push({ image: await thumbnail(denormalise(images, n, config)), label: splits.classes[targets[n]!]! })
  }
  return samples
}

/** Image n of a normalised batch, back in bytes. */
function denormalise({ data }: NdArray, n: number, { height, width, channels, mean, std }: ResolvedDataConfig): Image {
  const size = height * width * channels
  const bytes = Uint8Array.from({ length: size }, (_, i) => {
    const value = Number(data[n * size + i]) * std[i % channels]! + mean[i % channels]!
    return Math.min(255, Math.max(0, Math.round(value * 255)))
  })
  return { width, height, channels, data: bytes }
}

async function thumbnail(image: Image): Promise<DataUri> {
  const shrink = Math.min(1, THUMBNAIL / Math.max(image.width, image.height))
  const size = (side: number) => Math.max(1, Math.round(side * shrink))
  const small =
    shrink < 1 ? resize(image, { width: size(image.width), height: size(image.height), filter: "bicubic" }) : image
  return `data:image/png;base64,${Buffer.from(await encodePng(small)).toString("base64")}`
}
