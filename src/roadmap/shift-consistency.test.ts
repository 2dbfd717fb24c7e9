import { expect, test } from "vitest"
import "../index.ts"
import { defineModel } from "../models/custom.ts"
import { createModel } from "../models/model.ts"
import { Conv2d, Linear } from "../nn/layers.ts"
import { Module } from "../nn/module.ts"
import { type NdArray, ndarray, zeros } from "../tensor/ndarray.ts"
import { concat, mean, relu, slice } from "../tensor/ops/index.ts"
import { Random } from "../tensor/random.ts"
import type { Tensor } from "../tensor/tensor.ts"
import { shiftConsistency } from "./shift-consistency.ts"

/** The other side of the image comes in at the border. */
function padCircular(x: Tensor, axis: number): Tensor {
  const size = x.dim(axis) as number
  return concat([slice(x, axis, size - 1, size), x, slice(x, axis, 0, 1)], axis)
}

class CircularNet extends Module {
  readonly conv: Conv2d
  readonly fc: Linear

  constructor(inChannels: number, numClasses: number, stride: number) {
    super()
    this.conv = new Conv2d(inChannels, 8, { kernelSize: 3, stride, initialize: normal })
    this.fc = new Linear(8, numClasses, { initialize: normal })
  }

  forward(x: Tensor): Tensor {
    return this.fc.forward(mean(relu(this.conv.forward(padCircular(padCircular(x, 1), 2))), [1, 2]))
  }
}

const normal = (shape: readonly number[], random: Random) => {
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1))
  random.fillNormal(values)
  return values
}

/** Says in which column the light is. */
class ColumnNet extends Module {
  readonly fc: Linear

  constructor(numClasses: number) {
    super()
    const identity = (size: number) => Float32Array.from({ length: size ** 2 }, (_, i) => Number(i % (size + 1) === 0))
    this.fc = new Linear(numClasses, numClasses, { initialize: ([size]) => identity(size!) })
  }

  forward(x: Tensor): Tensor {
    return this.fc.forward(mean(x, [1, 3]))
  }
}

defineModel({
  name: "circular_net",
  defaults: { stride: 1 },
  build: ({ inChannels, numClasses, stride }) => new CircularNet(inChannels, numClasses, stride),
})
defineModel({ name: "column_net", build: ({ numClasses }) => new ColumnNet(numClasses) })

function noise(shape: number[]): NdArray {
  const images = zeros(shape)
  new Random(1, "noise").fillNormal(images.data)
  return images
}

/** One light in each image, in column `index % width`. */
function lights(count: number, height: number, width: number): NdArray {
  const images = zeros([count, height, width, 1])
  for (let i = 0; i < count; i++) images.data[i * height * width + 3 * width + (i % width)] = 1
  return images
}

test("circular convolutions without strides are consistent under circular shifts; with strides they are not", async () => {
  const images = noise([40, 12, 10, 2])
  const measure = async (stride: number) => {
    const model = await createModel("circular_net", { inChannels: 2, numClasses: 7, config: { stride }, threads: 1 })
    return shiftConsistency(model, images, { maxShift: 3, border: "wrap" })
  }
  expect(await measure(1)).toEqual({
    images: 40,
    maxShift: 3,
    consistency: 1,
    unchanged: [1, 2, 3].map((pixels) => ({ pixels, share: 1 })),
  })
  const strided = await measure(2)
  expect(strided.consistency).toBeLessThan(1)
  expect(strided.consistency).toBeGreaterThan(0)
  // A stride of 2 sees the same again after 2 pixels: height and width are even.
  expect(strided.unchanged[0]!.share).toBeLessThan(1)
  expect(strided.unchanged[1]!.share).toBe(1)
})

test("a classifier of columns changes its mind with shifts to the side, and with those alone", async () => {
  const model = await createModel("column_net", { inChannels: 1, numClasses: 16, threads: 1 })
  const { unchanged, consistency } = await shiftConsistency(model, lights(200, 8, 16), { border: "wrap" })
  expect(unchanged).toEqual([1, 2, 3, 4].map((pixels) => ({ pixels, share: 0.5 })))
  // Two of nine shifts to the side are the same with probability 1 / 9; the deviation over 800 pairs is 0.011.
  expect(Math.abs(consistency - 1 / 9)).toBeLessThan(0.035)
})

test("the same seed gives the same shifts, another one others", async () => {
  const model = await createModel("column_net", { inChannels: 1, numClasses: 16, threads: 1 })
  const measure = async (seed: number) =>
    (await shiftConsistency(model, lights(100, 8, 16), { border: "wrap", seed })).consistency
  const [first, again, ...others] = [await measure(0), await measure(0), await measure(1), await measure(2)]
  expect(again).toBe(first)
  expect(others).not.toEqual([first, first])
})

test("what comes in at the border is the image mirrored at its edge", async () => {
  const seen: number[][] = []
  const recorder = {
    forward: async ({ data, shape }: NdArray) => {
      seen.push(Array.from(data as Float32Array))
      return zeros([shape[0]!, 2])
    },
  }
  const image = ndarray([0, 1, 2, 10, 11, 12, 20, 21, 22], [1, 3, 3, 1])
  const { unchanged, consistency } = await shiftConsistency(recorder, image, { maxShift: 1 })
  expect(seen.slice(0, 5)).toEqual([
    [0, 1, 2, 10, 11, 12, 20, 21, 22],
    [10, 11, 12, 0, 1, 2, 10, 11, 12], // down
    [10, 11, 12, 20, 21, 22, 10, 11, 12], // up
    [1, 0, 1, 11, 10, 11, 21, 20, 21], // right
    [1, 2, 1, 11, 12, 11, 21, 22, 21], // left
  ])
  expect([consistency, unchanged]).toEqual([1, [{ pixels: 1, share: 1 }]])
})

test("mistakes are said", async () => {
  const model = await createModel("column_net", { inChannels: 1, numClasses: 16, threads: 1 })
  const measure = (images: NdArray, maxShift?: number) => shiftConsistency(model, images, { maxShift })
  await expect(measure(lights(2, 8, 16), 8)).rejects.toThrow(
    "maxShift must be smaller than the images of 8 x 16 pixels",
  )
  await expect(measure(lights(2, 8, 16), 0)).rejects.toThrow("maxShift must be a whole number of at least 1, got 0")
  await expect(measure(zeros([0, 8, 16, 1]))).rejects.toThrow("needs images [N, H, W, C], got [0, 8, 16, 1]")
})
