import fc from "fast-check"
import { expect, test } from "vitest"
import { endsFirst } from "./order.ts"
import { roadmapStepIds } from "./steps.ts"

test("both ends of the road are trained first, then its middle", () => {
  expect(endsFirst(roadmapStepIds).slice(0, 3)).toEqual(["resnet", "separate-downsampling", "kernel-5"])
  expect(endsFirst(["a"])).toEqual(["a"])
  expect(endsFirst([])).toEqual([])
})

test("every item comes once, and after any beginning no gap is more than four times as wide as another", () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 60 }), fc.integer({ min: 2, max: 60 }), (count, taken) => {
      const order = endsFirst(Array.from({ length: count }, (_, i) => i))
      expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i))
      const known = order.slice(0, taken).sort((a, b) => a - b)
      const gaps = known.slice(1).map((item, i) => item - known[i]!)
      expect(Math.max(...gaps)).toBeLessThanOrEqual(4 * Math.min(...gaps))
    }),
  )
})
