import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { goldenImage, goldenIndex, goldenTensor } from "../../test/golden/data/read.ts"
import { Random } from "../tensor/random.ts"
import { type CropMode, type DataConfig, resolveDataConfig } from "./config.ts"
import { evalPlacement, roundHalfEven } from "./geometry.ts"
import { crop, type Image, toGray } from "./image.ts"
import type { Filter } from "./resample.ts"
import { type Augmentation, evalTransform, trainTransform } from "./transform.ts"

interface EvalCase {
  input: string
  size_hw: [number, number]
  crop_pct: number
  crop_mode: CropMode
  interpolation: Filter
  uint8: string
  float?: string
}

const { cases } = goldenIndex<{ cases: EvalCase[] }>("eval")

/** What PyTorch makes of each byte of each channel. */
const normalised = goldenTensor("eval", "normalise.safetensors", "to_tensor_normalize").data

function normalisedPixels(image: Image): Float32Array {
  return Float32Array.from(image.data, (byte, i) => normalised[(i % 3) * 256 + byte]!)
}

describe("the evaluation transform gives timm's numbers", () => {
  for (const { input, size_hw, crop_pct, crop_mode, interpolation, uint8, float } of cases) {
    test(`${input} ${crop_mode} ${size_hw.join(" x ")} ${interpolation}`, async () => {
      const config: DataConfig = { inputSize: size_hw, cropPct: crop_pct, cropMode: crop_mode, interpolation }
      const result = evalTransform(config)(await goldenImage("eval", input))
      expect(result.shape).toEqual([1, ...size_hw, 3])
      expect(result.data).toEqual(normalisedPixels(await goldenImage("eval", uint8)))
      if (float) expect(result.data).toEqual(channelsLast(goldenTensor("eval", float).data))
    })
  }
})

function channelsLast(planes: Float32Array): Float32Array {
  const area = planes.length / 3
  return Float32Array.from(planes, (_, i) => planes[(i % 3) * area + Math.floor(i / 3)]!)
}

const identity: DataConfig = { mean: 0, std: 1, cropPct: 1 }

function noise(width: number, height: number, channels = 3): Image {
  const data = Uint8Array.from({ length: width * height * channels }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 24)
  return { width, height, channels, data }
}

function bytesOf(values: Float32Array): Uint8Array {
  return Uint8Array.from(values, (value) => Math.round(value * 255))
}

test("a picture of the input size stays as it is with cropPct 1", () => {
  const image = noise(28, 28)
  expect(bytesOf(evalTransform({ ...identity, inputSize: 28 })(image).data)).toEqual(image.data)
})

test("a gray model gets luma, an RGB model gets gray three times", () => {
  const image = noise(8, 8)
  const gray = toGray(image)
  const result = evalTransform({ ...identity, inputSize: [1, 8, 8] })(image)
  expect(result.shape).toEqual([1, 8, 8, 1])
  expect(bytesOf(result.data)).toEqual(gray.data)
  const rgb = bytesOf(evalTransform({ ...identity, inputSize: 8 })(gray).data)
  expect(rgb).toEqual(Uint8Array.from({ length: 192 }, (_, i) => gray.data[Math.floor(i / 3)]!))
})

test("a picture of one pixel's width and any height fits in every mode, without memory for what is cut off", () => {
  const strip = noise(1, 60_000)
  for (const cropMode of ["center", "squash", "border"] as const) {
    const result = evalTransform({ inputSize: 64, cropMode })(strip)
    expect(result.data.every(Number.isFinite)).toBe(true)
  }
})

test("whatever the sizes, the visible part lies in the resized picture and on the canvas", () => {
  const side = fc.integer({ min: 1, max: 3000 })
  const target = fc.integer({ min: 1, max: 400 })
  const mode = fc.constantFrom<CropMode>("center", "squash", "border")
  fc.assert(
    fc.property(
      side,
      side,
      target,
      target,
      mode,
      fc.double({ min: 0.3, max: 1, noNaN: true }),
      (w, h, th, tw, cropMode, cropPct) => {
        const config = resolveDataConfig({ inputSize: [th, tw], cropMode, cropPct })
        const { resized, visible, offset } = evalPlacement(w, h, config)
        expect(visible.left >= 0 && visible.left + visible.width <= resized.width).toBe(true)
        expect(visible.top >= 0 && visible.top + visible.height <= resized.height).toBe(true)
        expect(offset.left >= 0 && offset.left + visible.width <= tw).toBe(true)
        expect(offset.top >= 0 && offset.top + visible.height <= th).toBe(true)
      },
    ),
  )
})

