import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { expectClose, numbers, randomArray } from "../../../test/support/arrays.ts"
import { checkOp, runGraph } from "../../../test/support/check-op.ts"
import { gradients } from "../../autodiff/gradients.ts"
import { evaluate } from "../evaluate.ts"
import { ndarray } from "../ndarray.ts"
import { input, type Tensor } from "../tensor.ts"
import { mul, type RoiAlignOptions, roiAlign, sum } from "./index.ts"

/** Boxes [R, 5] on images 0 and 1: inside, across the border, far outside, without area, with corners swapped. */
const boxes = ndarray(
  [
    [0, 1.3, 0.7, 5.1, 6.2],
    [1, 0, 0, 7, 6],
    [1, 2.1, 2.3, 2.6, 2.4],
    [0, -3.2, -2.1, 4.4, 9.3],
    [1, 30, 30, 40, 40],
    [0, 3.3, 4.4, 3.3, 4.4],
    [0, 4.2, 4.1, 3.3, 3.2],
  ].flat(),
  [7, 5],
)
const features = randomArray([2, 7, 8, 3], "features")

const anyOptions: fc.Arbitrary<RoiAlignOptions> = fc.record({
  size: fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 })),
  spatialScale: fc.constantFrom(1, 0.5, 1.7),
  samplingRatio: fc.integer({ min: 1, max: 3 }),
  aligned: fc.boolean(),
})

describe("roiAlign", () => {
  test("agrees with the reference and with finite differences, by image and by box", async () => {
    await fc.assert(
      fc.asyncProperty(anyOptions, fc.constantFrom([0], [1]), async (options, batched) => {
        const build = (x?: Tensor, rois?: Tensor) => roiAlign(x!, rois!, options)
        await checkOp({ inputs: [features, boxes], build, batched, differentiated: [0] })
      }),
      { numRuns: 12, seed: 25 },
    )
  })

  test("agrees where there are as many samples as a bin has pixels", async () => {
    const feeds = { x: features, boxes }
    for (const aligned of [false, true]) {
      const y = roiAlign(input("x", ["N", 7, 8, 3]), input("boxes", ["R", 5]), { size: [2, 3], aligned })
      const expected = evaluate({ y }, feeds).y!
      for (const optimize of [true, false]) {
        expectClose("y", (await runGraph({ y }, feeds, { optimize })).y!, expected, 1e-5)
      }
    }
  })

  test("reads one pixel at its centre", () => {
    // aligned: the pixel in row 1 and column 2 covers 2 to 3 across and 1 to 2 down.
    const x = ndarray([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], [1, 3, 4, 1])
    const y = roiAlign(input("x", [1, 3, 4, 1]), input("boxes", [1, 5]), {
      size: [1, 1],
      samplingRatio: 1,
      aligned: true,
    })
    expect(numbers(evaluate({ y }, { x, boxes: ndarray([0, 2, 1, 3, 2], [1, 5]) }).y!)).toEqual([6])
  })

  test("sends each box's gradient to its own image", () => {
    const [x, rois] = [input("x", [2, 4, 4, 1]), input("boxes", [1, 5])]
    const [dx] = gradients(sum(roiAlign(x, rois, { size: [2, 2], samplingRatio: 2 })), [x])
    const feeds = { x: randomArray([2, 4, 4, 1], "x"), boxes: ndarray([1, 0, 0, 3, 3], [1, 5]) }
    const values = numbers(evaluate({ dx: dx! }, feeds).dx!)
    expect(values.slice(0, 16)).toEqual(new Array(16).fill(0))
    expect(values.slice(16).reduce((a, b) => a + b)).toBeCloseTo(4, 6)
  })

  test("has no gradient without a fixed number of samples, and none for the boxes", () => {
    const [x, rois] = [input("x", [1, 4, 4, 2]), input("boxes", [3, 5])]
    expect(() => gradients(sum(roiAlign(x, rois, { size: [2, 2] })), [x])).toThrow(
      "roiAlign: samplingRatio 0 has no gradient",
    )
    const y = roiAlign(x, rois, { size: [2, 2], samplingRatio: 2 })
    const [forBoxes] = gradients(sum(mul(y, y)), [rois])
    const values = evaluate({ d: forBoxes! }, { boxes: ndarray(new Float32Array(15), [3, 5]) })
    expect(numbers(values.d!)).toEqual(new Array(15).fill(0))
  })

  test("refuses what does not fit and says the shapes", () => {
    const x = input("x", ["N", 4, 4, 2])
    const options: RoiAlignOptions = { size: [2, 2], samplingRatio: 2 }
    expect(() => roiAlign(x, input("boxes", [3, 4]), options)).toThrow(
      "roiAlign: boxes must have shape [R, 5], got [3, 4]",
    )
    expect(() => roiAlign(input("x", [4, 4, 2]), input("boxes", [3, 5]), options)).toThrow(
      "roiAlign: x must have rank 4",
    )
    expect(() => roiAlign(x, input("boxes", [3, 5]), { ...options, samplingRatio: -1 })).toThrow(
      "roiAlign: samplingRatio must be 0 or a count of samples, got -1",
    )
  })
})
