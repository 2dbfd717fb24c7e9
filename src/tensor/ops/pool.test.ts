import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { numbers, randomArray } from "../../../test/support/arrays.ts"
import { checkOp, runGraph } from "../../../test/support/check-op.ts"
import { gradients } from "../../autodiff/gradients.ts"
import { evaluate } from "../evaluate.ts"
import { type NdArray, ndarray } from "../ndarray.ts"
import { input, type Tensor } from "../tensor.ts"
import {
  type AvgPool2dOptions,
  adaptiveAvgPool2d,
  avgPool2d,
  globalAvgPool,
  globalMaxPool,
  maxPool2d,
  type Pool2dOptions,
  sum,
} from "./index.ts"

const upTo = (max: number, min = 1) => fc.integer({ min, max })
const pairUpTo = (max: number, min = 1) => fc.tuple(upTo(max, min), upTo(max, min))

/** Windows of any kind over a map in which at least one of them fits. */
const anyPooling = fc
  .record({
    batch: upTo(2),
    kernelSize: pairUpTo(3),
    stride: pairUpTo(4),
    halves: pairUpTo(2, 0),
    spare: pairUpTo(5, 0),
    channels: upTo(3),
    ceilMode: fc.boolean(),
    countIncludePad: fc.boolean(),
  })
  .map(({ batch, kernelSize, stride, halves, spare, channels, ceilMode, countIncludePad }) => {
    const along = (axis: 0 | 1) => Math.min(halves[axis], Math.floor(kernelSize[axis] / 2))
    const size = (axis: 0 | 1) => Math.max(1, kernelSize[axis] - 2 * along(axis)) + spare[axis]
    const options = { kernelSize, stride, padding: [along(0), along(1)] as const, ceilMode, countIncludePad }
    return { x: [batch, size(0), size(1), channels], options }
  })

const check = (shape: number[], build: (x: Tensor) => Tensor) =>
  checkOp({ inputs: [randomArray(shape, "x")], build: (x) => build(x!), batched: [0] })

/** The result for one channel, by rows. */
function rowsOf(build: (x: Tensor) => Tensor, rows: number[][]): number[][] {
  const shape = [1, rows.length, rows[0]!.length, 1]
  const { y } = evaluate({ y: build(input("x", shape)) }, { x: ndarray(rows.flat(), shape) })
  const [, height, width] = y!.shape as [number, number, number]
  return Array.from({ length: height }, (_, row) => numbers(y!).slice(row * width, (row + 1) * width))
}

const ramp = (height: number, width: number) =>
  Array.from({ length: height }, (_, row) => Array.from({ length: width }, (_, column) => row * width + column + 1))

describe("maxPool2d", () => {
  test("agrees with the reference and with finite differences", async () => {
    const property = fc.asyncProperty(anyPooling, async ({ x, options: { countIncludePad: _, ...options } }) => {
      await check(x, (a) => maxPool2d(a, options))
    })
    await fc.assert(property, { numRuns: 25, seed: 20 })
  })

  test("does so for the stem of a ResNet, for one pixel, and where windows outnumber pixels", async () => {
    await check([1, 9, 8, 5], (x) => maxPool2d(x, { kernelSize: 3, stride: 2, padding: 1 }))
    await check([1, 1, 1, 3], (x) => maxPool2d(x, { kernelSize: 1 }))
    await check([1, 1, 1, 3], (x) => maxPool2d(x, { kernelSize: 2, stride: 1, padding: 1 }))
  })

  test("steps by its kernel unless told otherwise", () => {
    expect(rowsOf((x) => maxPool2d(x, { kernelSize: 2 }), ramp(4, 5))).toEqual([
      [7, 9],
      [17, 19],
    ])
    expect(rowsOf((x) => maxPool2d(x, { kernelSize: [1, 3], stride: 2 }), ramp(2, 5))).toEqual([[3, 5]])
  })

  test("never takes the padding, however low the values", () => {
    const rows = rowsOf((x) => maxPool2d(x, { kernelSize: 3, stride: 2, padding: 1 }), [[-5, -4, -3e38]])
    expect(rows).toEqual([[-4, -4]])
  })

  test("gives the gradient to the first of equal elements", async () => {
    const x = input("x", ["N", 2, 2, 2])
    const [dx] = gradients(sum(maxPool2d(x, { kernelSize: 2 })), [x])
    // Channel 0 has its maximum three times, channel 1 in the last two pixels.
    const feeds = { x: ndarray([1, 0, 2, 0, 2, 3, 2, 3], [1, 2, 2, 2]) }
    const expected = [0, 0, 1, 0, 0, 1, 0, 0]
    expect(numbers((await runGraph({ dx: dx! }, feeds)).dx!)).toEqual(expected)
    expect(numbers(evaluate({ dx: dx! }, feeds).dx!)).toEqual(expected)
  })

  test("adds up the gradients of windows that share a maximum", async () => {
    const x = input("x", [1, 3, 3, 1])
    const [dx] = gradients(sum(maxPool2d(x, { kernelSize: 2, stride: 1 })), [x])
    const values = await runGraph({ dx: dx! }, { x: ndarray([0, 0, 0, 0, 9, 0, 0, 0, 0], [1, 3, 3, 1]) })
    expect(numbers(values.dx!)).toEqual([0, 0, 0, 0, 4, 0, 0, 0, 0])
  })
})

