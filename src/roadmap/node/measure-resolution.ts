/** Measures how the cost of models grows with the side of the images, on this machine. */

import { fork } from "node:child_process"
import { once } from "node:events"
import { availableParallelism, cpus } from "node:os"
import { fileURLToPath } from "node:url"
import { InputError } from "../../tensor/errors.ts"
import {
  comparedModels,
  comparedSizes,
  countCost,
  estimateInferenceBytes,
  type ResolutionRow,
  type SkippedResolution,
} from "../resolution.ts"
import type { ResolutionJob, ResolutionReport } from "./resolution-worker.ts"

export interface MeasureResolutionOptions {
  /** A device's name, as `createModel` takes it. Default "auto". */
  device?: string
  /** Threads of one run. Default: the cores there are. */
  threads?: number
  /** Bytes that one inference may need by estimate; what needs more is skipped. Default: four fifths of what is free. */
  memoryLimit?: number
  /** Called before each measurement, with its number from 1 and how many there are. */
  onProgress?(progress: { model: string; size: number; index: number; count: number }): void
}

export interface ResolutionMeasurement {
  /** The processor's name. */
  cpu: string
  threads: number
  /** The device that computed; undefined where nothing was measured. */
  device: string | undefined
  rows: ResolutionRow[]
  skipped: SkippedResolution[]
}

/**
 * For each model and size: multiply-accumulates and activations of a training step as the graph says, time and memory of
 * inference as measured, one process after the other. What does not fit into memory is skipped.
 * @param models registered models, by default ResNet, ViT, Swin and ConvNeXt of about the same cost
 * @param sizes sides of the images in pixels, by default 224 to 1,024
 * Throws a UsageError, before anything is measured, for an unknown model or a size that one of them cannot take, and an
 * InputError if a measurement fails.
 */
export async function measureResolution(
  models: readonly string[] = comparedModels,
  sizes: readonly number[] = comparedSizes,
  options: MeasureResolutionOptions = {},
): Promise<ResolutionMeasurement> {
  const { threads = availableParallelism(), memoryLimit = 0.8 * process.availableMemory() } = options
  const costs = models.flatMap((model) => sizes.map((size) => countCost(model, size)))
  const result: ResolutionMeasurement = {
    cpu: cpus()[0]?.model ?? process.arch,
    threads,
    device: undefined,
    rows: [],
    skipped: [],
  }
  for (const [i, cost] of costs.entries()) {
    const { model, size } = cost
    options.onProgress?.({ model, size, index: i + 1, count: costs.length })
    const needed = estimateInferenceBytes(model, size)
    if (needed > memoryLimit) {
      result.skipped.push({ model, size, reason: `needs about ${gib(needed)}, and ${gib(memoryLimit)} may be used` })
      continue
    }
    const report = await measureApart({ model, size, device: options.device, threads })
    if (report === undefined) {
      result.skipped.push({ model, size, reason: "the system ended it, as it does where memory runs out" })
      continue
    }
    if ("error" in report) throw new InputError(`${model} at ${size} pixels cannot be measured: ${report.error}`)
    const { device, milliseconds, peakBytes } = report
    result.device = device
    result.rows.push({ ...cost, milliseconds, peakBytes })
  }
  return result
}

const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`

/** The worker is built JavaScript; from the sources, as in tests, that is the same file below dist/. */
const workerFile = import.meta.url.endsWith(".ts")
  ? "../../../dist/roadmap/node/resolution-worker.js"
  : "./resolution-worker.js"

/** Measures in a process of its own; undefined if that was killed. */
async function measureApart(job: ResolutionJob): Promise<ResolutionReport | undefined> {
  const child = fork(fileURLToPath(new URL(workerFile, import.meta.url)), [], { execArgv: [], stdio: "inherit" })
  let report: ResolutionReport | undefined
  child.once("message", (message: ResolutionReport) => {
    report = message
  })
  child.send(job)
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null]
  if (report !== undefined || signal !== null) return report
  return { error: `its process ended with code ${code}` }
}
