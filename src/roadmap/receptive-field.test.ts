import { expect, test } from "vitest"
import "../index.ts"
import { defineModel } from "../models/custom.ts"
import { createModel } from "../models/model.ts"
import { evaluation } from "../nn/context.ts"
import { Conv2d, Linear } from "../nn/layers.ts"
import { chain, Module } from "../nn/module.ts"
import { type NdArray, zeros } from "../tensor/ndarray.ts"
import { mean } from "../tensor/ops/index.ts"
import { Random } from "../tensor/random.ts"
import type { Tensor } from "../tensor/tensor.ts"
import { type ReceptiveField, receptiveField } from "./receptive-field.ts"

interface Layer {
  kernelSize: number
  stride: number
}

/** Convolutions one after the other. */
class Convolutions extends Module {
  readonly layers: Conv2d[]
  readonly fc: Linear

  constructor(inChannels: number, width: number, numClasses: number, layers: readonly Layer[]) {
    super()
    this.layers = layers.map(
      ({ kernelSize, stride }, i) =>
        new Conv2d(i === 0 ? inChannels : width, width, { kernelSize, stride, padding: (kernelSize - 1) / 2 }),
    )
    this.fc = new Linear(width, numClasses)
  }

  forwardFeatures(x: Tensor): Tensor {
    return chain(this.layers, x, evaluation)
  }

  forwardHead(features: Tensor): Tensor {
    return this.fc.forward(mean(features, [1, 2]))
  }

  forward(x: Tensor): Tensor {
    return this.forwardHead(this.forwardFeatures(x))
  }
}

defineModel({
  name: "convolutions",
  defaults: { width: 4, layers: [] as readonly Layer[] },
  build: ({ inChannels, width, numClasses, layers }) => new Convolutions(inChannels, width, numClasses, layers),
})

class NoMap extends Module {
  readonly fc: Linear

  constructor(inChannels: number, numClasses: number) {
    super()
    this.fc = new Linear(inChannels, numClasses)
  }

  forward(x: Tensor): Tensor {
    return this.fc.forward(mean(x, [1, 2]))
  }
}

defineModel({ name: "no_map", build: ({ inChannels, numClasses }) => new NoMap(inChannels, numClasses) })

function noise(...shape: number[]): NdArray<"float32"> {
  const images = zeros(shape)
  new Random(2, "noise").fillNormal(images.data)
  return images
}

const convolutions = (layers: readonly Layer[], width = 4) =>
  createModel("convolutions", { inChannels: 2, numClasses: 3, config: { layers, width }, threads: 1 })

/** First and last row and column of the pixels that count. */
function extentOf({ map: { shape, data } }: ReceptiveField) {
  const pixels = [...data.keys()].filter((pixel) => data[pixel]! > 0)
  const rows = pixels.map((pixel) => Math.floor(pixel / shape[1]!))
  const columns = pixels.map((pixel) => pixel % shape[1]!)
  return { rows: [Math.min(...rows), Math.max(...rows)], columns: [Math.min(...columns), Math.max(...columns)] }
}

test("one 3x3 convolution sees exactly 3x3 pixels around the centre", async () => {
  const field = await receptiveField(await convolutions([{ kernelSize: 3, stride: 1 }]), noise(5, 9, 11, 2))
  expect(extentOf(field)).toEqual({ rows: [3, 5], columns: [4, 6] })
  expect(field.map.data.filter((share) => share > 0)).toHaveLength(9)
  expect(field.squares.at(-1)).toEqual({ share: 0.99, side: 3, top: 3, left: 4 })
  expect(field.squares.map(({ share }) => share)).toEqual([0.5, 0.8, 0.99])
})

test("of one channel the map is the kernel's absolute values, summed over the channels of the image", async () => {
  const model = await convolutions([{ kernelSize: 3, stride: 1 }], 1)
  const { map } = await receptiveField(model, noise(3, 7, 7, 2))
  const kernel = model.stateDict()["layers.0.weight"]!.data as Float32Array
  const taps = Array.from({ length: 9 }, (_, tap) => Math.abs(kernel[tap]!) + Math.abs(kernel[9 + tap]!))
  const total = taps.reduce((a, b) => a + b)
  taps.forEach((tap, i) => {
    const pixel = (2 + Math.floor(i / 3)) * 7 + 2 + (i % 3)
    expect(map.data[pixel]).toBeCloseTo(tap / total, 6)
  })
})

