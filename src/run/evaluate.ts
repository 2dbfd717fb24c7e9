/** Measures a model on a folder of labelled images. */

import { resolveDataConfig } from "../data/config.ts"
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
  const { dataset } = await openForEval(data, model.classes)
  const config = resolveDataConfig(model.dataConfig)
  const loader = createLoader(dataset, { batchSize, config, mode: "eval", strict, workers })
  try {
    const batches = limit === undefined ? undefined : Math.ceil(limit / batchSize)
    const metrics = await measure(loader.epoch(0, { limit: batches }), model.classes, (images) => model.forward(images))
    if (metrics.outcomes.length === 0) throw new InputError(`no image of ${data} could be read`)
    return { ...metrics.result(), skipped: [...loader.skipped] }
  } finally {
    await loader.close()
  }
}
