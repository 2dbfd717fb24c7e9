/** Studies with made-up results, for tests of what is made of results. */

import { zeros } from "../tensor/ndarray.ts"
import type { StepInspection } from "./inspect.ts"
import { contributionShares } from "./receptive-field.ts"
import { type RoadmapStepId, roadmapStepIds } from "./steps.ts"
import type { RoadmapStudy, StudyRun, StudySettings } from "./study.ts"

const settings: StudySettings = {
  regime: 50,
  scale: 0.25,
  imageSize: 32,
  recipe: "quick",
  epochs: 3,
  batchSize: 64,
  lr: 0.006,
}

/** What is known of a network whose images keep their top-1 with a probability, and whose centre sees a square. */
export function inspectionFixture(consistency: number, side: number): StepInspection {
  const map = zeros([32, 32])
  const first = Math.floor((32 - side) / 2)
  for (let y = 0; y < side; y++) {
    map.data.fill(1 / side ** 2, (first + y) * 32 + first, (first + y) * 32 + first + side)
  }
  return {
    consistency: { images: 200, maxShift: 4, consistency, unchanged: [{ pixels: 1, share: (1 + consistency) / 2 }] },
    receptiveField: { map, squares: contributionShares.map((share) => ({ share, side, top: first, left: first })) },
  }
}

/** A finished run. */
export function runFixture(step: RoadmapStepId, seed: number, top1: number): StudyRun {
  const epochs = [1, 2, 3].map((epoch) => ({
    epoch,
    step: epoch * 10,
    trainLoss: 2 / epoch,
    valLoss: 2 / epoch,
    top1: top1 * (1 - (3 - epoch) / 10),
    top5: 1,
    lr: 1e-3,
    gradNorm: 1,
    imagesPerSecond: 1000,
    waitShare: 0,
    memoryBytes: 2 ** 28,
    seconds: 12,
  }))
  return {
    step,
    seed,
    top1,
    parameters: 500_000,
    macs: 2_000_000,
    activationBytes: 300_000,
    memoryBytes: 2 ** 28,
    imagesPerSecond: 1000,
    seconds: 36,
    epochs,
  }
}

/** A study of the steps that are given, each with the top-1 of its seeds 0, 1, ... */
export function studyFixture(
  top1: Partial<Record<RoadmapStepId, readonly number[]>>,
  changes: Partial<RoadmapStudy> = {},
): RoadmapStudy {
  return {
    settings,
    data: { description: "pictures <of> clothes", classes: 10, train: 10_000, val: 2_000 },
    version: "1.2.3",
    machine: "a machine",
    runs: roadmapStepIds.flatMap((step) => (top1[step] ?? []).map((value, seed) => runFixture(step, seed, value))),
    failures: [],
    ...changes,
  }
}

/** All steps, each half a point above the one before, from three seeds that lie 0.2 points apart. */
export const fullStudy = (changes: Partial<RoadmapStudy> = {}): RoadmapStudy =>
  studyFixture(
    Object.fromEntries(roadmapStepIds.map((step, i) => [step, [-1, 0, 1].map((k) => 0.8 + i * 0.005 + k * 0.002)])),
    changes,
  )
