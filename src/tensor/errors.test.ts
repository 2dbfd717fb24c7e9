import { expect, test } from "vitest"
import { checkCount, nearestNames, suggestion, UsageError } from "./errors.ts"

test("the nearest names come first, those far off not at all", () => {
  const known = ["convnext_tiny", "convnext_small", "resnet50", "vit_base"]
  expect(nearestNames("convnext_tny", known)[0]).toBe("convnext_tiny")
  expect(nearestNames("resnet05", known)).toEqual(["resnet50"])
  expect(nearestNames("efficientnet_b0", known)).toEqual([])
})

test("swapped letters count as one mistake, case as none", () => {
  expect(nearestNames("LR", ["lr", "out"], 1)).toEqual(["lr"])
  expect(nearestNames("eopchs", ["epochs", "eopxxhs"], 1)).toEqual(["epochs"])
})

test("no more names are given than asked for", () => {
  const known = ["aa1", "aa2", "aa3", "aa4"]
  expect(nearestNames("aa", known)).toHaveLength(3)
  expect(nearestNames("aa", known, 1)).toHaveLength(1)
})

test("a suggestion names the nearest, and is empty where none is near", () => {
  expect(suggestion("lancos", ["lanczos", "box"])).toBe(", did you mean lanczos?")
  expect(suggestion("zigzag", ["lanczos", "box"])).toBe("")
})

test("a count is a whole number that is large enough", () => {
  for (const [value, least] of [
    [1, undefined],
    [0, 0],
    [7, 7],
  ] as const)
    checkCount("topK", value, least)
  for (const value of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "3"]) {
    expect(() => checkCount("topK", value)).toThrow(
      new UsageError(`topK must be a whole number of at least 1, got ${value}`),
    )
  }
  expect(() => checkCount("workers", -1, 0)).toThrow("workers must be a whole number of at least 0, got -1")
})