test.each([
  { layers: [3, 3], strides: [1, 1], side: 5 },
  { layers: [7, 3], strides: [1, 1], side: 9 },
  { layers: [3, 3], strides: [2, 1], side: 7 },
  { layers: [3, 5, 3], strides: [2, 2, 1], side: 3 + 2 * 4 + 4 * 2 },
])("kernels $layers with strides $strides see $side pixels", async ({ layers, strides, side }) => {
  const config = layers.map((kernelSize, i) => ({ kernelSize, stride: strides[i]! }))
  const { rows, columns } = extentOf(await receptiveField(await convolutions(config), noise(2, 41, 41, 2)))
  expect([rows[1]! - rows[0]! + 1, columns[1]! - columns[0]! + 1]).toEqual([side, side])
})

test("attention in one window sees that window, to its edges", async () => {
  const config = { patchSize: 2, embedDim: 16, depths: [1], numHeads: [2], windowSize: 4 }
  const model = await createModel("swin", { config, inputSize: 16, numClasses: 2, threads: 1 })
  // The centre is position 4 of 8 and belongs to the second window.
  expect(extentOf(await receptiveField(model, noise(3, 16, 16, 3)))).toEqual({ rows: [8, 15], columns: [8, 15] })
})

test("attention of all to all sees every pixel, also through the LayerNorm that ends it", async () => {
  const config = { patchSize: 4, embedDim: 16, depth: 1, numHeads: 2 }
  const model = await createModel("vit", { config, inputSize: 16, numClasses: 2, threads: 1 })
  const { map } = await receptiveField(model, noise(3, 16, 16, 3))
  expect(map.data.every((share) => share > 0)).toBe(true)
  expect(map.data.reduce((a, b) => a + b)).toBeCloseTo(1, 5)
})

test("larger kernels see more: the roadmap's 11 against its 5", async () => {
  const side = async (step: string) => {
    const model = await createModel(`roadmap/50/${step}`, { config: { scale: 0.125 }, numClasses: 5, threads: 1 })
    return (await receptiveField(model, noise(4, 96, 96, 3))).squares[1]!.side
  }
  expect(await side("kernel-11")).toBeGreaterThan(await side("kernel-5"))
})

test("the same seed gives the same map, another one another map", async () => {
  const model = await convolutions([{ kernelSize: 3, stride: 1 }])
  const images = noise(2, 9, 9, 2)
  const [first, again, other] = [
    await receptiveField(model, images),
    await receptiveField(model, images),
    await receptiveField(model, images, { seed: 1 }),
  ]
  expect(again).toEqual(first)
  expect(other.map).not.toEqual(first.map)
})

test("a centre that depends on nothing has no square", async () => {
  const model = await convolutions([{ kernelSize: 3, stride: 1 }])
  model.loadStateDict({ "layers.0.weight": zeros([4, 2, 3, 3]) }, { strict: false })
  const { map, squares } = await receptiveField(model, noise(1, 9, 9, 2))
  expect(squares.map(({ side }) => side)).toEqual([0, 0, 0])
  expect(map.data.every((share) => share === 0)).toBe(true)
})

test("what cannot be measured is said", async () => {
  const model = await convolutions([{ kernelSize: 3, stride: 1 }])
  await expect(receptiveField(model, noise(1, 9, 9, 3))).rejects.toThrow("needs images [N, H, W, 2], got [1, 9, 9, 3]")
  const plain = await createModel("no_map", { inChannels: 2, numClasses: 3, threads: 1 })
  await expect(receptiveField(plain, noise(1, 9, 9, 2))).rejects.toThrow("no_map has no feature map")
  const broken = zeros([4, 2, 3, 3])
  broken.data[0] = Number.NaN
  model.loadStateDict({ "layers.0.weight": broken }, { strict: false })
  await expect(receptiveField(model, noise(1, 9, 9, 2))).rejects.toThrow(
    "gradient of convolutions for its images is not finite",
  )
})
