import { expect, test } from "vitest"
import type { Regime } from "../models/roadmap-steps.ts"
import { roadmapReferences, roadmapSteps } from "./steps.ts"

/** Counted from the definition of every step, at 224 pixels and for 1,000 classes: parameters and 10^9 multiply-accumulates. */
const exact: Record<Regime, [id: string, parameters: number, gmacs: number][]> = {
  50: [
    ["resnet", 25_557_032, 4.0892],
    ["stage-ratio", 28_628_520, 4.5259],
    ["patchify", 28_622_120, 4.4175],
    ["depthwise", 15_722_600, 2.3495],
    ["width", 33_760_936, 5.268],
    ["inverted", 25_851_400, 4.6444],
    ["move-up", 25_625_416, 4.0651],
    ["kernel-5", 25_720_648, 4.0973],
    ["kernel-7", 25_863_496, 4.1456],
    ["kernel-9", 26_053_960, 4.21],
    ["kernel-11", 26_292_040, 4.2906],
    ["gelu", 25_863_496, 4.1456],
    ["fewer-activations", 25_863_496, 4.1456],
    ["fewer-norms", 25_797_256, 4.1456],
    ["layer-norm", 25_837_864, 4.1456],
    ["separate-downsampling", 28_589_128, 4.4555],
  ],
  200: [
    ["resnet", 64_673_832, 15.0075],
    ["stage-ratio", 83_066_332, 14.5184],
    ["patchify", 83_057_932, 14.3762],
    ["depthwise", 42_585_472, 7.2344],
    ["width", 96_526_568, 16.7639],
    ["inverted", 83_700_072, 15.6794],
    ["move-up", 83_094_632, 14.627],
    ["kernel-5", 83_369_064, 14.6989],
    ["kernel-7", 83_780_712, 14.8066],
    ["kernel-9", 84_329_576, 14.9503],
    ["kernel-11", 85_015_656, 15.13],
    ["gelu", 83_780_712, 14.8066],
    ["fewer-activations", 83_780_712, 14.8066],
    ["fewer-norms", 83_600_232, 14.8066],
    ["layer-norm", 83_709_672, 14.8066],
    ["separate-downsampling", 88_591_464, 15.3547],
  ],
}

test.each([50, 200] as const)("all 16 steps from ResNet-%i have their exact counts, in the paper's order", (regime) => {
  const counted = roadmapSteps(regime).map(({ id, parameters, macs }) => [
    id,
    parameters,
    Number((macs / 1e9).toFixed(4)),
  ])
  expect(counted).toEqual(exact[regime])
})

test.each([50, 200] as const)("networks from ResNet-%i have the paper's GFLOPs, the misprints apart", (regime) => {
  const networks = [...roadmapSteps(regime), ...roadmapReferences(regime)]
  const wrong = networks.filter(({ macs, paper }) => {
    const digits = String(paper.gflops).split(".")[1]?.length ?? 0
    return Math.abs(macs / 1e9 - paper.gflops) > 0.51 * 10 ** -Math.max(1, digits)
  })
  expect(wrong.map(({ model, paper }) => [model, paper.misprint !== undefined])).toEqual(
    regime === 50
      ? [
          ["roadmap/50/layer-norm", true],
          ["roadmap/50/separate-downsampling", true],
        ]
      : [],
  )
  expect(networks.filter(({ paper }) => paper.misprint)).toHaveLength(regime === 50 ? 2 : 0)
})

test("steps tell what they change", () => {
  const steps = new Map(roadmapSteps(200).map((step) => [step.id, step]))
  expect(steps.get("stage-ratio")!.changes).toEqual({ depths: [3, 3, 27, 3], width: 84 })
  expect(steps.get("kernel-9")).toMatchObject({ changes: { kernelSize: 9 }, sideBranch: true })
  expect([...steps.values()].filter(({ sideBranch }) => sideBranch).map(({ id }) => id)).toEqual([
    "kernel-5",
    "kernel-9",
    "kernel-11",
  ])
})

test("steps can be counted at a smaller scale", () => {
  const [full, half] = [roadmapSteps(50), roadmapSteps(50, { scale: 0.5 })]
  for (const [i, { parameters, macs }] of half.entries()) {
    expect(parameters).toBeLessThan(full[i]!.parameters / 3)
    expect(macs).toBeLessThan(full[i]!.macs / 3)
  }
})

test("there are two regimes", () => {
  expect(() => roadmapSteps(101 as Regime)).toThrow("the roadmap has the regimes 50 and 200, got 101")
  expect(() => roadmapReferences(101 as Regime)).toThrow("the roadmap has the regimes 50 and 200, got 101")
})
