import fc from "fast-check"
import { expect, test } from "vitest"
import { UsageError } from "../tensor/errors.ts"
import { countByClass } from "./dataset.ts"
import { stratifiedSplit } from "./split.ts"

test("every image is on one side, and every class of two or more on both", () => {
  const labels = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 80 })
  fc.assert(
    fc.property(labels, fc.double({ min: 0.01, max: 0.99, noNaN: true }), fc.integer(), (list, fraction, seed) => {
      const classes = Int32Array.from(list)
      const { train, val } = stratifiedSplit(classes, fraction, seed)
      expect([...train, ...val].sort((a, b) => a - b)).toEqual([...list.keys()])
      const all = countByClass(classes, 6)
      const inVal = countByClass(
        Int32Array.from(val, (index) => classes[index]!),
        6,
      )
      for (const [label, count] of all.entries()) {
        if (count < 2) expect(inVal[label]).toBe(0)
        else expect(inVal[label]).toBe(Math.min(Math.max(Math.round(count * fraction), 1), count - 1))
      }
    }),
  )
})

test("the seed decides the division", () => {
  const labels = Int32Array.from({ length: 200 }, (_, i) => i % 4)
  expect(stratifiedSplit(labels, 0.2, 1)).toEqual(stratifiedSplit(labels, 0.2, 1))
  expect(stratifiedSplit(labels, 0.2, 1)).not.toEqual(stratifiedSplit(labels, 0.2, 2))
})

test.each([0, 1, -0.1, 1.5, Number.NaN])("a fraction of %s is refused", (fraction) => {
  expect(() => stratifiedSplit(Int32Array.of(0, 1), fraction, 0)).toThrow(UsageError)
})
