import { expect, test } from "vitest"
import { planRoadmap, type RoadmapPlan } from "../../roadmap/plan.ts"
import { studyFixture } from "../../roadmap/study.fixture.ts"
import { UsageError } from "../../tensor/errors.ts"
import { planText } from "../roadmap-plan.ts"
import { studySummary } from "../roadmap-study.ts"
import { runCommand } from "../run-command.ts"
import roadmap from "./roadmap.ts"

const context = { given: {}, note() {} }
const plan = { plan: true, measure: false, device: "auto" } as const

/** What the command says against arguments. */
const refusal = async (...argv: string[]) => {
  const entry = { name: "roadmap", summary: "", load: async () => roadmap }
  const error = await runCommand(entry, argv).then(
    () => undefined,
    (error: Error) => error,
  )
  expect(error).toBeInstanceOf(UsageError)
  return error!.message
}

test("the plan has a line for each step and reference, and the reason of each misprint", () => {
  const lines = planText(planRoadmap(50)).split("\n")
  expect(lines.slice(0, 4).map((line) => line.replace(/ +/g, " "))).toEqual([
    "From ResNet-50 to ConvNeXt-T: one image of 224 pixels",
    "",
    "step parameters GMACs paper's paper's top-1 activations",
    expect.stringMatching(/^resnet 25,557,032 4\.0892 4\.09 78\.82 \+- 0\.07 \d\d\.\d MiB$/),
  ])
  const row = (name: string) => lines.find((line) => line.startsWith(`${name} `))!.replace(/ +/g, " ")
  expect(row("(kernel-9)")).toMatch(/^\(kernel-9\) 26,053,960 4\.2100 4\.21 80\.57/)
  expect(row("layer-norm")).toMatch(/^layer-norm 25,837,864 4\.1456 4\.46\* 81\.47/)
  expect(row("separate-downsampling")).toMatch(/^separate-downsampling 28,589,128 4\.4555 4\.49\* 81\.97/)
  expect(row("(kernel-5)")).toMatch(/^\(kernel-5\) 25,720,648 4\.0973 4\.10 80\.35 \+- 0\.08/)
  expect(row("Swin-T")).toMatch(/^Swin-T 28,288,354 4\.4906 4\.50 81\.30/)
  expect(row("ViT-S")).toMatch(/^ViT-S 22,050,664 \d\.\d{4} 4\.6 79\.8 \d/)
  expect(lines.filter((line) => line.startsWith("* misprint"))).toEqual([
    expect.stringMatching(/^\* misprint, layer-norm: .*4\.15/),
    expect.stringMatching(/^\* misprint, separate-downsampling: .*4\.456/),
  ])
})

test("times stand in columns of their own", () => {
  const full = planRoadmap(200)
  const timings = Object.fromEntries(
    [...full.steps, ...full.references].map(({ model }) => [model, { inference: 0.1234, trainingStep: 1.5 }]),
  )
  const lines = planText({ ...full, timings }).split("\n")
  expect(lines[2]).toMatch(/activations +inference +training step$/)
  expect(lines[3]).toMatch(/ 123\.4 ms +1500\.0 ms$/)
})

test("the summary of a study has the paper's top-1 with its digits", () => {
  const study = studyFixture({ "kernel-5": [0.8, 0.9], width: [0.75] })
  const summary = studySummary({ ...study, folder: "f", pagePath: "f/p", figurePath: "f/s", stopped: "done" })
  expect(summary).toMatch(/^kernel-5 +85\.0% +2 +80\.35%$/m)
  expect(summary).toMatch(/^width +75\.0% +1 +80\.50%$/m)
})

test("networks are timed on the device that was asked for", async () => {
  const values = { ...plan, measure: true, scale: 0.05, regime: "50", device: "abacus" as "cpu" }
  await expect(roadmap.run(values, context)).rejects.toThrow("abacus")
})

test("without a regime there are both, with one it alone", async () => {
  const both = (await roadmap.run(plan, context)).json as RoadmapPlan[]
  expect(both.map(({ regime, steps }) => [regime, steps.length])).toEqual([
    [50, 16],
    [200, 16],
  ])
  const one = (await roadmap.run({ ...plan, regime: "200" }, context)).json as RoadmapPlan[]
  expect(one.map(({ regime }) => regime)).toEqual([200])
})

test("mistakes are said in a line", async () => {
  expect(await refusal("pets", "--plan")).toBe(
    "--plan trains nothing, so DATA has no meaning with it: leave one of them out",
  )
  expect(await refusal("--plan", "--image-size", "64")).toContain("so --image-size has no meaning with it")
  expect(await refusal("--plan", "--device", "cpu")).toBe(
    "--plan alone runs no network, so --device has no meaning: add --measure, or leave it out",
  )
  expect(await refusal("--measure")).toBe("--measure belongs to --plan: convnext roadmap --plan --measure")
  expect(await refusal("--seeds", "0")).toBe("--seeds must be a whole number of at least 1, got 0")
  expect(await refusal("--recipe", "slow")).toBe('--recipe must be one of quick, paper, got "slow"')
  await expect(roadmap.run({ ...plan, scale: 0.001 }, context)).rejects.toThrow("a scale of 0.001 leaves no channel")
})
