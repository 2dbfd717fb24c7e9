/** Networks with any of the roadmap's changes. */

import { type CreateModelOptions, createModel, type Model } from "../models/model.ts"
import type { Regime, RoadmapChange } from "../models/roadmap-steps.ts"

export type RoadmapModelOptions = Omit<CreateModelOptions, "steps"> & {
  /** Factor on all widths and depths. Depths are rounded up. Default 1. */
  scale?: number
}

/**
 * Makes the network that a regime's ResNet becomes by these changes, also by such as the paper did not try together.
 * @param regime 50 or 200: from ResNet-50 to ConvNeXt-T, or from ResNet-200 to ConvNeXt-B
 * @param steps any of the roadmap's steps, in any order
 * @example
 * // ConvNeXt-T without its large kernels
 * const steps = roadmapSteps(50).at(-1).steps.filter((step) => step !== "kernel-7")
 * const model = await roadmapModel(50, steps, { numClasses: 37 })
 *
 * Throws a UsageError for steps that are unknown, exclude each other or lack one that they build on, and for a scale that
 * leaves no channel.
 */
export function roadmapModel(
  regime: Regime,
  steps: readonly RoadmapChange[],
  { scale, config, ...options }: RoadmapModelOptions = {},
): Promise<Model> {
  return createModel(`roadmap/${regime}`, { ...options, steps, config: { ...config, scale } })
}
