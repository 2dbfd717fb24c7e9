/** What a report is made from: plain data, so that a report can be written again from a run's files. */
import type { EpochRecord } from "../train/record.ts"

export interface ReportData {
  /** What was trained on what, for example "convnext_tiny on Oxford Pets". */
  title: string
  /** The command line that makes the run again, if one can. */
  command?: string
  /** Version of this package. */
  version: string
  /** ISO 8601. */
  createdAt: string
  /** The resolved configuration: what config.yaml has. */
  config: Record<string, unknown>
  model: ModelSummary
  data: DataSummary
  epochs: EpochRecord[]
  /** The epoch that `evaluation` and best.safetensors belong to, and by what it was chosen. */
  best: { epoch: number; metric: keyof EpochRecord; value: number }
  evaluation: Evaluation
  /** Worst first. */
  mistakes: Mistake[]
  /** Training images as the model saw them. */
  augmented: { image: DataUri; label: string }[]
  runtime: RuntimeSummary
  /** Commands worth having at hand: reproduce, resume, predict, export. */
  commands: { title: string; command: string }[]
}

/** An image in the page itself: `data:image/jpeg;base64,...`. */
export type DataUri = string

export interface ModelSummary {
  name: string
  parameters: number
  /** Multiply-accumulate operations for one image of `inputShape`. */
  macs: number
  /** [H, W, C] */
  inputShape: number[]
  layers: LayerSummary[]
}

export interface LayerSummary {
  /** Path through the model, such as `stages.0.blocks.1.mlp.fc1`. */
  name: string
  type: string
  /** Symbolic dimensions are names, such as "N". */
  outputShape: (number | string)[]
  parameters: number
  macs: number
}

export interface DataSummary {
  description: string
  classes: string[]
  trainCount: number
  valCount: number
  skipped: { source: string; reason: string }[]
  warnings: string[]
}

export interface Evaluation {
  loss: number
  /** 0 to 1. */
  top1: number
  /** 0 to 1. */
  top5: number
  /** Validation samples. */
  count: number
  /** `confusion[truth][predicted]` counts samples. */
  confusion: number[][]
  /** In the order of the classes. */
  perClass: ClassScore[]
}

/** Precision, recall and F1 are 0 to 1, or NaN where there is nothing to divide by. */
export interface ClassScore {
  name: string
  precision: number
  recall: number
  f1: number
  /** Validation samples of the class. */
  support: number
}

export interface Mistake {
  image: DataUri
  source: string
  label: string
  predicted: string
  /** What the model gave the predicted class, 0 to 1. */
  probability: number
}

export interface RuntimeSummary {
  device: string
  threads: number
  machine: string
  /** Duration of the run. */
  seconds: number
  imagesPerSecond: number
  /** Share of the training time spent waiting for data, 0 to 1. */
  waitShare: number
  peakMemoryBytes: number
}
