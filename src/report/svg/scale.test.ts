import fc from "fast-check"
import { expect, test } from "vitest"
import { linearScale, niceTicks, shorten } from "./scale.ts"

test.each([
  [0, 1, 5, [0, 0.2, 0.4, 0.6, 0.8, 1]],
  [0.13, 0.94, 5, [0, 0.2, 0.4, 0.6, 0.8, 1]],
  [0, 0.0004, 5, [0, 0.0001, 0.0002, 0.0003, 0.0004]],
  [-3, 7, 5, [-4, -2, 0, 2, 4, 6, 8]],
  [1e9, 4.5e9, 5, [1e9, 2e9, 3e9, 4e9, 5e9]],
])("ticks of %f to %f are round numbers that span it", (min, max, count, expected) => {
  expect(niceTicks(min, max, count).values).toEqual(expected)
})

test("an axis of whole numbers has no ticks between them", () => {
  expect(niceTicks(1, 3, 8, 1)).toEqual({ values: [1, 2, 3], step: 1 })
})

test("a single value gets an axis around it, which does not cross zero", () => {
  expect(niceTicks(0, 0).values).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1])
  expect(niceTicks(10, 10).values).toEqual([9, 9.5, 10, 10.5, 11])
  expect(niceTicks(-10, -10).values).toEqual([-11, -10.5, -10, -9.5, -9])
})

test("any two values get a few rising ticks that span them", () => {
  const value = fc.double({ min: -1e100, max: 1e100, noNaN: true })
  fc.assert(
    fc.property(value, value, (a, b) => {
      const [min, max] = [Math.min(a, b), Math.max(a, b)]
      const { values, step } = niceTicks(min, max)
      expect(values.length).toBeGreaterThanOrEqual(2)
      expect(values.length).toBeLessThanOrEqual(8)
      expect(values[0]).toBeLessThanOrEqual(min + step * 1e-6)
      expect(values.at(-1)).toBeGreaterThanOrEqual(max - step * 1e-6)
      for (const [i, tick] of values.entries()) if (i > 0) expect(tick).toBeGreaterThan(values[i - 1]!)
    }),
  )
})

test("a linear scale maps the ends of its domain onto those of its range", () => {
  const toY = linearScale([2, 4], [200, 0])
  expect([2, 3, 4, 5].map(toY)).toEqual([200, 100, 0, -100])
  expect(linearScale([0, 0], [10, 20])(0)).toBe(10)
})

test("a long name is cut with an ellipsis", () => {
  expect(shorten("Staffordshire Bull Terrier", 10)).toBe("Staffords…")
  expect(shorten("Pug", 3)).toBe("Pug")
})
