/** What a model card can tell of a model, by where the model is from. */

import type { Model } from "../models/model.ts"
import { findPretrained, pretrainedFor } from "../models/pretrained/index.ts"
import { readState } from "./checkpoint.ts"
import type { CardFacts } from "./export-card.ts"
import { exists, runPaths } from "./folder.ts"

/** Of the best weights of a run. Nothing, if its state is gone. Throws an InputError if the state is damaged. */
export async function runFacts(folder: string): Promise<CardFacts> {
  const paths = runPaths(folder)
  if (!(await exists(paths.state))) return {}
  const { best, data } = await readState(paths)
  if (best.epoch === 0) return {}
  return { accuracy: { top1: best.top1, images: `the ${data.val} images that were held out from training` } }
}

/**
 * Of published weights; nothing for weights of any other kind.
 * @param weights the name that they were asked for by. Default: the model's first ones
 */
export function publishedFacts({ name, dataConfig }: Model, weights?: string): CardFacts {
  const published = weights === undefined ? pretrainedFor(name)[0] : findPretrained(weights, name)
  if (published === undefined) return {}
  const { repository, license, accuracy } = published
  const top1 = accuracy[dataConfig.inputSize]?.[0]
  return {
    weights: repository,
    ...(license === null ? {} : { license }),
    ...(top1 === undefined ? {} : { accuracy: { top1: top1 / 100, images: "the validation images of ImageNet-1k" } }),
  }
}
