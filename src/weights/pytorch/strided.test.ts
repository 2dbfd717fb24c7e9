import fc from "fast-check"
import { expect, test } from "vitest"
import { sizeOf } from "../../tensor/ndarray.ts"
import { copyStrided, isContiguous, viewEnd } from "./strided.ts"

/** Places of a view's elements in row-major order, by their definition. */
function places(offset: number, shape: number[], strides: number[]): number[] {
  return Array.from({ length: sizeOf(shape) }, (_, i) => {
    let place = offset
    for (let axis = shape.length - 1, rest = i; axis >= 0; axis--) {
      place += (rest % shape[axis]!) * strides[axis]!
      rest = Math.floor(rest / shape[axis]!)
    }
    return place
  })
}

const view = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 9 })), { maxLength: 5 })
  .chain((axes) => fc.record({ axes: fc.constant(axes), offset: fc.nat(5) }))
  .map(({ axes, offset }) => ({ offset, shape: axes.map(([dim]) => dim), strides: axes.map(([, stride]) => stride) }))

test("any view is copied in row-major order, and ends where it is said to", () => {
  fc.assert(
    fc.property(view, ({ offset, shape, strides }) => {
      const expected = places(offset, shape, strides)
      const end = viewEnd(offset, shape, strides)
      expect(end).toBe(expected.length === 0 ? offset : Math.max(...expected) + 1)
      const storage = Float64Array.from({ length: end }, (_, i) => i)
      const copy = new Float64Array(expected.length)
      copyStrided(storage, offset, shape, strides, copy)
      expect([...copy]).toEqual(expected)
      if (isContiguous(shape, strides)) expect(expected).toEqual(expected.map((_, i) => offset + i))
    }),
  )
})

test("strides of axes with one element do not matter", () => {
  expect(isContiguous([2, 1, 3], [3, 99, 1])).toBe(true)
  expect(isContiguous([2, 1, 3], [1, 99, 2])).toBe(false)
  expect(isContiguous([], [])).toBe(true)
})
