/** Measures a model on a folder of labelled images. */

import { resolveDataConfig } from "../data/config.ts"
import { subset } from "../data/dataset.ts"
import { createLoader, type SkippedImage } from "../data/node/loader.ts"
import { openForEval } from "../data/node/open.ts"
import type { Model } from "../models/model.ts"
import { measure } from "../tasks/classification/evaluate.ts"
import type { ClassificationResult } from "../tasks/classification/metrics.ts"
import { InputError, UsageError } from "../tensor/errors.ts"

export interface EvaluateOptions {
  /** Images in a batch. Default 32. */
  batchSize?: number
  /** The most images to measure. Default: all. */
  limit?: number
  /** Throw at an unreadable image instead of leaving it out. Default false. */
  strict?: boolean
  /** Threads that decode images. */
  workers?: number
}

export interface Evaluation extends ClassificationResult {
  /** Images that could not be read. */
  skipped: SkippedImage[]
}

/**
 * Measures a model on a data folder: its `val/` or `test/` part if it has one, else all its images. The folder's
 * classes must be among the model's.
 * Throws an InputError for a folder that cannot be used, a UsageError if the model has no class names.
 */
export async function evaluate(model: Model, data: string, options: EvaluateOptions = {}): Promise<Evaluation> {
  if (!model.classes) throw new UsageError(`${model.name} has no class names: load a run, or create it with classes`)
  const { batchSize = 32, limit, strict, workers } = options
  checkLimit(limit)
  const opened = await openForEval(data, model.classes)
  const count = Math.min(limit ?? opened.dataset.length, opened.dataset.length)
  const dataset = subset(
    opened.dataset,
    Uint32Array.from({ length: count }, (_, index) => index),
  )
  const config = resolveDataConfig(model.dataConfig)
  const loader = createLoader(dataset, { batchSize, config, mode: "eval", strict, workers })
  try {
    const metrics = await measure(loader.epoch(0), model.classes, (images) => model.forward(images))
    if (metrics.outcomes.length === 0) throw new InputError(`no image of ${data} could be read`)
    return { ...metrics.result(), skipped: [...loader.skipped] }
  } finally {
    await loader.close()
  }
}

function checkLimit(limit: number | undefined): void {
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 1)) {
    throw new UsageError(`limit must be a whole number of at least 1, got ${limit}`)
  }
}
