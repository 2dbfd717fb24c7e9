import { expect, test } from "vitest"
import { activationBytes } from "./activations.ts"
import { paperCosts } from "./paper-costs.ts"
import { planRoadmap } from "./plan.ts"
import { countCosts, PLAN_IMAGE_SIZE, roadmapReferences, roadmapSteps } from "./steps.ts"

test("the table of costs holds what the networks have", () => {
  const networks = ([50, 200] as const).flatMap((regime) => [...roadmapSteps(regime), ...roadmapReferences(regime)])
  const counted = networks.map(({ model }) => {
    const { parameters, macs } = countCosts(model)
    return [model, [parameters, macs, activationBytes(model, { imageSize: PLAN_IMAGE_SIZE })]]
  })
  expect(paperCosts, "run `npm run build && node scripts/count-roadmap.mjs`").toEqual(Object.fromEntries(counted))
})

test("a block without norms and activations keeps less", () => {
  const bytes = new Map(planRoadmap(50).steps.map((step) => [step.id, step.activationBytes]))
  expect(bytes.get("fewer-activations")!).toBeLessThan(bytes.get("gelu")!)
  expect(bytes.get("fewer-norms")!).toBeLessThan(bytes.get("fewer-activations")!)
  // ResNet-50 by hand: each convolution's output, which its norm reads, and each ReLU's, which the next layer reads.
  const convolutions = [64 * 112 ** 2]
  const stages = [
    { side: 56, width: 64, depth: 3, first: 56 },
    { side: 28, width: 128, depth: 4, first: 56 },
    { side: 14, width: 256, depth: 6, first: 28 },
    { side: 7, width: 512, depth: 3, first: 14 },
  ]
  for (const { side, width, depth, first } of stages) {
    const [area, out] = [side ** 2, 4 * width]
    convolutions.push(width * first ** 2, width * area, out * area, out * area)
    for (let block = 1; block < depth; block++) convolutions.push(width * area, width * area, out * area)
  }
  // The shortcuts' convolutions have a norm and no ReLU.
  const shortcuts = stages.reduce((total, { side, width }) => total + 4 * width * side ** 2, 0)
  const all = convolutions.reduce((total, size) => total + size, 0)
  expect(bytes.get("resnet")! / (4 * (2 * all - shortcuts))).toBeCloseTo(1, 1)
})

test("a scaled plan counts the scaled networks", () => {
  const { steps, references, scale } = planRoadmap(50, { scale: 0.25 })
  expect(scale).toBe(0.25)
  const [first] = steps
  expect(first!.activationBytes).toBe(activationBytes("roadmap/50", { imageSize: 224, config: { scale: 0.25 } }))
  expect(first!.activationBytes).toBeLessThan(paperCosts["roadmap/50/resnet"]![2] / 3)
  expect(references).toEqual([])
  expect(planRoadmap(50).references.map(({ parameters }) => parameters)).toEqual([25_557_032, 28_288_354, 22_050_664])
})
