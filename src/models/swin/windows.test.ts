import { describe, expect, test } from "vitest"
import { expectSameBits, randomArray } from "../../../test/support/arrays.ts"
import { evaluate } from "../../tensor/evaluate.ts"
import { ndarray } from "../../tensor/ndarray.ts"
import { input } from "../../tensor/tensor.ts"
import { relativePositionIndex } from "./relative-position.ts"
import { cutWindows, joinWindows, shiftMask, windowLayout } from "./windows.ts"

test("windows are shifted by half their size, and never along an axis that is no longer than one", () => {
  expect(windowLayout([14, 21], 7, true)).toMatchObject({ window: [7, 7], shift: [3, 3], count: [2, 3] })
  expect(windowLayout([14, 21], 7, false)).toMatchObject({ shift: [0, 0], count: [2, 3] })
  expect(windowLayout([7, 8], 7, true)).toMatchObject({ window: [7, 7], shift: [0, 3], count: [1, 2] })
  expect(windowLayout([5, 30], 7, true)).toMatchObject({ window: [5, 7], shift: [0, 3], count: [1, 5] })
  expect(windowLayout([1, 1], 7, true)).toMatchObject({ window: [1, 1], shift: [0, 0], count: [1, 1] })
})

test("a map is rolled, filled up with zeros and cut row by row", () => {
  const layout = windowLayout([3, 5], 2, true)
  const map = ndarray(
    Array.from({ length: 15 }, (_, i) => i + 1),
    [1, 3, 5, 1],
  )
  const { windows } = evaluate({ windows: cutWindows(input("x", ["N", 3, 5, 1]), layout) }, { x: map })
  // The rolled map is 7 8 9 10 6 / 12 13 14 15 11 / 2 3 4 5 1.
  expect(windows!.shape).toEqual([1, 6, 4, 1])
  expect([...windows!.data]).toEqual([
    ...[7, 8, 12, 13],
    ...[9, 10, 14, 15],
    ...[6, 0, 11, 0],
    ...[2, 3, 0, 0],
    ...[4, 5, 0, 0],
    ...[1, 0, 0, 0],
  ])
})

test.each<[number, number, number]>([
  [8, 8, 4],
  [9, 5, 4],
  [3, 10, 7],
  [1, 2, 3],
])("a map of %d x %d comes back from windows of %d", (height, width, windowSize) => {
  const x = randomArray([2, height, width, 3], "map")
  const layout = windowLayout([height, width], windowSize, true)
  const there = cutWindows(input("x", ["N", height, width, 3]), layout)
  const { back } = evaluate({ back: joinWindows(there, layout) }, { x })
  expectSameBits("map", ndarray(Float32Array.from(back!.data as Float64Array), back!.shape), x)
})

describe("the mask of shifted windows", () => {
  test("parts what the roll brought together: windows of 2 on a map of 4 x 4", () => {
    const mask = shiftMask(windowLayout([4, 4], 2, true))
    expect(mask.shape).toEqual([4, 1, 4, 4])
    const rows = Array.from({ length: 16 }, (_, i) => [...mask.data.slice(4 * i, 4 * i + 4)])
    const apart = (pattern: string) => [...pattern].map((sign) => (sign === "x" ? -100 : 0))
    const expected = [
      // Whole; left and right halves apart; upper and lower halves apart; all four apart.
      ...["....", "....", "....", "...."],
      ...[".x.x", "x.x.", ".x.x", "x.x."],
      ...["..xx", "..xx", "xx..", "xx.."],
      ...[".xxx", "x.xx", "xx.x", "xxx."],
    ]
    expect(rows).toEqual(expected.map(apart))
  })

  test("parts along the shifted axis alone", () => {
    const mask = shiftMask(windowLayout([2, 4], 2, true))
    expect(mask.shape).toEqual([2, 1, 4, 4])
    expect([...mask.data.slice(0, 16)]).toEqual(new Array(16).fill(0))
    expect([...mask.data.slice(16, 20)]).toEqual([0, -100, 0, -100])
  })
})

test("positions of a window of 2 x 2 have nine offsets, counted row by row", () => {
  const index = [...relativePositionIndex([2, 2]).data].map(Number)
  expect(index).toEqual([...[4, 3, 1, 0], ...[5, 4, 2, 1], ...[7, 6, 4, 3], ...[8, 7, 5, 4]])
})
