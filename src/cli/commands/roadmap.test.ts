import { expect, test } from "vitest"
import { planRoadmap, type RoadmapPlan } from "../../roadmap/plan.ts"
import { UsageError } from "../../tensor/errors.ts"
import { planText } from "../roadmap-plan.ts"
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
  expect(row("Swin-T")).toMatch(/^Swin-T 28,288,354 4\.4906 4\.50 81\.30/)
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
  expect(await refusal("--measure")).toBe("--measure belongs to --plan: convnext roadmap --plan --measure")
  expect(await refusal("--seeds", "0")).toBe("--seeds must be a whole number at least 1, got 0")
  expect(await refusal("--recipe", "slow")).toBe('--recipe must be one of quick, paper, got "slow"')
  await expect(roadmap.run({ ...plan, scale: 0.001 }, context)).rejects.toThrow("a scale of 0.001 leaves no channel")
})
