/** What each step of a study changed, and how sure that is. */

import { type RoadmapStep, type RoadmapStepId, roadmapStepIds } from "./steps.ts"
import type { RoadmapStudy, StudyRun } from "./study.ts"

/** Mean of some numbers; NaN of none. */
export const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length

/** Standard deviation of a sample, by its degrees of freedom; undefined of fewer than two values. */
export function deviationOf(values: readonly number[]): number | undefined {
  if (values.length < 2) return undefined
  const mean = meanOf(values)
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1))
}

/** The step that a step is compared with: the network that it changes. Undefined for the first. */
export function stepBefore({ steps }: Pick<RoadmapStep, "steps">): RoadmapStepId | undefined {
  return roadmapStepIds.find((id) => id === steps.at(-2))
}

/** By how much a step moves the accuracy, against the network that it changes. */
export interface StepEffect {
  step: RoadmapStepId
  before: RoadmapStepId
  /** Difference of the top-1 shares of the runs of the same seed, one by one. */
  differences: number[]
  mean: number
  /**
   * Half of an interval of 95 % around the mean: of Student's t over the paired differences where there are two seeds or
   * more, else of the two shares as counts of the measured images, which leaves out what the seed does.
   */
  halfWidth: number
  /** What `halfWidth` is made of. */
  basis: "seeds" | "images"
  /** The interval leaves out zero: up or down; else nothing can be said. */
  verdict: "up" | "down" | "unclear"
}

/** The effect of a step; undefined where it or the network before it has no run of a common seed. */
export function effectOf(step: RoadmapStep, { runs, data }: RoadmapStudy): StepEffect | undefined {
  const before = stepBefore(step)
  if (before === undefined) return undefined
  const pairs = runs.flatMap((run) => {
    const other = runs.find((candidate) => candidate.step === before && candidate.seed === run.seed)
    return run.step === step.id && other ? [[other, run] as const] : []
  })
  if (pairs.length === 0) return undefined
  const differences = pairs.map(([from, to]) => to.top1 - from.top1)
  const mean = meanOf(differences)
  const deviation = deviationOf(differences)
  const halfWidth =
    deviation === undefined
      ? countingError(pairs[0]!, data.val)
      : studentT(differences.length - 1) * (deviation / Math.sqrt(differences.length))
  const verdict = Math.abs(mean) > halfWidth ? (mean > 0 ? "up" : "down") : "unclear"
  const basis = deviation === undefined ? "images" : "seeds"
  return { step: step.id, before, differences, mean, halfWidth, basis, verdict }
}

/** 1.96 standard errors of the difference of two shares of `count` images, as if they were other images. */
function countingError(pair: readonly StudyRun[], count: number): number {
  const variance = pair.reduce((sum, { top1 }) => sum + (top1 * (1 - top1)) / count, 0)
  return 1.96 * Math.sqrt(variance)
}

/** The 97.5 % points of Student's t with 1, 2, ... degrees of freedom. */
const tTable = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
]

/** Beyond the table, the first terms of Cornish and Fisher's expansion. */
function studentT(degrees: number): number {
  const normal = 1.959964
  return tTable[degrees - 1] ?? normal + (normal ** 3 + normal) / (4 * degrees)
}

/** Spearman's rank correlation of pairs of numbers, ties with the mean of their ranks; undefined of fewer than three. */
export function rankCorrelation(pairs: readonly (readonly [number, number])[]): number | undefined {
  if (pairs.length < 3) return undefined
  const x = ranks(pairs.map(([first]) => first))
  const y = ranks(pairs.map(([, second]) => second))
  const middle = (pairs.length + 1) / 2
  const product = (a: number[], b: number[]) =>
    a.reduce((sum, value, i) => sum + (value - middle) * (b[i]! - middle), 0)
  const scale = Math.sqrt(product(x, x) * product(y, y))
  return scale === 0 ? undefined : product(x, y) / scale
}

function ranks(values: readonly number[]): number[] {
  const below = (value: number) => values.filter((other) => other < value).length
  const equal = (value: number) => values.filter((other) => other === value).length
  return values.map((value) => below(value) + (equal(value) + 1) / 2)
}
