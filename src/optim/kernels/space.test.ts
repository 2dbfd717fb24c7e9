import { expect, test } from "vitest"
import { randomArray } from "../../../test/support/arrays.ts"
import { gradientNorm } from "../clip.ts"
import { memoryOf, ParameterSpace } from "./space.ts"
import { sumOfSquaresInside } from "./squares.ts"

const isInside = (array: Float32Array) => memoryOf(array) !== undefined

test("arrays begin as zeros, lie apart from each other, and those of a parameter lie together", () => {
  const sizes = [1, 5, 16, 1003]
  const space = new ParameterSpace(sizes, 3)
  const arrays = [0, 1, 2].flatMap(() => sizes.map((size, i) => ({ size, i, array: space.allocate(i) })))
  for (const { size, array } of arrays) expect(array).toEqual(new Float32Array(size))
  for (const [k, { array }] of arrays.entries()) array.fill(k + 1)
  for (const [k, { size, i, array }] of arrays.entries()) {
    expect(array).toEqual(new Float32Array(size).fill(k + 1))
    expect(array.buffer).toBe(arrays[i]!.array.buffer)
    expect(isInside(array)).toBe(true)
  }
})

test("more arrays than were asked for, and those that fit into no memory, lie elsewhere", () => {
  const huge = 2 ** 27
  const space = new ParameterSpace([4, huge], 4)
  const arrays = Array.from({ length: 5 }, () => space.allocate(0))
  expect(arrays.map(isInside)).toEqual([true, true, true, true, false])
  expect(arrays[4]).toEqual(new Float32Array(4))
  const outside = space.allocate(1)
  expect([outside.length, isInside(outside)]).toEqual([huge, false])
})

test("parameters that do not fit into one memory lie in several", () => {
  // 400 MB each, none of which is touched.
  const sizes = [5e7, 5e7, 5e7]
  const space = new ParameterSpace(sizes, 2)
  const arrays = sizes.map((_, i) => [space.allocate(i), space.allocate(i)] as const)
  for (const [a, b] of arrays) expect(a.buffer).toBe(b.buffer)
  expect(new Set(arrays.map(([a]) => a.buffer)).size).toBe(2)
  expect(arrays.flat().every(isInside)).toBe(true)
})

test("the norm has the same bits wherever the arrays lie", () => {
  const sizes = [1, 3, 4, 7, 1001, 40_000]
  const space = new ParameterSpace(sizes, 1)
  const outside = sizes.map((size, i) => Float32Array.from(randomArray([size], `g${i}`).data, Number))
  const inside = outside.map((array, i) => {
    const copy = space.allocate(i)
    copy.set(array)
    return copy
  })
  expect(sumOfSquaresInside(inside.at(-1)!)).toBeGreaterThan(0)
  expect(sumOfSquaresInside(outside.at(-1)!)).toBeUndefined()
  for (const [i] of sizes.entries()) expect(gradientNorm([inside[i]!])).toBe(gradientNorm([outside[i]!]))
  const exact = Math.sqrt(outside.reduce((sum, array) => sum + array.reduce((total, x) => total + x * x, 0), 0))
  expect(gradientNorm(inside) / exact).toBeCloseTo(1, 12)
  inside[2]![1] = Number.NaN
  expect(gradientNorm(inside)).toBeNaN()
})
