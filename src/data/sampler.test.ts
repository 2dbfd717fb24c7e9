import { expect, test } from "vitest"
import { countBatches, epochOrder } from "./sampler.ts"

test("training visits every image once, in another order each epoch; measuring goes through them in order", () => {
  const first = epochOrder(100, "train", 7, 0)
  expect([...first].sort((a, b) => a - b)).toEqual([...Array(100).keys()])
  expect(epochOrder(100, "train", 7, 0)).toEqual(first)
  expect(epochOrder(100, "train", 7, 1)).not.toEqual(first)
  expect(epochOrder(100, "train", 8, 0)).not.toEqual(first)
  expect([...epochOrder(100, "eval", 7, 3)]).toEqual([...Array(100).keys()])
})

test.each([
  { length: 10, batchSize: 4, train: 2, measure: 3 },
  { length: 8, batchSize: 4, train: 2, measure: 2 },
  { length: 3, batchSize: 4, train: 1, measure: 1 },
  { length: 0, batchSize: 4, train: 0, measure: 0 },
])(
  "$length images by $batchSize: $train batches to train, $measure to measure",
  ({ length, batchSize, ...expected }) => {
    expect(countBatches(length, batchSize, "train")).toBe(expected.train)
    expect(countBatches(length, batchSize, "eval")).toBe(expected.measure)
  },
)
