/** How fast a model is on this machine, beside what the machine can do at all. */

import { availableParallelism, cpus } from "node:os"
import type { Model } from "../models/model.ts"
import { backendFor } from "../runtime/backend.ts"
import { Program } from "../runtime/program.ts"
import { checkCount } from "../tensor/errors.ts"
import { type NdArray, ndarray } from "../tensor/ndarray.ts"
import { matmul, mean } from "../tensor/ops/index.ts"
import { Random } from "../tensor/random.ts"
import { input } from "../tensor/tensor.ts"
import { createTrainer } from "../train/trainer.ts"

export interface BenchOptions {
  /** Images of one batch, for each measurement. Default [1, 8]. */
  batchSizes?: readonly number[]
  /** Time training steps too: forward, backward, clipping, AdamW and moving average. Default true. */
  train?: boolean
  /** Turns that each measurement gets, after one without the clock. Default 5. */
  rounds?: number
  /** Called before each turn. */
  onProgress?(done: number, total: number): void
}

/** One piece of work. */
export interface BenchRow {
  work: "inference" | "training step"
  batchSize: number
  /** Milliseconds of a batch: median, fastest and slowest turn. */
  milliseconds: { median: number; min: number; max: number }
  imagesPerSecond: number
  /** Billions of floating-point operations per second: a multiply-accumulate is two, a training step three forward passes. */
  gflops: number
  /** Of what a large matrix product reached beside it: 0 to 1. */
  shareOfCeiling: number
}

export interface BenchResult {
  model: string
  parameters: number
  imageSize: number
  cpu: string
  device: string
  threads: number
  /** What a large matrix product reaches here, in GFLOP/s. */
  ceiling: number
  rows: BenchRow[]
}

/** Side of the matrices of the product that the machine is measured with. */
export const CEILING_SIDE = 1536

interface Task {
  work(): Promise<unknown>
  /** Milliseconds of each turn. */
  times: number[]
}

interface RowTask extends Task {
  row: Pick<BenchRow, "work" | "batchSize">
}

const isInference = ({ row }: RowTask) => row.work === "inference"

/**
 * Times a model on random images. Measurements take turns, those of inference before those of training, so that a machine
 * that gets slower gets slower for all; the large matrix product has its turn among both.
 * The model's weights stay as they are.
 * Throws a UsageError unless batch sizes and rounds are whole numbers of at least 1.
 */
export async function bench(
  model: Model,
  { batchSizes = [1, 8], train = true, rounds = 5, onProgress }: BenchOptions = {},
): Promise<BenchResult> {
  for (const batchSize of batchSizes) checkCount("batch size", batchSize)
  checkCount("rounds", rounds)
  const { backend, config, dataConfig, threads } = model
  const { inputSize } = dataConfig
  const product = await largeProduct(model)
  const before = train ? model.stateDict() : undefined
  const trainer = train
    ? await createTrainer(model, {
        optimizer: { name: "adamw", lr: 1e-6, weightDecay: 0.05 },
        clipGradNorm: 1,
        ema: { decay: 0.999 },
      })
    : undefined
  try {
    const tasks: RowTask[] = []
    for (const batchSize of batchSizes) {
      const images = randomImages([batchSize, inputSize, inputSize, config.inChannels])
      tasks.push({ row: { work: "inference", batchSize }, work: () => model.forward(images), times: [] })
      if (!trainer) continue
      const classes = Int32Array.from({ length: batchSize }, (_, i) => i % config.numClasses)
      const targets = ndarray(classes, [batchSize])
      tasks.push({
        row: { work: "training step", batchSize },
        work: () => trainer.step({ images, targets }),
        times: [],
      })
    }
    const ceiling: Task = { work: product.run, times: [] }
    // A step changes the weights, and what follows it would begin by making them ready: inference has its turns before.
    const phases = [tasks.filter(isInference), tasks.filter((task) => !isInference(task))]
      .filter((phase) => phase.length > 0)
      .map((phase) => [ceiling, ...phase])
    const turns = phases.flatMap((phase) =>
      Array.from({ length: rounds + 1 }, (_, round) => phase.map((task) => ({ task, counts: round > 0 }))).flat(),
    )
    for (const [i, { task, counts }] of turns.entries()) {
      onProgress?.(i, turns.length)
      const start = performance.now()
      await task.work()
      if (counts) task.times.push(performance.now() - start)
    }
    const reached = (2 * CEILING_SIDE ** 3) / median(ceiling.times) / 1e6
    return {
      model: model.name,
      parameters: model.parameterCount,
      imageSize: inputSize,
      cpu: cpus()[0]?.model.trim() ?? process.arch,
      device: backend.device,
      threads: threads ?? availableParallelism(),
      ceiling: reached,
      rows: tasks.map(({ row, times }) => {
        const milliseconds = { median: median(times), min: Math.min(...times), max: Math.max(...times) }
        const passes = row.work === "inference" ? 1 : 3
        const gflops = (2 * passes * model.macs() * row.batchSize) / milliseconds.median / 1e6
        return {
          ...row,
          milliseconds,
          imagesPerSecond: (1000 * row.batchSize) / milliseconds.median,
          gflops,
          shareOfCeiling: gflops / reached,
        }
      }),
    }
  } finally {
    await trainer?.dispose()
    if (before) model.loadStateDict(before)
    await product.dispose()
  }
}

/** A large matrix product on the model's device and threads. */
export async function largeProduct({
  backend,
  threads,
}: Pick<Model, "backend" | "threads">): Promise<{ run(): Promise<unknown>; dispose(): Promise<void> }> {
  const shape = [CEILING_SIDE, CEILING_SIDE]
  const [a, b] = [input("a", shape), input("b", shape)]
  const graph = { y: mean(matmul(a, b)) }
  const program = await Program.create(graph, { name: "product", backend: await backendFor(backend.device), threads })
  const feeds = { a: randomImages(shape), b: randomImages(shape) }
  return { run: () => program.run(feeds), dispose: () => program.dispose() }
}

function randomImages(shape: readonly number[]): NdArray<"float32"> {
  const values = new Float32Array(shape.reduce((size, dim) => size * dim, 1))
  new Random(0, "bench").fillNormal(values, 0, 1)
  return ndarray(values, shape)
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((x, y) => x - y)
  const half = sorted.length / 2
  return (sorted[Math.ceil(half) - 1]! + sorted[Math.floor(half)]!) / 2
}