describe("avgPool2d", () => {
  test("agrees with the reference and with finite differences", async () => {
    const property = fc.asyncProperty(anyPooling, async ({ x, options }) => {
      await check(x, (a) => avgPool2d(a, options))
    })
    await fc.assert(property, { numRuns: 25, seed: 21 })
  })

  test("counts the padding, or does not", () => {
    const options: AvgPool2dOptions = { kernelSize: 2, padding: 1 }
    expect(rowsOf((x) => avgPool2d(x, options), ramp(2, 2))).toEqual([
      [1 / 4, 2 / 4],
      [3 / 4, 4 / 4],
    ])
    expect(rowsOf((x) => avgPool2d(x, { ...options, countIncludePad: false }), ramp(2, 2))).toEqual(ramp(2, 2))
  })

  test("never counts what a last window of ceil mode has beyond the padding", () => {
    expect(rowsOf((x) => avgPool2d(x, { kernelSize: [1, 2], ceilMode: true }), ramp(1, 3))).toEqual([[1.5, 3]])
  })
})

describe("the number of windows", () => {
  const x = input("x", ["N", 7, 6, 2])
  const sizes = (options: Pool2dOptions) => {
    const shape = maxPool2d(x, options).shape
    expect(avgPool2d(x, options).shape).toEqual(shape)
    return shape.slice(1, 3)
  }

  test("is rounded down, or up in ceil mode unless the last one would begin in the padding", () => {
    expect(sizes({ kernelSize: 3, stride: 2 })).toEqual([3, 2])
    expect(sizes({ kernelSize: 3, stride: 2, ceilMode: true })).toEqual([3, 3])
    expect(sizes({ kernelSize: 2, stride: 3, padding: 1, ceilMode: true })).toEqual([3, 3])
    expect(sizes({ kernelSize: [3, 2], stride: [2, 1], padding: [1, 0] })).toEqual([4, 5])
  })

  test("must be one at least", () => {
    for (const [name, pool] of [
      ["maxPool2d", maxPool2d],
      ["avgPool2d", avgPool2d],
    ] as const) {
      expect(() => pool(x, { kernelSize: 8 })).toThrow(`${name}: a kernel of 8 (dilation 1) does not fit into 7 + 0`)
      expect(() => pool(x, { kernelSize: 3, padding: 2 })).toThrow(
        `${name}: padding 2 is more than half of the kernel 3`,
      )
      expect(() => pool(input("x", ["N", 6, 2]), { kernelSize: 2 })).toThrow(
        `${name}: x must have rank 4, got [N, 6, 2]`,
      )
      expect(() => pool(input("x", ["N", "H", 6, 2]), { kernelSize: 2 })).toThrow(`${name}: height, width and kernel`)
    }
  })
})

describe("adaptiveAvgPool2d", () => {
  test("agrees with the reference and with finite differences", async () => {
    const property = fc.asyncProperty(pairUpTo(6), pairUpTo(7), upTo(3), async (size, [h, w], channels) => {
      await check([2, h, w, channels], (x) => adaptiveAvgPool2d(x, size))
    })
    await fc.assert(property, { numRuns: 12, seed: 22 })
  })

  test("has windows that cover the map evenly and may overlap or repeat", () => {
    expect(rowsOf((x) => adaptiveAvgPool2d(x, [1, 3]), ramp(1, 5))).toEqual([[1.5, 3, 4.5]])
    expect(rowsOf((x) => adaptiveAvgPool2d(x, [1, 4]), ramp(1, 2))).toEqual([[1, 1, 2, 2]])
    const x = input("x", ["N", 3, 3, 2])
    expect(adaptiveAvgPool2d(x, 3)).toBe(x)
  })

  test("refuses sizes below 1", () => {
    const x = input("x", ["N", 3, 3, 2])
    expect(() => adaptiveAvgPool2d(x, 0)).toThrow("adaptiveAvgPool2d: size must be a whole number of at least 1, got 0")
    expect(() => adaptiveAvgPool2d(input("x", [1, "H", 3, 2]), 1)).toThrow(
      "adaptiveAvgPool2d: height and width must be",
    )
  })
})

describe("global pooling", () => {
  test("agrees with the reference and with finite differences", async () => {
    for (const shape of [
      [2, 3, 4, 5],
      [1, 1, 1, 3],
    ]) {
      await check(shape, globalAvgPool)
      await check(shape, globalMaxPool)
    }
    expect(globalAvgPool(input("x", ["N", 3, 3, 8])).shape).toEqual(["N", 8])
  })

  test("shares the gradient among equal maxima", () => {
    const x = input("x", [1, 1, 3, 1])
    const [dx] = gradients(sum(globalMaxPool(x)), [x])
    const values: Record<string, NdArray> = evaluate({ dx: dx! }, { x: ndarray([2, 1, 2], [1, 1, 3, 1]) })
    expect(numbers(values.dx!)).toEqual([0.5, 0, 0.5])
  })

  test("refuses what is no map", () => {
    expect(() => globalAvgPool(input("x", ["N", 8]))).toThrow("globalAvgPool: x must have rank 4, got [N, 8]")
    expect(() => globalMaxPool(input("x", ["N", 8]))).toThrow("globalMaxPool: x must have rank 4, got [N, 8]")
  })
})