test("ties are rounded to the even number", () => {
  expect([0.5, 1.5, 2.5, 3.5, -1.5, 2.4, 2.6].map(roundHalfEven)).toEqual([0, 2, 2, 4, -2, 2, 3])
})

function augment(image: Image, augmentation: Augmentation, random: Random, inputSize = 16): Uint8Array {
  const out = new Float32Array(inputSize * inputSize * 3)
  trainTransform({ ...identity, inputSize, augmentation })(image, random, out, 0)
  return bytesOf(out)
}

test("the training transform writes one picture at the offset and nothing else", () => {
  const out = new Float32Array(3 * 192).fill(-7)
  trainTransform({ inputSize: 8 })(noise(30, 20), new Random(1), out, 192)
  expect(out.subarray(0, 192).every((value) => value === -7)).toBe(true)
  expect(out.subarray(192, 384).some((value) => value === -7)).toBe(false)
  expect(out.subarray(384).every((value) => value === -7)).toBe(true)
})

test("the same draws give the same picture, others another", () => {
  const image = noise(40, 30)
  expect(augment(image, {}, new Random(1))).toEqual(augment(image, {}, new Random(1)))
  expect(augment(image, {}, new Random(1))).not.toEqual(augment(image, {}, new Random(2)))
})

test("without crop and flip a picture of the input size is only normalised", () => {
  const image = noise(16, 16)
  expect(augment(image, { crop: "none", flip: 0 }, new Random(1))).toEqual(image.data)
  expect(augment(image, { crop: "shift", padding: 0, flip: 0 }, new Random(1))).toEqual(image.data)
})

test("training with crop none sees what evaluation sees", () => {
  const image = noise(50, 30)
  const evaluated = bytesOf(evalTransform({ ...identity, inputSize: 16 })(image).data)
  expect(augment(image, { crop: "none", flip: 0 }, new Random(1))).toEqual(evaluated)
})

test("a shift reaches all 81 places and shows black at the edge", () => {
  const image: Image = { width: 16, height: 16, channels: 3, data: new Uint8Array(768).fill(255) }
  const places = new Set<string>()
  for (let sample = 0; sample < 2000; sample++) {
    const data = augment(image, { crop: "shift", flip: 0 }, new Random(1, sample))
    const row = Array.from({ length: 16 }, (_, x) => data[(8 * 16 + x) * 3])
    const column = Array.from({ length: 16 }, (_, y) => data[(y * 16 + 8) * 3])
    places.add(`${row} ${column}`)
  }
  expect(places.size).toBe(81)
})

test("half of the pictures are mirrored", () => {
  const image = noise(16, 16)
  let mirrored = 0
  for (let sample = 0; sample < 1000; sample++) {
    const data = augment(image, { crop: "none" }, new Random(3, sample))
    if (data[0] !== image.data[0]) mirrored++
  }
  expect(mirrored).toBeGreaterThan(440)
  expect(mirrored).toBeLessThan(560)
})

test.each<[string, Augmentation]>([
  ["crop", { crop: "random" as "none" }],
  ["scale", { scale: [0, 1] }],
  ["scale", { scale: [0.5, 0.2] }],
  ["scale", { scale: [0.5, 1.2] }],
  ["ratio", { ratio: [2, 1] }],
  ["ratio", { ratio: [0, 1] }],
  ["padding", { padding: 1.5 }],
  ["flip", { flip: 2 }],
])("a wrong value of %s is named", (name, augmentation) => {
  expect(() => trainTransform({ augmentation })).toThrow(new RegExp(`^${name} must be`))
})

test("the crop of a random resized crop has the limits asked for", () => {
  const image = noise(32, 32)
  const whole = augment(image, { scale: [1, 1], ratio: [1, 1], flip: 0 }, new Random(1), 32)
  expect(whole).toEqual(image.data)
  const quarter = augment(image, { scale: [0.25, 0.25], ratio: [1, 1], flip: 0 }, new Random(1), 16)
  const places = Array.from({ length: 17 * 17 }, (_, i) => ({ left: i % 17, top: Math.floor(i / 17) }))
  const matches = places.filter(({ left, top }) => {
    const part = crop(image, { left, top, width: 16, height: 16 })
    return Buffer.compare(part.data, quarter) === 0
  })
  expect(matches.length).toBe(1)
})
