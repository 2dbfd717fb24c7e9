import { expect, test } from "vitest"
import { createModel } from "../index.ts"
import { bench } from "./bench.ts"

const config = { depths: [1, 1], dims: [8, 16], patchSize: 2 }

test("every batch size is timed, forwards and in training, and the weights stay as they are", async () => {
  const model = await createModel("convnext", { config, numClasses: 3, inputSize: 16, threads: 1 })
  const before = model.stateDict()
  const turns: number[] = []
  const result = await bench(model, { batchSizes: [1, 3], rounds: 2, onProgress: (done) => turns.push(done) })
  expect(result).toMatchObject({ model: "convnext", imageSize: 16, threads: 1, parameters: model.parameterCount })
  expect(result.rows.map(({ work, batchSize }) => [work, batchSize])).toEqual([
    ["inference", 1],
    ["training step", 1],
    ["inference", 3],
    ["training step", 3],
  ])
  for (const { milliseconds, imagesPerSecond, gflops, shareOfCeiling, batchSize } of result.rows) {
    expect(milliseconds.min).toBeLessThanOrEqual(milliseconds.median)
    expect(milliseconds.median).toBeLessThanOrEqual(milliseconds.max)
    expect(imagesPerSecond).toBeCloseTo((1000 * batchSize) / milliseconds.median, 6)
    expect(shareOfCeiling).toBeCloseTo(gflops / result.ceiling, 9)
  }
  // Inference, then training: the product and two measurements, in two rounds and one without the clock.
  expect(turns).toEqual(Array.from({ length: 18 }, (_, i) => i))
  expect(model.stateDict()).toEqual(before)
  await model.dispose()
})

test("running statistics stay as they are, too", async () => {
  const model = await createModel("roadmap/50", { config: { scale: 0.05 }, numClasses: 2, inputSize: 32 })
  const before = model.stateDict()
  await bench(model, { batchSizes: [2], rounds: 1 })
  expect(model.stateDict()).toEqual(before)
  await model.dispose()
})

test("inference alone leaves training out, and what is no count is refused", async () => {
  const model = await createModel("convnext", { config, numClasses: 3, inputSize: 16 })
  const { rows } = await bench(model, { batchSizes: [2], rounds: 1, train: false })
  expect(rows.map(({ work }) => work)).toEqual(["inference"])
  await expect(bench(model, { batchSizes: [0] })).rejects.toThrow("batch size must be a whole number of at least 1")
  await expect(bench(model, { rounds: 0.5 })).rejects.toThrow("rounds must be a whole number of at least 1")
  await model.dispose()
})
