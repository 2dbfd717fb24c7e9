/** What each step of a study changed, and how sure that is. */

import { architectureOf } from "../models/roadmap-steps.ts"
import { countingHalfWidth, deviationOf, meanOf, studentT } from "./statistics.ts"
import { type RoadmapStep, type RoadmapStepId, roadmapStepIds } from "./steps.ts"
import type { RoadmapStudy } from "./study.ts"

/** The step that a step is compared with: the network that it changes. Undefined for the first. */
export function stepBefore({ steps }: Pick<RoadmapStep, "steps">): RoadmapStepId | undefined {
  return roadmapStepIds.find((id) => id === steps.at(-2))
}

/** By how much the accuracy differs between two networks of the road. */
export interface StepEffect {
  step: RoadmapStepId
  before: RoadmapStepId
  /** Difference of the top-1 shares of the runs of the same seed, one by one. */
  differences: number[]
  mean: number
  /**
   * Half of an interval of 95 % around the mean. From one seed, of the two shares as counts of the images that are measured
   * on, which leaves out what the seed does. From several, of Student's t over the paired differences: for these images,
   * and never less than counting them all for each seed leaves open, as a few seeds may agree by chance.
   */
  halfWidth: number
  /** What `halfWidth` is made of. */
  basis: "seeds" | "images"
  /** The interval leaves out zero: up or down; else nothing can be said. */
  verdict: "up" | "down" | "unclear"
}

/** Whether a step changes nothing at a scale: depths that are rounded may come out the same. */
export function isSameNetwork(step: RoadmapStep, scale: number): boolean {
  const { regime, steps } = step
  const [before, after] = [steps.slice(0, -1), steps].map((changes) => architectureOf(regime, changes, scale))
  return stepBefore(step) !== undefined && JSON.stringify(before) === JSON.stringify(after)
}

/**
 * The effect of a step; undefined where it or the network before it has no run of a common seed, and where both are the
 * same network.
 */
export function effectOf(step: RoadmapStep, study: RoadmapStudy): StepEffect | undefined {
  const before = stepBefore(step)
  if (before === undefined || isSameNetwork(step, study.settings.scale)) return undefined
  return effectBetween(before, step.id, study)
}

/** By how much one network is better than another; undefined where they have no run of a common seed. */
export function effectBetween(
  before: RoadmapStepId,
  step: RoadmapStepId,
  { runs, data }: RoadmapStudy,
): StepEffect | undefined {
  const pairs = runs.flatMap((run) => {
    const other = runs.find((candidate) => candidate.step === before && candidate.seed === run.seed)
    return run.step === step && other ? [[other.top1, run.top1] as const] : []
  })
  if (pairs.length === 0) return undefined
  const differences = pairs.map(([from, to]) => to - from)
  const mean = meanOf(differences)
  const deviation = deviationOf(differences)
  const bySeeds =
    deviation === undefined ? 0 : studentT(differences.length - 1) * (deviation / Math.sqrt(differences.length))
  const [from, to] = [meanOf(pairs.map(([share]) => share)), meanOf(pairs.map(([, share]) => share))]
  const halfWidth = Math.max(bySeeds, countingHalfWidth(from, to, data.val * pairs.length))
  const verdict = Math.abs(mean) > halfWidth ? (mean > 0 ? "up" : "down") : "unclear"
  const basis = deviation === undefined ? "images" : "seeds"
  return { step, before, differences, mean, halfWidth, basis, verdict }
}
