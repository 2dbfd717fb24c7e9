/** The whole road at a glance: every step of a regime with its costs, beside what the paper reports. */

import type { Regime } from "../models/roadmap-steps.ts"
import { activationBytes } from "./activations.ts"
import { paperCosts } from "./paper-costs.ts"
import { PLAN_IMAGE_SIZE, type RoadmapNetwork, type RoadmapStep, roadmapReferences, roadmapSteps } from "./steps.ts"

interface Memory {
  /** Bytes of the activations of one image that a training step keeps. */
  activationBytes: number
}

/** A regime's steps, and what they are measured against: full networks, which a scaled plan has none of. */
export interface RoadmapPlan {
  regime: Regime
  /** Side of the images, in pixels. */
  imageSize: number
  /** Factor on all widths and depths of the steps. */
  scale: number
  steps: (RoadmapStep & Memory)[]
  references: (RoadmapNetwork & Memory)[]
}

/**
 * Plans a regime. Nothing is trained, and no weights are made.
 * @param scale factor on all widths and depths of the steps
 * Throws a UsageError for another regime than 50 and 200, or a scale that leaves no channel.
 */
export function planRoadmap(regime: Regime, { scale = 1 }: { scale?: number } = {}): RoadmapPlan {
  const withMemory = <N extends RoadmapNetwork>(network: N): N & Memory => {
    return { ...network, activationBytes: paperCosts[network.model]?.[2] ?? countActivations(network.model) }
  }
  const scaled = (step: RoadmapStep) => ({ ...step, activationBytes: countActivations(step.model, { scale }) })
  return {
    regime,
    imageSize: PLAN_IMAGE_SIZE,
    scale,
    steps: roadmapSteps(regime, { scale }).map(scale === 1 ? withMemory : scaled),
    references: scale === 1 ? roadmapReferences(regime).map(withMemory) : [],
  }
}

const countActivations = (model: string, config?: Record<string, unknown>) =>
  activationBytes(model, { imageSize: PLAN_IMAGE_SIZE, config })
