import { expect, test } from "vitest"
import "../index.ts"
import { measureModel } from "./measure.ts"

test("a training step takes longer than inference, and a larger network longer than a small one", async () => {
  const measure = (scale: number) =>
    measureModel("roadmap/50/separate-downsampling", { imageSize: 64, config: { scale }, threads: 1 })
  const [small, large] = [await measure(1 / 16), await measure(1 / 2)]
  for (const { inference, trainingStep } of [small, large]) {
    expect(inference).toBeGreaterThan(0)
    expect(trainingStep).toBeGreaterThan(inference)
  }
  expect(large.inference).toBeGreaterThan(small.inference)
  expect(large.trainingStep).toBeGreaterThan(small.trainingStep)
})
