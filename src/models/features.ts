/** Feature pyramids: a model without its head, for detection and segmentation. timm's `features_only`. */

import { UsageError } from "../tensor/errors.ts"
import type { NdArray } from "../tensor/ndarray.ts"
import type { FeatureInfo } from "./family.ts"
import type { Model } from "./model.ts"

/** Levels finer than this are left out unless they are asked for: detection and segmentation start here. */
const FINEST_STRIDE = 4

/** Options of `createModel` for a feature pyramid. */
export interface FeatureOptions {
  /** Make a feature pyramid: the model without its head. */
  featuresOnly: true
  /** Which of the model's levels. Default: those of stride 4 and more. */
  outIndices?: readonly number[]
}

export class FeatureExtractor {
  /** The model whose levels these are. */
  readonly model: Model
  readonly #indices: readonly number[]

  /**
   * @param indices which of the model's levels, counted from the finest; negative ones from the end. Default: all of
   *   stride 4 and more
   * Throws a UsageError for a level that the model does not have.
   */
  constructor(model: Model, indices?: readonly number[]) {
    const levels = model.featureInfo
    this.model = model
    this.#indices = (indices ?? coarseLevels(levels)).map((index) => {
      const level = index < 0 ? index + levels.length : index
      if (!Number.isInteger(level) || level < 0 || level >= levels.length) {
        throw new UsageError(`${model.name} has levels 0 to ${levels.length - 1}, got ${index}`)
      }
      return level
    })
  }

  /** Channels, stride and module of each level. */
  get featureInfo(): readonly FeatureInfo[] {
    return this.#indices.map((index) => this.model.featureInfo[index]!)
  }

  /** images [N, H, W, C] float32, normalised; one map [N, h, w, channels] for each entry of `featureInfo`. */
  async forward(images: NdArray): Promise<NdArray[]> {
    const levels = await this.model.forwardPyramid(images)
    return this.#indices.map((index) => levels[index]!)
  }

  /** Frees what the device holds. */
  dispose(): Promise<void> {
    return this.model.dispose()
  }
}

/** Names of the options of a feature pyramid: a record, so that the compiler finds one that is missing. */
export const featureOptionNames = { featuresOnly: true, outIndices: true } satisfies Record<keyof FeatureOptions, true>

/**
 * The model that `create` makes of the options, or its feature pyramid if they ask for one.
 * Throws a UsageError for levels of no pyramid.
 */
export async function createWithFeatures<O extends object>(
  { featuresOnly, outIndices, ...options }: O & Partial<FeatureOptions>,
  create: (options: Omit<O, keyof FeatureOptions>) => Promise<Model>,
): Promise<Model | FeatureExtractor> {
  if (outIndices && !featuresOnly) throw new UsageError("outIndices has no meaning without featuresOnly: true")
  const model = await create(options)
  return featuresOnly ? new FeatureExtractor(model, outIndices) : model
}

function coarseLevels(levels: readonly FeatureInfo[]): number[] {
  return [...levels.keys()].filter((level) => levels[level]!.stride >= FINEST_STRIDE)
}
