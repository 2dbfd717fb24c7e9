/** The part of the library that commands use. It is loaded when a command runs: the engine takes time to load. */

import type { TrainOptions } from "../train/options.ts"
import type { EpochRecord } from "../train/record.ts"

export interface DeviceOptions {
  device?: "auto" | "cpu"
  threads?: number
}

export interface Model {
  name: string
  parameterCount: number
  macs(): number
  /** Names of the classes, where they are known. */
  classes?: readonly string[]
  dispose(): Promise<void> | void
}

export interface ModelInfo {
  name: string
  family: string
  parameters: number
  /** Multiply-accumulates for one image of `inputSize`. */
  macs: number
  /** Channels, height, width. */
  inputSize: readonly [number, number, number]
}

export interface TrainStart {
  folder: string
  model: string
  parameters: number
  epochs: number
  /** The first epoch of this call, from 1: above 1 when a run is resumed. */
  firstEpoch: number
  stepsPerEpoch: number
}

export interface TrainStep {
  /** From 1. */
  epoch: number
  /** Optimizer step within the epoch, from 1. */
  step: number
  loss: number
  imagesPerSecond: number
}

export interface TrainEvents {
  onStart?(start: TrainStart): void
  onStep?(step: TrainStep): void
  onEpoch?(record: EpochRecord): void
  /** A sentence for the person: what was found, decided or skipped. */
  onMessage?(message: string): void
}

export interface TrainResult {
  folder: string
  epochs: EpochRecord[]
  best: { epoch: number; top1: number }
  reportPath: string
  onnxPath?: string
  stopped: "done" | "patience" | "signal"
}

export interface Prediction {
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

export interface ClassMetrics {
  name: string
  precision: number
  recall: number
  f1: number
  /** Number of images of the class. */
  support: number
}

export interface Evaluation {
  loss: number
  top1: number
  top5: number
  count: number
  classes: string[]
  /** `confusion[truth][guess]`: number of images. */
  confusion: number[][]
  perClass: ClassMetrics[]
  /** Images that could not be read. */
  skipped: number
}

export interface Library {
  listModels(filter?: string): ModelInfo[]
  createModel(name: string, options: DeviceOptions & { weights?: string }): Promise<Model>
  loadRun(folder: string, options: DeviceOptions & { checkpoint?: "best" | "last" }): Promise<Model>
  train(model: undefined, options: TrainOptions & TrainEvents & { signal?: AbortSignal }): Promise<TrainResult>
  predict(
    model: Model,
    files: readonly string[],
    options: { topK: number; batchSize: number; strict: boolean },
  ): Promise<FilePrediction[]>
  evaluate(
    model: Model,
    data: string,
    options: { batchSize: number; limit?: number; strict: boolean },
  ): Promise<Evaluation>
  exportOnnx(model: Model, path: string): Promise<{ path: string; bytes: number; maxDifference: number }>
}

/** Loads the library. */
export async function loadLibrary(): Promise<Library> {
  const entry = new URL(import.meta.url.endsWith(".ts") ? "../index.ts" : "../index.js", import.meta.url)
  return import(entry.href)
}
