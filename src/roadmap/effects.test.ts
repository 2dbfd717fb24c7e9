import { describe, expect, test } from "vitest"
import { effectBetween, effectOf, isSameNetwork, stepBefore } from "./effects.ts"
import { roadmapGroups } from "./groups.ts"
import { type RoadmapStepId, roadmapStepIds, roadmapSteps } from "./steps.ts"
import { studyFixture } from "./study.fixture.ts"

const steps = roadmapSteps(50, { scale: 0.25 })
const find = (id: RoadmapStepId) => steps.find((step) => step.id === id)!

test("a step is compared with the network that it changes: side branches, and what follows them, with what was kept", () => {
  expect(stepBefore(find("resnet"))).toBeUndefined()
  expect(stepBefore(find("stage-ratio"))).toBe("resnet")
  for (const id of ["kernel-5", "kernel-7", "kernel-9", "kernel-11"] as const)
    expect(stepBefore(find(id))).toBe("move-up")
  expect(stepBefore(find("gelu"))).toBe("kernel-7")
})

describe("the effect of a step", () => {
  test("from three seeds is the mean of the differences of each seed, with Student's 95 % interval", () => {
    // Differences 1, 2 and 3 points: deviation 1 point, half width 4.303 / sqrt 3. The seeds themselves lie far apart.
    const study = studyFixture({ resnet: [0.5, 0.7, 0.6], "stage-ratio": [0.51, 0.72, 0.63] })
    const effect = effectOf(find("stage-ratio"), study)!
    expect(effect).toMatchObject({ before: "resnet", basis: "seeds", verdict: "unclear" })
    expect(effect.mean).toBeCloseTo(0.02, 12)
    expect(effect.halfWidth).toBeCloseTo(0.04303 / Math.sqrt(3), 6)
  })

  test("is clear where the interval leaves out zero", () => {
    const up = studyFixture({ resnet: [0.5, 0.7, 0.6], "stage-ratio": [0.52, 0.722, 0.621] })
    expect(effectOf(find("stage-ratio"), up)!.verdict).toBe("up")
    const down = studyFixture({ resnet: [0.52, 0.722, 0.621], "stage-ratio": [0.5, 0.7, 0.6] })
    expect(effectOf(find("stage-ratio"), down)!.verdict).toBe("down")
  })

  test("from one seed has the uncertainty of the two counts", () => {
    const study = studyFixture({ resnet: [0.8], "stage-ratio": [0.82] })
    const effect = effectOf(find("stage-ratio"), study)!
    expect(effect).toMatchObject({ basis: "images", verdict: "unclear" })
    expect(effect.halfWidth).toBeCloseTo(1.96 * Math.sqrt((0.8 * 0.2 + 0.82 * 0.18) / 2000), 4)
    expect(effectOf(find("stage-ratio"), studyFixture({ resnet: [0.8], "stage-ratio": [0.84] }))!.verdict).toBe("up")
  })

  test("is never sure, however few seeds agree and whatever the shares are", () => {
    const halfWidth = (from: number[], to: number[]) =>
      effectOf(find("stage-ratio"), studyFixture({ resnet: from, "stage-ratio": to }))!.halfWidth
    // Two seeds with the same difference: 4,000 counts on both sides.
    expect(halfWidth([0.8, 0.7], [0.81, 0.71])).toBeCloseTo(1.96 * Math.sqrt((0.75 * 0.25 + 0.76 * 0.24) / 4000), 4)
    expect(halfWidth([1], [1])).toBeGreaterThan(0.001)
    expect(halfWidth([0], [1])).toBeGreaterThan(0.001)
    // Where the seeds lie further apart than counting explains, they decide.
    expect(halfWidth([0.5, 0.5], [0.45, 0.55])).toBeCloseTo((12.706 * 0.1) / 2, 6)
  })

  test("of the whole road is that between its ends, by the seeds that both have", () => {
    const study = studyFixture({ resnet: [0.5, 0.9], "separate-downsampling": [0.6, 0.99, 0.2] })
    const effect = effectBetween("resnet", "separate-downsampling", study)!
    expect(effect).toMatchObject({ before: "resnet", step: "separate-downsampling", basis: "seeds", verdict: "up" })
    expect(effect.mean).toBeCloseTo(0.095, 12)
    expect(effectBetween("resnet", "gelu", study)).toBeUndefined()
  })

  test("needs a common seed", () => {
    const study = studyFixture({ resnet: [0.8], "stage-ratio": [0.82, 0.83] })
    expect(effectOf(find("stage-ratio"), study)!.differences).toHaveLength(1)
    expect(effectOf(find("stage-ratio"), studyFixture({ "stage-ratio": [0.8] }))).toBeUndefined()
    expect(effectOf(find("resnet"), study)).toBeUndefined()
  })
})

test("the groups of the figure hold every step once, in order", () => {
  expect(roadmapGroups.flatMap((group) => group.steps)).toEqual(roadmapStepIds)
})

test("a step that changes nothing at a scale has no effect", () => {
  const stageRatio = (scale: number) => roadmapSteps(50, { scale }).find(({ id }) => id === "stage-ratio")!
  const study = studyFixture({ resnet: [0.8], "stage-ratio": [0.8] })
  const at = (scale: number) => effectOf(stageRatio(scale), { ...study, settings: { ...study.settings, scale } })
  // Blocks 3, 4, 6, 3 and 3, 3, 9, 3 are 1, 1, 1, 1 both.
  expect(isSameNetwork(stageRatio(0.05), 0.05)).toBe(true)
  expect(at(0.05)).toBeUndefined()
  expect(isSameNetwork(stageRatio(0.25), 0.25)).toBe(false)
  expect(at(0.25)).toMatchObject({ mean: 0 })
  expect(isSameNetwork(roadmapSteps(50, { scale: 0.05 })[0]!, 0.05)).toBe(false)
})
