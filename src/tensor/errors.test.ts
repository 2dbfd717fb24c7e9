import { expect, test } from "vitest"
import { nearestNames } from "./errors.ts"

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
