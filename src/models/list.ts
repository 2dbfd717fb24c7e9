/** What there is: the registered models with their costs and their published weights. */

import { type ModelSummary, summary } from "../nn/summary.ts"
import { counts } from "./counts.ts"
import { Network } from "./network.ts"
import { type PretrainedWeights, pretrainedFor } from "./pretrained/index.ts"
import { describeModel, modelNames } from "./registry.ts"

/** What `listModels` tells of a model. */
export interface ModelInfo {
  name: string
  family: string
  /** Number of parameters with the registered number of classes. */
  parameters: number
  /** Multiply-accumulates of one image of the registered size. */
  macs: number
  /** Side of the images in pixels. */
  inputSize: number
  /** Tags of published weights, the default first. */
  weights: string[]
  /** Best published ImageNet-1k top-1 of these weights at their own sizes, in percent; undefined where none is known. */
  top1: number | undefined
  /** Licence of the default weights. */
  license: string | undefined
}

/** All registered models, or those whose name matches a pattern with `*` and `?`. */
export function listModels(filter?: string): ModelInfo[] {
  const pattern = filter === undefined ? /^/ : globPattern(filter)
  return modelNames()
    .filter((name) => pattern.test(name))
    .map((name) => {
      const { family, preprocessing } = describeModel(name)
      const [parameters, macs] = counts[name] ?? countModel(name)
      const published = pretrainedFor(name)
      return {
        name,
        family,
        parameters,
        macs,
        inputSize: preprocessing.inputSize,
        weights: published.map(({ tag }) => tag),
        top1: bestAccuracy(published),
        license: published[0]?.license ?? undefined,
      }
    })
}

function bestAccuracy(published: readonly PretrainedWeights[]): number | undefined {
  const known = published.flatMap(({ accuracy }) => Object.values(accuracy).map(([top1]) => top1))
  return known.length > 0 ? Math.max(...known) : undefined
}

/** Counts parameters, and multiply-accumulates of one image of the registered size: what the table `counts` holds. */
export function countModel(name: string): [parameters: number, macs: number] {
  const network = new Network(describeModel(name))
  const { inputSize } = network.description.preprocessing
  return [network.parameterCount, network.macs(inputSize, inputSize)]
}

/** What a registered model is made of, layer by layer, for one image of the registered size. Throws a UsageError for an unknown name. */
export function modelSummary(name: string): ModelSummary {
  const { preprocessing, config, build } = describeModel(name)
  return summary(build(), ["N", preprocessing.inputSize, preprocessing.inputSize, config.inChannels])
}

function globPattern(glob: string): RegExp {
  const escaped = glob
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replace(/\*/g, ".*")
    .replace(/\?/g, ".")
  return new RegExp(`^${escaped}$`, "i")
}
