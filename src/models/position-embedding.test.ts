import { expect, test } from "vitest"
import { difference } from "../../test/support/arrays.ts"
import { readGolden } from "../../test/support/golden.ts"
import { hashUniform } from "../../test/support/hash-weights.ts"
import { ndarray } from "../tensor/ndarray.ts"
import { resamplePositions } from "./position-embedding.ts"

interface PositionCase {
  prefix: number
  old: number
  new: number
  values: number[]
}

const { positions } = readGolden<{ positions: PositionCase[] }>(import.meta.url, "../../test/golden/vit/vit.json")

test.each(positions)("$old x $old positions after $prefix tokens fit $new x $new as timm's do", (golden) => {
  const { prefix, old, new: side, values } = golden
  const length = prefix + old * old
  const given = ndarray(Float32Array.from(hashUniform("pos_embed", 2 * length)), [1, length, 2])
  const fitted = resamplePositions(given, side, prefix)
  const expected = ndarray(values, [1, prefix + side * side, 2], "float64")
  expect(fitted.shape).toEqual(expected.shape)
  expect(difference(fitted, expected).largest).toBeLessThan(1e-6)
  // Prefix tokens are no positions of the image: not a bit of them changes.
  expect(fitted.data.slice(0, 2 * prefix)).toEqual(given.data.slice(0, 2 * prefix))
})

test("half precision is widened", () => {
  // 1, 2, 3 and 4 as bfloat16.
  const bits = Uint16Array.of(0x3f80, 0x4000, 0x4040, 0x4080)
  const wide = ndarray(Float32Array.of(1, 2, 3, 4), [1, 4, 1])
  expect(resamplePositions(ndarray(bits, [1, 4, 1], "bfloat16"), 3, 0)).toEqual(resamplePositions(wide, 3, 0))
})

test("what fits already, and what is no square grid, is given back as it is", () => {
  const five = ndarray(new Float32Array(5), [1, 5, 1])
  expect(resamplePositions(five, 2, 1)).toBe(five)
  expect(resamplePositions(five, 3, 0)).toBe(five)
})
