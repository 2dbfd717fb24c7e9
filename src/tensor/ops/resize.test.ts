import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { numbers, randomArray } from "../../../test/support/arrays.ts"
import { checkOp } from "../../../test/support/check-op.ts"
import { evaluate } from "../evaluate.ts"
import { ndarray } from "../ndarray.ts"
import { input } from "../tensor.ts"
import { type InterpolateOptions, interpolate } from "./index.ts"

const side = fc.integer({ min: 1, max: 6 })
const anyResize = fc.record({
  from: fc.tuple(side, side),
  channels: fc.integer({ min: 1, max: 3 }),
  options: fc
    .record({
      size: fc.tuple(side, side),
      mode: fc.constantFrom("nearest" as const, "bilinear" as const, "bicubic" as const),
      alignCorners: fc.boolean(),
    })
    .map((options) => (options.mode === "nearest" ? { ...options, alignCorners: false } : options)),
})

/** A row of pixels, resized to `width`. */
function row(values: number[], width: number, options: Omit<InterpolateOptions, "size">): number[] {
  const x = input("x", [1, 1, values.length, 1])
  const y = interpolate(x, { size: [1, width], ...options })
  return numbers(evaluate({ y }, { x: ndarray(values, [1, 1, values.length, 1]) }).y!)
}

describe("interpolate", () => {
  test("agrees with the reference and with finite differences", async () => {
    await fc.assert(
      fc.asyncProperty(anyResize, async ({ from, channels, options }) => {
        const inputs = [randomArray([2, ...from, channels], "x")]
        await checkOp({ inputs, build: (x) => interpolate(x!, options), batched: [0] })
      }),
      { numRuns: 25, seed: 24 },
    )
  })

  test("takes the nearest pixel as PyTorch rounds it", () => {
    const ramp = [0, 1, 2, 3, 4]
    expect(row(ramp, 10, { mode: "nearest" })).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
    expect(row(ramp, 3, { mode: "nearest" })).toEqual([0, 1, 3])
  })

  test("is a straight line between pixel centres, or between the corners", () => {
    expect(row([0, 4], 4, { mode: "bilinear" })).toEqual([0, 1, 3, 4])
    expect(row([0, 3], 4, { mode: "bilinear", alignCorners: true })).toEqual([0, 1, 2, 3])
  })

  test("keeps constants, and the weights of bicubic sum to 1 at every border", () => {
    for (const mode of ["nearest", "bilinear", "bicubic"] as const) {
      for (const width of [1, 2, 5, 9]) {
        for (const value of row([3, 3, 3, 3], width, { mode })) expect(value).toBeCloseTo(3, 12)
      }
    }
  })

  test("overshoots at an edge where bicubic", () => {
    const values = row([0, 0, 0, 1, 1, 1], 24, { mode: "bicubic" })
    expect(Math.min(...values)).toBeLessThan(-0.01)
    expect(Math.max(...values)).toBeGreaterThan(1.01)
  })

  test("to the same size is the tensor itself", () => {
    const x = input("x", ["N", 5, 7, 2])
    for (const mode of ["nearest", "bilinear", "bicubic"] as const) {
      expect(interpolate(x, { size: [5, 7], mode })).toBe(x)
    }
  })

  test("refuses sizes below 1, aligned corners of nearest, and what is no map", () => {
    const x = input("x", ["N", 5, 7, 2])
    expect(() => interpolate(x, { size: [0, 4], mode: "bilinear" })).toThrow(
      "interpolate: size must be a whole number of at least 1, got 0",
    )
    expect(() => interpolate(x, { size: [4, 1.5], mode: "bilinear" })).toThrow(
      "size must be a whole number of at least 1, got 1.5",
    )
    expect(() => interpolate(x, { size: [4, 4], mode: "nearest", alignCorners: true })).toThrow(
      "interpolate: nearest has no aligned corners",
    )
    expect(() => interpolate(input("x", ["N", 5, 2]), { size: [4, 4], mode: "nearest" })).toThrow(
      "interpolate: x must have rank 4, got [N, 5, 2]",
    )
    expect(() => interpolate(input("x", ["N", "H", 5, 2]), { size: [4, 4], mode: "nearest" })).toThrow(
      "interpolate: height and width must be numbers, got H",
    )
  })
})
