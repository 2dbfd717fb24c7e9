import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { goldenImage, goldenIndex } from "../../test/golden/data/read.ts"
import { crop, type Image, toGray } from "./image.ts"
import { type Filter, filterNames, type ResizeOptions, resize } from "./resample.ts"

interface Case {
  input: string
  filter: Filter
  size: [number, number]
  box?: [number, number, number, number]
  crop_first?: [number, number, number, number]
  output: string
}

const { cases } = goldenIndex<{ cases: Case[] }>("resize")

describe("the bytes are those of Pillow", () => {
  for (const { input, filter, size, box, crop_first, output } of cases) {
    const [width, height] = size
    const part = box ? ` box ${box}` : crop_first ? ` crop ${crop_first}` : ""
    test(`${input} ${filter} ${width} x ${height}${part}`, async () => {
      const whole = await goldenImage("resize", input)
      const [left, top, right, bottom] = crop_first ?? [0, 0, whole.width, whole.height]
      const source = crop(whole, { left, top, width: right - left, height: bottom - top })
      expect(resize(source, { width, height, filter, box })).toEqual(await goldenImage("resize", output))
    })
  }
})

const side = fc.integer({ min: 1, max: 40 })
const filter = fc.constantFrom(...filterNames)

function noise(width: number, height: number, channels: number, seed: number): Image {
  const data = Uint8Array.from({ length: width * height * channels }, (_, i) => Math.imul(i + seed, 0x9e3779b1) >>> 24)
  return { width, height, channels, data }
}

test("a picture of one colour keeps it", () => {
  fc.assert(
    fc.property(side, side, side, side, filter, fc.nat(255), (fromWidth, fromHeight, width, height, filter, value) => {
      const source = {
        ...noise(fromWidth, fromHeight, 3, 0),
        data: new Uint8Array(fromWidth * fromHeight * 3).fill(value),
      }
      expect(new Set(resize(source, { width, height, filter }).data)).toEqual(new Set([value]))
    }),
  )
})

test("the same size gives a copy", () => {
  fc.assert(
    fc.property(side, side, filter, fc.constantFrom(1, 3), (width, height, filter, channels) => {
      const source = noise(width, height, channels, 1)
      const result = resize(source, { width, height, filter })
      expect(result).toEqual(source)
      expect(result.data).not.toBe(source.data)
    }),
  )
})

test("a gray picture gets the values of each channel of the same picture in RGB", () => {
  fc.assert(
    fc.property(side, side, side, side, filter, (fromWidth, fromHeight, width, height, filter) => {
      const gray = noise(fromWidth, fromHeight, 1, 2)
      const rgb: Image = {
        ...gray,
        channels: 3,
        data: Uint8Array.from({ length: gray.data.length * 3 }, (_, i) => gray.data[Math.floor(i / 3)]!),
      }
      expect(toGray(resize(rgb, { width, height, filter }))).toEqual(resize(gray, { width, height, filter }))
    }),
  )
})

test("a window is a part of the whole result", () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true })
  const corners = fc.tuple(share, share, share, share)
  const span = (length: number, a: number, b: number): [number, number] => {
    const from = Math.min(length - 1, Math.floor(length * Math.min(a, b)))
    return [from, Math.max(1, Math.ceil(length * Math.max(a, b)) - from)]
  }
  fc.assert(
    fc.property(
      side,
      side,
      side,
      side,
      filter,
      corners,
      fc.boolean(),
      (w, h, width, height, filter, [a, b, c, d], sameSize) => {
        const source = noise(sameSize ? width : w, h, 3, 3)
        const [left, windowWidth] = span(width, a, b)
        const [top, windowHeight] = span(height, c, d)
        const window = { left, top, width: windowWidth, height: windowHeight }
        const options: ResizeOptions = { width, height, filter }
        expect(resize(source, { ...options, window })).toEqual(crop(resize(source, options), window))
      },
    ),
  )
})

test("a window of an enormous result costs only itself", () => {
  const window = { left: 0, top: 5_000_000, width: 8, height: 8 }
  const result = resize(noise(1, 50_000, 3, 4), { width: 256, height: 12_800_000, filter: "bicubic", window })
  expect(result.data.length).toBe(8 * 8 * 3)
})

test("wrong options are refused with what is right", () => {
  const source = noise(4, 4, 3, 5)
  const options: ResizeOptions = { width: 2, height: 2, filter: "bicubic" }
  expect(() => resize(source, { ...options, filter: "bicubik" as Filter })).toThrow(/did you mean bicubic\?/)
  expect(() => resize(source, { ...options, width: 1.5 })).toThrow(/whole numbers, got 1.5 x 2/)
  expect(() => resize(source, { ...options, box: [0, 0, 5, 4] })).toThrow(/box \[0, 0, 5, 4\]/)
  expect(() => resize(source, { ...options, box: [2, 0, 2, 4] })).toThrow(/left < right/)
  expect(() => resize(source, { ...options, window: { left: 1, top: 0, width: 2, height: 1 } })).toThrow(/window/)
})
