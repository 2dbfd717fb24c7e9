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
 * inference as measured, one process after the other. What does not fit into memory, or fails, is skipped.
 * @param models registered models, by default ResNet, ViT, Swin and ConvNeXt of about the same cost
 * @param sizes sides of the images in pixels, by default 224 to 1,024
 * Throws a UsageError, before anything is measured, for an unknown model or a size that one of them cannot take, and an
 * InputError if nothing could be measured.
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
    const report =
      needed > memoryLimit
        ? { error: `needs about ${gib(needed)}, and ${gib(memoryLimit)} may be used` }
        : await measureApart({ model, size, device: options.device, threads })
    if ("error" in report) {
      result.skipped.push({ model, size, reason: report.error })
    } else {
      result.device = report.device
      result.rows.push({ ...cost, milliseconds: report.milliseconds, peakBytes: report.peakBytes })
    }
  }
  const [first] = result.skipped
  if (result.rows.length === 0 && first) {
    throw new InputError(`nothing was measured; ${first.model} at ${first.size} pixels: ${first.reason}`)
  }
  return result
}

const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`

/** The worker is built JavaScript; from the sources, as in tests, that is the same file below dist/. */
const workerFile = import.meta.url.endsWith(".ts")
  ? "../../../dist/roadmap/node/resolution-worker.js"
  : "./resolution-worker.js"

/** Measures in a process of its own. */
async function measureApart(job: ResolutionJob): Promise<ResolutionReport> {
  const child = fork(fileURLToPath(new URL(workerFile, import.meta.url)), [], {
    execArgv: [],
    stdio: ["ignore", "ignore", "inherit", "ipc"], // stdout is for the command's own result
  })
  let report: ResolutionReport | undefined
  child.once("message", (message: ResolutionReport) => {
    report = message
  })
  child.send(job)
  // The last message may come after "exit", but before "disconnect".
  const [[code, signal]] = await Promise.all([once(child, "exit"), once(child, "disconnect")])
  if (report) return report
  if (signal === "SIGKILL") return { error: "the system ended it, as it does where memory runs out" }
  return { error: `its process ended with ${signal ?? `code ${code}`}` }
}
