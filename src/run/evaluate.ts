/** Measures a model on a folder of labelled images. */

import { resolveDataConfig } from "../data/config.ts"
import { createLoader, type SkippedImage } from "../data/node/loader.ts"
import { openForEval } from "../data/node/open.ts"
import type { Model } from "../models/model.ts"
import { measure } from "../tasks/classification/evaluate.ts"
import type { ClassificationResult } from "../tasks/classification/metrics.ts"
import { checkCount, InputError, UsageError } from "../tensor/errors.ts"
import { openHeldOut } from "./held-out.ts"
import { spread } from "./spread.ts"

export interface EvaluateOptions {
  /** Images in a batch. Default 32. */
  batchSize?: number
  /** The most images to measure, evenly spaced over all. Default: all. */
  limit?: number
  /**
   * Folder of the run that made the model: of images that it learned from a part of, only those that it held out are
   * measured. Default: all images are measured, whoever learned from them.
   */
  run?: string
  /** Throw at an unreadable image instead of leaving it out. Default false. */
  strict?: boolean
  /** Threads that decode images. */
  workers?: number
}

export interface Evaluation extends ClassificationResult {
  /** Images that could not be read. */
  skipped: SkippedImage[]
  /** What is odd about the data, or was left out of it, one sentence each. */
  warnings: string[]
}

/**
 * Measures a model on a data folder: its `val/` or `test/` part if it has one, else all its images. The folder's
 * classes must be among the model's.
 * Throws an InputError for a folder that cannot be used, a UsageError if the model has no class names.
 */
export async function evaluate(model: Model, data: string, options: EvaluateOptions = {}): Promise<Evaluation> {
  if (!model.classes) throw new UsageError(`${model.name} has no class names: load a run, or create it with classes`)
  const { batchSize = 32, limit = Number.POSITIVE_INFINITY, run, strict, workers } = options
  if (limit !== Number.POSITIVE_INFINITY) checkCount("limit", limit)
  const opened = await (run === undefined ? openForEval(data, model.classes) : openHeldOut(run, data, model.classes))
  const dataset = spread(opened.dataset, limit)
  const config = resolveDataConfig(model.dataConfig)
  const loader = createLoader(dataset, { batchSize, config, mode: "eval", strict, workers })
  try {
    const metrics = await measure(loader.epoch(0), model.classes, (images) => model.forward(images))
    if (metrics.outcomes.length === 0) throw new InputError(`no image of ${data} could be read`)
    return { ...metrics.result(), skipped: [...loader.skipped], warnings: opened.warnings }
  } finally {
    await loader.close()
  }
}
