import { describe, expect, test } from "vitest"
import { roadmapStepIds } from "../../roadmap/steps.ts"
import { fullStudy, studyFixture } from "../../roadmap/study.fixture.ts"
import type { RoadmapStudy } from "../../roadmap/study.ts"
import { readStudy } from "./reading.ts"
import { stepRows } from "./rows.ts"

const read = (study: RoadmapStudy) => readStudy(study, stepRows(study)).join("\n")

describe("the ends", () => {
  const ends = (start: number[], end: number[]) =>
    readStudy(...withRows(studyFixture({ resnet: start, "separate-downsampling": end })))[0]!

  test("that differ by more than their uncertainty lead up or down", () => {
    const up = ends([0.8, 0.7, 0.75], [0.85, 0.752, 0.799])
    expect(up).toContain(
      "+5.0 ± 1.5 points between runs of the same seed, on average over 3, where the paper has +3.15.",
    )
    expect(up).toContain("Here, too, the road leads up.")
    const down = ends([0.85, 0.752, 0.799], [0.8, 0.7, 0.75])
    expect(down).toContain("\u22125.0 ± 1.5 points")
    expect(down).toContain("Here the road leads down. ConvNeXt-T’s choices were made for large networks")
    for (const text of [up, down]) expect(text).not.toContain("one seed")
  })

  test.each([
    ["worse by chance", [0.8, 0.7, 0.75], [0.79, 0.71, 0.74]],
    ["better by chance", [0.79, 0.71, 0.74], [0.8, 0.7, 0.75]],
    ["equal", [0.8, 0.7, 0.75], [0.8, 0.7, 0.75]],
    ["equal in one seed", [0.8], [0.8]],
    ["a little worse in one seed", [0.8], [0.79]],
    ["a little worse in two seeds, by the same", [0.8, 0.7], [0.79, 0.69]],
  ])("that are %s cannot be told apart", (_, start, end) => {
    const text = ends(start, end)
    expect(text).toContain("This study cannot tell the two ends apart.")
    expect(text).not.toMatch(/leads/)
  })

  test("from one seed lead somewhere only with a caution", () => {
    const up = ends([0.7], [0.8])
    expect(up).toContain(
      "Here, too, the road leads up. That is more than 2,000 images leave open, but it is from one seed",
    )
    expect(ends([0.8], [0.7])).toMatch(/Here the road leads down\. That is more than .* unknown\. ConvNeXt-T’s choices/)
  })

  test("are compared by the seeds that both have", () => {
    // The second and third seed of the start would hide that the end is better.
    const text = ends([0.5, 0.99, 0.99], [0.6])
    expect(text).toContain("+10.0 ± 3.1 points between runs of the one seed that they share")
    expect(text).toContain("leads up")
    const study = studyFixture({ resnet: [0.5], "separate-downsampling": [0.9] })
    const apart = { ...study, runs: study.runs.map((run, seed) => ({ ...run, seed })) }
    expect(read(apart)).toContain("from seeds that they do not share: nothing can be said of their difference")
  })

  test("from several seeds have their interval explained, also where no step can be compared", () => {
    expect(read(studyFixture({ resnet: [0.8, 0.7], "separate-downsampling": [0.8, 0.7] }))).toContain(
      "its interval is that of Student’s t at 95 %, wide for few seeds, and never narrower than counting the images allows. It is for these held-out images",
    )
  })
})

describe("the effects", () => {
  test("are claimed where their uncertainty does not cover them", () => {
    const text = read(studyFixture({ resnet: [0.8, 0.7, 0.75], "stage-ratio": [0.81, 0.69, 0.77] }))
    expect(text).toContain("Of 1 step that can be compared with the network before, none has an effect")
    const clear = read(studyFixture({ resnet: [0.8, 0.7, 0.75], "stage-ratio": [0.82, 0.721, 0.77] }))
    expect(clear).toContain("1 has an effect that is larger than its uncertainty: Stage ratio (+2.0)")
    expect(clear).not.toContain("Of the others")
  })

  test("of one seed and of several are told apart, with how many there are of each", () => {
    const text = read(
      studyFixture({ resnet: [0.8, 0.7, 0.75], "stage-ratio": [0.82, 0.721, 0.77], patchify: [0.9], depthwise: [0.9] }),
    )
    expect(text).toContain(
      "Of 1 step that can be compared with the network before over several seeds, 1 has an effect that is larger than its uncertainty: Stage ratio (+2.0).",
    )
    expect(text).toContain(
      "Of 2 steps that can be compared with the network before from one seed, 1 moves the accuracy by more than 2,000 images leave open: Patchify stem (+8.0). By how much the seed alone moves these is unknown.",
    )
    expect(text).toContain("With one seed, nothing shows")
    expect(text).toContain("With several seeds, a difference is taken")
  })

  test("that chance makes are counted only where all intervals are of several seeds", () => {
    expect(read(fullStudy())).toContain("Of 15 steps that do nothing, 0.8 at most would look clear by chance.")
    const one = Object.fromEntries(roadmapStepIds.map((step) => [step, [0.8]]))
    expect(read(studyFixture(one))).not.toContain("by chance.")
    const mixed = fullStudy()
    const runs = mixed.runs.filter(({ step, seed }) => step !== "gelu" || seed === 0)
    expect(read({ ...mixed, runs })).not.toContain("look clear by chance")
  })

  test("say of a single seed that it shows no spread", () => {
    expect(read(studyFixture({ resnet: [0.8] }))).toContain("With one seed, nothing shows by how much the seed alone")
  })
})

describe("the ranks", () => {
  const ranked = (top1: readonly number[]) =>
    read(studyFixture(Object.fromEntries(roadmapStepIds.slice(0, top1.length).map((id, i) => [id, [top1[i]!]]))))

  test("are as in the paper, or the other way round, where chance would seldom make them so", () => {
    expect(read(fullStudy())).toContain(
      "The 16 networks rank largely as in the paper: Spearman’s correlation of both orders is 0.88, where 1 is the same order and 0 none; 0.50 either way",
    )
    const reversed = studyFixture(Object.fromEntries(roadmapStepIds.map((id, i) => [id, [0.9 - i * 0.005]])))
    expect(read(reversed)).toContain("The 16 networks rank rather the other way round than in the paper")
  })

  test("of five networks need the very same order; 0.9 is too close to chance to say", () => {
    // In the paper: 78.82, 79.36, 79.51, 78.28, 80.50.
    expect(ranked([0.6, 0.7, 0.8, 0.5, 0.9])).toContain("The 5 networks rank largely as in the paper")
    const close = ranked([0.5, 0.7, 0.8, 0.6, 0.9])
    expect(close).toContain("Whether the 5 networks rank as in the paper, this study cannot say")
    expect(close).toContain("is 0.90")
  })

  test("of fewer are too few to say", () => {
    expect(ranked([0.6, 0.7, 0.8, 0.5])).toContain("4 networks are too few to say whether they rank as in the paper")
    expect(ranked([0.6, 0.7])).not.toContain("rank")
  })
})

function withRows(study: RoadmapStudy): [RoadmapStudy, ReturnType<typeof stepRows>] {
  return [study, stepRows(study)]
}
