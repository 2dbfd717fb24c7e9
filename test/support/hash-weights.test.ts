import { describe, expect, test } from "vitest"
import { numbers } from "./arrays.ts"
import { readGolden } from "./golden.ts"
import { fnv1a32, hashImages, hashParameter, hashTargets, hashUniform } from "./hash-weights.ts"

interface HashCheck {
  fnv1a32: Record<string, number>
  uniform: Record<string, number[]>
  parameter: Record<string, number[]>
}

const known = readGolden<HashCheck>(import.meta.url, "../golden/train/hash-check.json")

describe("the rule of the golden data's weights", () => {
  test.each(Object.entries(known.fnv1a32))("hashes the name '%s'", (name, hash) => {
    expect(fnv1a32(name)).toBe(hash)
  })

  test.each(Object.entries(known.uniform))("draws the first values of '%s'", (name, values) => {
    expect([...hashUniform(name, 4)]).toEqual(values)
  })

  test.each(Object.entries(known.parameter))("scales %s", (key, values) => {
    const [, name, shape] = /^(\S+) \[([\d,]+)\]/.exec(key)!
    expect(numbers(hashParameter(name!, shape!.split(",").map(Number))).slice(0, 4)).toEqual(values)
  })

  test("lays images out with their channels last", () => {
    const planes = hashUniform("x0", 2 * 3 * 4 * 5)
    const images = hashImages("x0", [2, 3, 4, 5])
    expect(images.shape).toEqual([2, 4, 5, 3])
    // Sample 1, channel 2, row 3, column 4: the last element in both orders.
    expect(images.data.at(-1)).toBe(Math.fround(planes.at(-1)!))
    // Sample 0, channel 1, row 0, column 2.
    expect(images.data[2 * 3 + 1]).toBe(Math.fround(planes[4 * 5 + 2]!))
  })

  test("makes targets that sum to 1", () => {
    const targets = hashTargets("y0", 8, 10, 0.1)
    const first = [0.52732873, 0.0226161536, 0.0110065229, 0.0100503648, 0.0891429335, 0.0100001637]
    first.forEach((value, k) => {
      expect(targets.data[k]).toBeCloseTo(value, 8)
    })
    for (let n = 0; n < 8; n++) {
      const row = targets.data.subarray(n * 10, n * 10 + 10)
      expect(row.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 6)
    }
  })
})
