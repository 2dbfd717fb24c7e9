import { expect, test } from "vitest"
import { bfloat16ToFloat32, float16ToFloat32, scalarArray } from "./float16.ts"

test("float16 has the values of IEEE 754 binary16", () => {
  const bits = Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x3555, 0x8000, 0x7c00, 0xfc00, 0x7e00)
  const values = [1, -2, 65504, 2 ** -14, 2 ** -24, 0.333251953125, -0, Infinity, -Infinity, NaN]
  expect([...float16ToFloat32(bits)]).toEqual(values)
})

test("bfloat16 has the values of the upper half of float32", () => {
  const bits = Uint16Array.of(0x3f80, 0xc0a0, 0x7f7f, 0x0080, 0x0001, 0x3eab, 0x8000, 0x7f80, 0xff80, 0x7fc0)
  const values = [1, -5, 255 * 2 ** 120, 2 ** -126, 2 ** -133, 0.333984375, -0, Infinity, -Infinity, NaN]
  expect([...bfloat16ToFloat32(bits)]).toEqual(values)
})

test.each([
  { name: "float16", widen: float16ToFloat32, infinity: 0x7c00, spacing: 2 ** -10 },
  { name: "bfloat16", widen: bfloat16ToFloat32, infinity: 0x7f80, spacing: 2 ** -7 },
])("the $name patterns rise from 0 to infinity, evenly between powers of two", ({ widen, infinity, spacing }) => {
  const values = widen(Uint16Array.from({ length: infinity + 1 }, (_, i) => i))
  for (let i = 1; i <= infinity; i++) if (!(values[i]! > values[i - 1]!)) expect.fail(`pattern ${i} is not larger`)
  const one = values.indexOf(1)
  for (let i = one; values[i]! < 2; i++) expect(values[i + 1]! - values[i]!).toBe(spacing)
})

test.each<[number, number, number]>([
  [0, 0, 0],
  [-0, 0x8000, 0x8000],
  [1, 0x3c00, 0x3f80],
  [-2, 0xc000, 0xc000],
  [0.1, 0x2e66, 0x3dcd],
  // Half way between two numbers, the one that ends in 0; above the largest, infinity; below the smallest, steps of it.
  [2049, 0x6800, 0x4500],
  [2051, 0x6802, 0x4500],
  [65504, 0x7bff, 0x4780],
  [65520, 0x7c00, 0x4780],
  [2 ** -24, 0x0001, 0x3380],
  [2 ** -14 - 2 ** -26, 0x0400, 0x3880],
  [Number.NEGATIVE_INFINITY, 0xfc00, 0xff80],
  [Number.NaN, 0x7e00, 0x7fc0],
])("%d as float16 and bfloat16", (value, half, brain) => {
  expect(scalarArray(value, "float16").data[0]).toBe(half)
  expect(scalarArray(value, "bfloat16").data[0]).toBe(brain)
})

test("every float16 that is a number comes back from float32", () => {
  const bits = Uint16Array.from({ length: 0x7c01 }, (_, i) => i)
  const values = float16ToFloat32(bits)
  expect(Uint16Array.from(values, (value) => Number(scalarArray(value, "float16").data[0]))).toEqual(bits)
})
