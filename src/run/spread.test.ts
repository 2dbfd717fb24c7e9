import { expect, test } from "vitest"
import { memoryDataset } from "../data/dataset.ts"
import { spread } from "./spread.ts"

const labels = Int32Array.from({ length: 30 }, (_, i) => Math.floor(i / 10))
const pixels = Uint8Array.from({ length: 30 }, (_, i) => i)
const dataset = memoryDataset({ height: 1, width: 1, channels: 1, pixels }, labels, ["a", "b", "c"], "images")

test("a few images are taken from all classes alike", async () => {
  const few = spread(dataset, 6)
  expect(few.length).toBe(6)
  expect([...few.labels]).toEqual([0, 0, 1, 1, 2, 2])
  expect(few.source(5)).toBe("images[25]")
  expect((await few.read(5)).data[0]).toBe(25)
})

test("all images are taken where no more are there", () => {
  expect(spread(dataset, 30)).toBe(dataset)
  expect(spread(dataset, 31)).toBe(dataset)
})
