import fc from "fast-check"
import { expect, test } from "vitest"
import { logPanel, logTicks } from "./log-panel.ts"

test("ticks are powers of ten, or where these are few, their multiples by 2 and 5 too", () => {
  expect(logTicks(0.05, 200)).toEqual([0.1, 1, 10, 100])
  expect(logTicks(3, 60)).toEqual([5, 10, 20, 50])
  expect(logTicks(90, 110)).toEqual([100])
})

test("all ticks lie within the range", () => {
  const positive = fc.double({ min: 1e-9, max: 1e12, noNaN: true })
  fc.assert(
    fc.property(positive, positive, (a, b) => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)]
      for (const tick of logTicks(low, high)) expect(tick >= low && tick <= high).toBe(true)
    }),
  )
})

test("labels of lines that end at the same height stand a line apart", () => {
  const lines = ["one", "two", "three"].map((label) => ({
    label,
    points: [
      { x: 1, y: 1 },
      { x: 2, y: 4 },
    ],
  }))
  const { text } = logPanel({ title: "t", xTicks: [1, 2], xLabel: "x", series: lines, guides: [], format: String })
  const heights = [...text.matchAll(/class="end[^>]*y="([\d.]+)"/g)].map(([, y]) => Number(y)).sort((a, b) => a - b)
  expect(heights).toHaveLength(3)
  for (const [i, y] of heights.slice(1).entries()) expect(y - heights[i]!).toBeGreaterThanOrEqual(14)
})
