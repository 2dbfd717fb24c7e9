/** Arguments that no graph can be built with are refused when it is built, by name. */

import { describe, expect, test } from "vitest"
import { gradients } from "../../autodiff/gradients.ts"
import { evaluate } from "../evaluate.ts"
import { ndarray } from "../ndarray.ts"
import { input, type Tensor } from "../tensor.ts"
import * as ops from "./index.ts"

const x = input("x", ["N", 8, 8, 4])
const weight = input("weight", [4, 4, 3, 3])
const rows = input("rows", ["N", 4])
const indices = input("indices", ["N"], "int32")

test.each<[string, () => unknown, string]>([
  [
    "a stride of 0",
    () => ops.conv2d(x, weight, undefined, { stride: 0 }),
    "conv2d: stride must be a whole number of at",
  ],
  ["a broken dilation", () => ops.conv2d(x, weight, undefined, { dilation: [1, 1.5] }), "conv2d: dilation must be"],
  ["negative padding", () => ops.conv2d(x, weight, undefined, { padding: -1 }), "conv2d: padding must be"],
  [
    "named padding",
    () => ops.conv2d(x, weight, undefined, { padding: "valid" as never }),
    'conv2d: padding must be "same"',
  ],
  [
    "three paddings",
    () => ops.conv2d(x, weight, undefined, { padding: [1, 1, 1] as never }),
    "conv2d: padding must be",
  ],
  ["no groups", () => ops.conv2d(x, weight, undefined, { groups: 0 }), "conv2d: groups must be"],
  ["a broken stride", () => ops.convTranspose2d(x, weight, undefined, { stride: 0.5 }), "convTranspose2d: stride must"],
  ["an empty window", () => ops.maxPool2d(x, { kernelSize: 0 }), "maxPool2d: kernelSize must be"],
  ["a stride of 0", () => ops.avgPool2d(x, { kernelSize: 2, stride: 0 }), "avgPool2d: stride must be"],
  ["an unknown mode", () => ops.pad(x, 1, 1, 1, "circular" as never), "pad: mode must be zero, reflect, edge"],
  ["half a row", () => ops.pad(x, 1, 0.5, 1), "pad: padding must be"],
  ["half a step", () => ops.roll(x, 1, 0.5), "roll: shift must be a whole number, got 0.5"],
  ["no classes", () => ops.oneHot(indices, 0), "oneHot: depth must be"],
  ["an axis for axes", () => ops.mean(x, 1 as never), "mean: axes must be a list, such as [1], got 1"],
  ["an axis twice", () => ops.sum(x, [1, -3]), "sum: axes [1, -3] name an axis twice"],
  ["a size for sizes", () => ops.interpolate(x, { size: 4 as never, mode: "nearest" }), "interpolate: size must be 2"],
  ["an unknown mode", () => ops.interpolate(x, { size: [4, 4], mode: "area" as never }), "interpolate: mode must be"],
  [
    "an unknown reduction",
    () => ops.mseLoss(rows, rows, { reduction: "avg" as never }),
    "mseLoss: reduction must be mean",
  ],
  [
    "an unknown reduction",
    () => ops.crossEntropy(rows, indices, { reduction: "avg" as never }),
    "crossEntropy: reduction must be",
  ],
  ["a type without casts", () => ops.cast(x, "float16" as never), "cast: dtype must be float32"],
  ["a fraction of a row", () => ops.slice(x, 1, 0.5, 2), "slice: 0.5 to 2 is no range"],
  ["a fraction as size", () => ops.reshape(rows, ["N", 2.5, 1.6]), "reshape: [N, 2.5, 1.6] is no shape"],
  ["no name", () => input("", [3]), "input: the name must not be empty"],
  ["a negative size", () => input("x", [-1, 3]), "input x: [-1, 3] is no shape: -1 is neither"],
  ["a product of symbols", () => input("x", ["N*M"]), "input x: [N*M] is no shape"],
  ["an unknown type", () => input("x", [3], "float" as never), "input x: dtype must be float32"],
  ["no list", () => gradients(ops.mean(x), x as never), "gradients: wrt must be a list of tensors"],
  [
    "an unknown mode",
    () => gradients(ops.mean(x), [x], { recompute: "all" as never }),
    "gradients: recompute must be none, cheap, block",
  ],
])("%s: %#", (_, build, message) => {
  expect(build).toThrow(RangeError)
  expect(build).toThrow(message)
})

describe("a class that is none", () => {
  const logits = input("logits", ["N", 3])
  const targets = input("targets", ["N"], "int32")
  test.each([3, -1])("%d is named as it is", (target) => {
    const feeds = { logits: ndarray([1, 2, 3], [1, 3]), targets: ndarray([target], [1], "int32") }
    expect(() => evaluate({ loss: ops.crossEntropy(logits, targets) }, feeds)).toThrow(
      `target ${target} at position 0 is no class: they are 0 to 2`,
    )
  })
})

test.each<[string, (x: Tensor) => Tensor]>([
  ["a mean of squares", (x) => ops.mean(ops.square(x))],
  ["a maximum", (x) => ops.sum(ops.max(x, [1]))],
  ["a part", (x) => ops.sum(ops.split(x, 1, [1, 3])[1]!)],
  ["gathered rows", (x) => ops.sum(ops.gather(x, indices))],
  ["clipped values", (x) => ops.mean(ops.clip(x, -1, 1))],
])("the gradient of %s has the type of a float64 input", (_, loss) => {
  const wide = input("wide", ["N", 4], "float64")
  const [dx, none] = gradients(loss(wide), [wide, input("other", [2], "float64")])
  expect([String(dx), String(none)]).toEqual(["float64[N, 4]", "float64[2]"])
})
