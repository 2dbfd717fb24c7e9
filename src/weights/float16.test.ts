import fc from "fast-check"
import { expect, test } from "vitest"
import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from "./float16.ts"

const everyPattern = Uint16Array.from({ length: 65536 }, (_, i) => i)

test("float16 has the values of IEEE 754 binary16", () => {
  const bits = Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x3555, 0x8000, 0x7c00, 0xfc00, 0x7e00)
  const values = [1, -2, 65504, 2 ** -14, 2 ** -24, 0.333251953125, -0, Infinity, -Infinity, NaN]
  expect([...float16ToFloat32(bits)]).toEqual(values)
})

test("every float16 and bfloat16 survives the way to float32 and back, NaN as a quiet NaN", () => {
  const isNaN16 = (bits: number) => (bits & 0x7fff) > 0x7c00
  const isNaNB16 = (bits: number) => (bits & 0x7fff) > 0x7f80
  const float16 = float32ToFloat16(float16ToFloat32(everyPattern)).map((bits) => (isNaN16(bits) ? 0x7e00 : bits))
  const bfloat16 = float32ToBfloat16(bfloat16ToFloat32(everyPattern))
  expect(float16).toEqual(everyPattern.map((bits) => (isNaN16(bits) ? 0x7e00 : bits)))
  expect(bfloat16).toEqual(everyPattern.map((bits) => (isNaNB16(bits) ? bits | 0x40 : bits)))
})

test("halfway cases go to the even neighbour, large values to infinity", () => {
  expect([...float32ToFloat16(Float32Array.of(1 + 2 ** -11, 1 + 3 * 2 ** -11, 2 ** -25, 3 * 2 ** -25))]).toEqual([
    0x3c00, 0x3c02, 0x0000, 0x0002,
  ])
  expect([...float32ToFloat16(Float32Array.of(65519, 65520, -1e10))]).toEqual([0x7bff, 0x7c00, 0xfc00])
  expect([...float32ToBfloat16(Float32Array.of(1 + 2 ** -8, 1 + 3 * 2 ** -8, 3.4e38))]).toEqual([
    0x3f80, 0x3f82, 0x7f80,
  ])
})

test("the bits chosen are the nearest there are", () => {
  const formats = [
    { narrow: float32ToFloat16, widen: float16ToFloat32, infinity: 0x7c00 },
    { narrow: float32ToBfloat16, widen: bfloat16ToFloat32, infinity: 0x7f80 },
  ]
  for (const { narrow, widen, infinity } of formats) {
    const largest = widen(Uint16Array.of(infinity - 1))[0]!
    fc.assert(
      fc.property(fc.float({ min: 0, max: Math.fround(largest * 0.99), noNaN: true }), (x) => {
        const [bits] = narrow(Float32Array.of(x))
        const distance = (b: number) => Math.abs(widen(Uint16Array.of(b))[0]! - x)
        expect(distance(bits!)).toBeLessThanOrEqual(distance(bits! + 1))
        if (bits! > 0) expect(distance(bits!)).toBeLessThanOrEqual(distance(bits! - 1))
      }),
    )
  }
})
