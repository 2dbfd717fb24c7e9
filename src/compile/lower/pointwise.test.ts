import { describe, expect, test } from "vitest"
import { randomArray } from "../../../test/support/arrays.ts"
import { checkOp } from "../../../test/support/check-op.ts"
import { checkPassOn, countOps } from "../../../test/support/check-pass.ts"
import { type Conv2dOptions, conv2d } from "../../tensor/ops/index.ts"
import { input } from "../../tensor/tensor.ts"
import { lowerPointwise } from "./pointwise.ts"

/** Lowers a convolution of x [2, H, W, I], and checks that it computes the same. */
function lowered(x: number[], weight: number[], options: Conv2dOptions, bias = true) {
  const feeds = { x: randomArray(x, "x"), w: randomArray(weight, "w"), b: randomArray([weight[0]!], "b") }
  const leaves = [input("x", ["N", ...x.slice(1)]), input("w", weight), input("b", [weight[0]!])] as const
  const y = conv2d(leaves[0], leaves[1], bias ? leaves[2] : undefined, options)
  return countOps(checkPassOn(lowerPointwise, { y }, feeds))
}

describe("becomes one linear layer", () => {
  test.each<[string, number[], Conv2dOptions]>([
    ["a convolution at every position", [2, 3, 4, 5], {}],
    ["one at every other position", [2, 6, 4, 5], { stride: 2 }],
    ["one whose steps do not fill the map", [2, 7, 5, 5], { stride: [2, 3] }],
    ["one whose step is wider than the map", [2, 2, 1, 5], { stride: 4 }],
    ["one with a dilation, which does nothing", [2, 3, 3, 5], { dilation: 2 }],
  ])("%s", (_, x, options) => {
    for (const bias of [true, false]) {
      const counts = lowered(x, [6, 5, 1, 1], options, bias)
      expect(counts.conv2d).toBeUndefined()
      expect(counts.linear).toBe(1)
    }
  })

  test("that moves no data where there is no step", () => {
    expect(lowered([2, 3, 4, 5], [6, 5, 1, 1], {})).toEqual({ linear: 1, reshape: 1 })
  })
})

describe("stays as it is", () => {
  test.each<[string, number[], Conv2dOptions]>([
    ["a convolution of several taps", [6, 4, 1, 2], {}],
    ["one with padding", [6, 4, 1, 1], { padding: 1 }],
    ["one with groups", [6, 2, 1, 1], { groups: 2 }],
  ])("%s", (_, weight, options) => {
    expect(lowered([2, 5, 5, 4], weight, options)).toEqual({ conv2d: 1 })
  })
})

test("is differentiated on the device as the convolution is", async () => {
  const inputs = [randomArray([2, 5, 4, 3], "x"), randomArray([4, 3, 1, 1], "w"), randomArray([4], "b")]
  for (const stride of [1, 2]) {
    await checkOp({
      inputs,
      build: (x, w, b) => lowerPointwise({ y: conv2d(x!, w!, b, { stride }) }).y!,
      batched: [0],
    })
  }
})
