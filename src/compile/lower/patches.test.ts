import { describe, expect, test } from "vitest"
import { randomArray } from "../../../test/support/arrays.ts"
import { checkOp } from "../../../test/support/check-op.ts"
import { checkPassOn, countOps } from "../../../test/support/check-pass.ts"
import { type Conv2dOptions, conv2d } from "../../tensor/ops/index.ts"
import { input } from "../../tensor/tensor.ts"
import { lowerPatches } from "./patches.ts"

/** Lowers a convolution of x [2, H, W, I], and checks that it computes the same. */
function lowered(x: number[], weight: number[], options: Conv2dOptions, bias = true) {
  const feeds = { x: randomArray(x, "x"), w: randomArray(weight, "w"), b: randomArray([weight[0]!], "b") }
  const leaves = [input("x", ["N", ...x.slice(1)]), input("w", weight), input("b", [weight[0]!])] as const
  const y = conv2d(leaves[0], leaves[1], bias ? leaves[2] : undefined, options)
  return countOps(checkPassOn(lowerPatches, { y }, feeds))
}

describe("becomes one linear layer over patches", () => {
  test.each<[string, number[], number[], Conv2dOptions]>([
    ["a patchify stem", [2, 8, 12, 3], [5, 3, 4, 4], { stride: 4 }],
    ["a downsampling layer", [2, 6, 4, 4], [8, 4, 2, 2], { stride: 2 }],
    ["a patch that is not square", [2, 6, 6, 2], [3, 2, 2, 3], { stride: [2, 3] }],
    ["a 1 x 1 convolution", [2, 3, 4, 5], [6, 5, 1, 1], {}],
    ["one whose patches do not fill the image", [2, 9, 11, 3], [5, 3, 4, 4], { stride: 4 }],
  ])("%s", (_, x, weight, options) => {
    for (const bias of [true, false]) {
      const counts = lowered(x, weight, options, bias)
      expect(counts.conv2d).toBeUndefined()
      expect(counts.linear).toBe(1)
    }
  })
})

describe("stays as it is", () => {
  test.each<[string, number[], number[], Conv2dOptions]>([
    ["a convolution whose positions overlap", [2, 8, 8, 3], [5, 3, 4, 4], { stride: 2 }],
    ["one with gaps between its positions", [2, 8, 8, 3], [5, 3, 2, 2], { stride: 4 }],
    ["one whose taps lie apart", [2, 8, 8, 3], [5, 3, 2, 2], { stride: 2, dilation: 2 }],
    ["one with padding", [2, 8, 8, 3], [5, 3, 2, 2], { stride: 2, padding: 1 }],
    ["one with groups", [2, 8, 8, 4], [4, 2, 2, 2], { stride: 2, groups: 2 }],
  ])("%s", (_, x, weight, options) => {
    expect(lowered(x, weight, options)).toEqual({ conv2d: 1 })
  })
})

test("is differentiated on the device as the convolution is", async () => {
  const inputs = [randomArray([2, 5, 4, 3], "x"), randomArray([4, 3, 2, 2], "w"), randomArray([4], "b")]
  await checkOp({
    inputs,
    build: (x, w, b) => lowerPatches({ y: conv2d(x!, w!, b, { stride: 2 }) }).y!,
    batched: [0],
  })
})
