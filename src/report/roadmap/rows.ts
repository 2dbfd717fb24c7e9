/** A study as the figure and the page show it: a row for each step of the paper, with what was trained of it. */

import { effectOf, type StepEffect } from "../../roadmap/effects.ts"
import type { StepInspection } from "../../roadmap/inspect.ts"
import type { ReceptiveField } from "../../roadmap/receptive-field.ts"
import { deviationOf, meanOf } from "../../roadmap/statistics.ts"
import { type RoadmapNetwork, type RoadmapStep, roadmapReferences, roadmapSteps } from "../../roadmap/steps.ts"
import type { RoadmapStudy, StudyRun } from "../../roadmap/study.ts"
import { thin } from "../format.ts"

export interface StepRow {
  /** From 1, in the order of the paper. */
  number: number
  step: RoadmapStep
  /** Of its finished runs, one for each seed; undefined where there is none. */
  result: StepResult | undefined
  effect: StepEffect | undefined
}

/** What the runs of a step have in common. */
export interface StepResult extends Pick<StudyRun, "parameters" | "macs" | "activationBytes"> {
  runs: readonly StudyRun[]
  /** Mean over the seeds, 0 to 1. */
  top1: number
  /** Standard deviation over the seeds; undefined for a single one. */
  deviation: number | undefined
  imagesPerSecond: number
  memoryBytes: number
  /** Of the runs that were looked at; undefined where none was. */
  inspection: InspectionResult | undefined
}

/** What the trained networks of a step are like beyond their accuracy. */
export interface InspectionResult {
  /** Images that were shifted, by at most `maxShift` pixels, for each network. */
  images: number
  maxShift: number
  /** How often two random shifts of an image have the same top-1: mean and standard deviation over the seeds. */
  consistency: number
  consistencyDeviation: number | undefined
  /** How often an image keeps its top-1 when it moves by one pixel. */
  unchanged: number
  /** Sides in pixels of the squares that hold a share of what moves the centre, the smallest share first. */
  sides: { share: number; side: number }[]
  /** The receptive field of the first seed: an average over seeds would be of no network. */
  field: ReceptiveField
}

/** The rows of all steps, in the order of the paper. */
export function stepRows(study: RoadmapStudy): StepRow[] {
  const { regime, scale } = study.settings
  return roadmapSteps(regime, { scale }).map((step, i) => ({
    number: i + 1,
    step,
    result: resultOf(study.runs.filter((run) => run.step === step.id)),
    effect: effectOf(step, study),
  }))
}

function resultOf(runs: readonly StudyRun[]): StepResult | undefined {
  if (runs.length === 0) return undefined
  const { parameters, macs, activationBytes } = runs[0]!
  const mean = (value: (run: StudyRun) => number) => meanOf(runs.map(value))
  return {
    runs,
    parameters,
    macs,
    activationBytes,
    top1: mean(({ top1 }) => top1),
    deviation: deviationOf(runs.map(({ top1 }) => top1)),
    imagesPerSecond: mean(({ imagesPerSecond }) => imagesPerSecond),
    memoryBytes: mean(({ memoryBytes }) => memoryBytes),
    inspection: inspectionOf(runs.flatMap(({ inspection = [] }) => inspection)),
  }
}

function inspectionOf(found: readonly StepInspection[]): InspectionResult | undefined {
  const [first] = found
  if (!first) return undefined
  const consistencies = found.map(({ consistency }) => consistency.consistency)
  return {
    images: first.consistency.images,
    maxShift: first.consistency.maxShift,
    consistency: meanOf(consistencies),
    consistencyDeviation: deviationOf(consistencies),
    unchanged: meanOf(found.map(({ consistency }) => consistency.unchanged[0]!.share)),
    sides: first.receptiveField.squares.map(({ share }, i) => ({
      share,
      side: meanOf(found.map(({ receptiveField }) => receptiveField.squares[i]!.side)),
    })),
    field: first.receptiveField,
  }
}

/** Rows of which something was trained. */
export type TrainedRow = StepRow & { result: StepResult }

export const trainedRows = (rows: readonly StepRow[]): TrainedRow[] =>
  rows.filter((row): row is TrainedRow => row.result !== undefined)

/** The Swin transformer that a regime is measured against. */
export const swinOf = ({ settings }: RoadmapStudy): RoadmapNetwork =>
  roadmapReferences(settings.regime).find(({ title }) => title.startsWith("Swin"))!

/** Where the road begins: ResNet-50 or -200. */
export const startOf = ({ settings }: RoadmapStudy) => `ResNet-${settings.regime}`

/** What the road leads to: ConvNeXt-T or -B. */
export const goalOf = ({ settings }: RoadmapStudy) => (settings.regime === 50 ? "ConvNeXt-T" : "ConvNeXt-B")

/** A difference of shares in points of percent with its sign: 0.0123 is "+1.2". */
export function formatPoints(difference: number, digits = 1): string {
  const text = (difference * 100).toFixed(digits)
  if (Number(text) === 0) return (0).toFixed(digits)
  return text.startsWith("-") ? `\u2212${text.slice(1)}` : `+${text}`
}

/** An effect in points with half of its interval: "+1.2 ± 0.3". */
export const formatEffect = ({ mean, halfWidth }: StepEffect): string =>
  `${formatPoints(mean)} ± ${(halfWidth * 100).toFixed(1)}`

/** A share in percent with its spread where there is one: "84.2 ± 0.3". */
export function formatTop1(share: number, deviation: number | undefined): string {
  const spread = deviation === undefined ? "" : `${thin}±${thin}${(deviation * 100).toFixed(1)}`
  return `${(share * 100).toFixed(1)}${spread}`
}
