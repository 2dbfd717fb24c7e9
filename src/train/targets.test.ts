import { describe, expect, test } from "vitest"
import { ndarray } from "../tensor/ndarray.ts"
import { softTargets } from "./targets.ts"

const rounded = (targets: ReturnType<typeof softTargets>) =>
  [...targets.data].map((value) => Math.round(value * 1e6) / 1e6)

describe("softTargets", () => {
  test("turns classes into shares", () => {
    const soft = softTargets(ndarray([2, 0], [2], "int32"), 2, 3, 0)
    expect(soft).toEqual(ndarray([0, 0, 1, 1, 0, 0], [2, 3]))
  })

  test("smooths classes: 1 - s + s / K for the right one, s / K for the others", () => {
    expect(rounded(softTargets(ndarray([1], [1], "int32"), 1, 4, 0.1))).toEqual([0.025, 0.925, 0.025, 0.025])
  })

  test("mixes shares with the uniform distribution in the same way", () => {
    const shares = ndarray([0.5, 0.5, 0, 0], [1, 4])
    expect(softTargets(shares, 1, 4, 0)).toEqual(shares)
    expect(rounded(softTargets(shares, 1, 4, 0.2))).toEqual([0.45, 0.45, 0.05, 0.05])
    expect(shares.data[0]).toBe(0.5)
  })

  test("takes classes of any integer type", () => {
    expect([...softTargets(ndarray(BigInt64Array.of(1n), [1], "int64"), 1, 2, 0).data]).toEqual([0, 1])
  })

  test.each([
    [ndarray([0, 3], [2], "int32"), "target 1 must be a class from 0 to 2, got 3"],
    [ndarray([-1, 0], [2], "int32"), "target 0 must be a class from 0 to 2, got -1"],
    [ndarray([0.5, 0], [2]), "targets must be int32 [2] or float32 [2, 3], got float32 [2]"],
    [ndarray([0], [1], "int32"), "targets must be int32 [2] or float32 [2, 3], got int32 [1]"],
    [ndarray([0, 0, 0, 0], [2, 2]), "targets must be int32 [2] or float32 [2, 3], got float32 [2, 2]"],
    [ndarray([0, 0, 0], [1, 3]), "targets must be int32 [2] or float32 [2, 3], got float32 [1, 3]"],
  ])("refuses %o", (targets, message) => {
    expect(() => softTargets(targets, 2, 3, 0)).toThrow(RangeError)
    expect(() => softTargets(targets, 2, 3, 0)).toThrow(message)
  })
})
