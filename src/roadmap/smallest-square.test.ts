import fc from "fast-check"
import { expect, test } from "vitest"
import { smallestSquare } from "./smallest-square.ts"

test("a single value is held by a square of side 1, at its place", () => {
  const values = new Float64Array(30)
  values[2 * 6 + 4] = 0.5
  expect(smallestSquare(values, [5, 6], 0.99)).toEqual({ side: 1, top: 2, left: 4 })
})

test("nothing is held by no square", () => {
  expect(smallestSquare(new Float64Array(9), [3, 3], 0.5)).toEqual({ side: 0, top: 0, left: 0 })
})

test("a share of an even map is held by that share of its area", () => {
  expect(smallestSquare(new Float64Array(100).fill(1), [10, 10], 0.25).side).toBe(5)
  expect(smallestSquare(new Float64Array(100).fill(1), [10, 10], 0.26).side).toBe(6)
  expect(smallestSquare(new Float64Array(100).fill(0.1), [10, 10], 1)).toEqual({ side: 10, top: 0, left: 0 })
})

test("on a map that is no square, only what lies on it counts", () => {
  expect(smallestSquare(new Float64Array(12).fill(1), [2, 6], 0.5)).toEqual({ side: 3, top: 0, left: 0 })
  expect(smallestSquare(new Float64Array(12).fill(1), [2, 6], 1)).toEqual({ side: 6, top: 0, left: 0 })
})

test("no smaller square holds the share, and the one that is found does", () => {
  const maps = fc
    .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }))
    .chain(([height, width]) =>
      fc.tuple(
        fc.constant([height, width] as const),
        fc.array(fc.integer({ min: 0, max: 9 }), { minLength: height * width, maxLength: height * width }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
      ),
    )
  fc.assert(
    fc.property(maps, ([[height, width], values, share]) => {
      const total = values.reduce((a, b) => a + b, 0)
      const held = (side: number, top: number, left: number) =>
        values.reduce((sum, value, i) => {
          const [y, x] = [Math.floor(i / width) - top, (i % width) - left]
          return y >= 0 && y < side && x >= 0 && x < side ? sum + value : sum
        }, 0)
      const { side, top, left } = smallestSquare(values, [height, width], share)
      const wanted = share * total * (1 - 1e-9)
      expect(held(side, top, left)).toBeGreaterThanOrEqual(wanted)
      for (let y = 0; side > 0 && y < height; y++)
        for (let x = 0; x < width; x++) expect(held(side - 1, y, x)).toBeLessThan(share * total || 1)
    }),
  )
})
