import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { InputError } from "../tensor/errors.ts"
import { bmpSize, decodeBmp } from "./bmp.ts"

interface Layout {
  width: number
  height: number
  bits: number
  compression?: number
  /** Palette entries, [red, green, blue]. */
  palette?: number[][]
  masks?: number[]
  pixels: number[]
}

/** A BMP file with a BITMAPINFOHEADER. */
function bmp({ width, height, bits, compression = 0, palette = [], masks = [], pixels }: Layout): Uint8Array {
  const offset = 54 + masks.length * 4 + palette.length * 4
  const bytes = new Uint8Array(offset + pixels.length)
  const view = new DataView(bytes.buffer)
  bytes.set([0x42, 0x4d])
  view.setUint32(10, offset, true)
  view.setUint32(14, 40, true)
  view.setInt32(18, width, true)
  view.setInt32(22, height, true)
  view.setUint16(28, bits, true)
  view.setUint32(30, compression, true)
  view.setUint32(46, palette.length, true)
  masks.forEach((mask, i) => {
    view.setUint32(54 + i * 4, mask, true)
  })
  palette.forEach(([red, green, blue], i) => {
    bytes.set([blue!, green!, red!], 54 + masks.length * 4 + i * 4)
  })
  bytes.set(pixels, offset)
  return bytes
}

const black = [0, 0, 0]
const red = [255, 0, 0]
const green = [0, 255, 0]
const palette = [black, red, green]

function colours(bytes: Uint8Array): number[][] {
  const { data } = decodeBmp(bytes)
  return Array.from({ length: data.length / 3 }, (_, i) => [...data.subarray(i * 3, i * 3 + 3)])
}

describe("each kind of pixel", () => {
  test("24 bits, rows from the bottom, padded to 4 bytes", () => {
    const pixels = [0, 255, 0, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 0, 0]
    expect(colours(bmp({ width: 2, height: 2, bits: 24, pixels }))).toEqual([red, black, green, black])
  })

  test("rows from the top where the height is negative", () => {
    const pixels = [0, 0, 255, 0, 0, 255, 0, 0]
    expect(colours(bmp({ width: 1, height: -2, bits: 24, pixels }))).toEqual([red, green])
  })

  test("1, 4 and 8 bits with a palette", () => {
    const two = palette.slice(0, 2)
    expect(colours(bmp({ width: 3, height: 1, bits: 1, palette: two, pixels: [0b01100000, 0, 0, 0] }))).toEqual([
      black,
      red,
      red,
    ])
    expect(colours(bmp({ width: 3, height: 1, bits: 4, palette, pixels: [0x21, 0x10, 0, 0] }))).toEqual([
      green,
      red,
      red,
    ])
    expect(colours(bmp({ width: 3, height: 1, bits: 8, palette, pixels: [2, 1, 0, 0] }))).toEqual([green, red, black])
  })

  test("an index without a palette entry is black", () => {
    expect(colours(bmp({ width: 1, height: 1, bits: 8, palette, pixels: [77, 0, 0, 0] }))).toEqual([black])
  })

  test("16 bits: 5 per colour, or 5-6-5 by masks, stretched and rounded down", () => {
    const half = 0b10000 << 10
    expect(colours(bmp({ width: 1, height: 1, bits: 16, pixels: [half & 255, half >> 8, 0, 0] }))).toEqual([
      [131, 0, 0],
    ])
    const masks = [0xf800, 0x7e0, 0x1f]
    const pixel = (31 << 11) | (32 << 5) | 1
    const layout = { width: 1, height: 1, bits: 16, compression: 3, masks, pixels: [pixel & 255, pixel >> 8, 0, 0] }
    expect(colours(bmp(layout))).toEqual([[255, 129, 8]])
  })

  test("32 bits: alpha is dropped; masks say where the colours are", () => {
    expect(colours(bmp({ width: 1, height: 1, bits: 32, pixels: [3, 2, 1, 99] }))).toEqual([[1, 2, 3]])
    const masks = [0xff000000, 0xff0000, 0xff00]
    const layout = { width: 1, height: 1, bits: 32, compression: 3, masks, pixels: [99, 3, 2, 1] }
    expect(colours(bmp(layout))).toEqual([[1, 2, 3]])
  })

  test("run-length coded 8 bits: runs, literal pixels, jumps, ends of line and of picture", () => {
    // Bottom row: two of 1, then literally 2, 0, 1. Then a jump by one column and one row, and one of 2.
    const pixels = [2, 1, 0, 3, 2, 0, 1, 0, 0, 0, 0, 2, 1, 1, 1, 2, 0, 1]
    expect(colours(bmp({ width: 5, height: 3, bits: 8, compression: 1, palette, pixels }))).toEqual([
      ...[black, green, black, black, black],
      ...[black, black, black, black, black],
      ...[red, red, green, black, red],
    ])
  })

  test("run-length coded 4 bits: a run alternates between two colours", () => {
    const pixels = [3, 0x12, 0, 0, 0, 3, 0x21, 0x20, 0, 1]
    expect(colours(bmp({ width: 3, height: 2, bits: 4, compression: 2, palette, pixels }))).toEqual([
      ...[green, red, green],
      ...[red, green, red],
    ])
  })

  test("an OS/2 header with 16-bit sides and palette entries of 3 bytes", () => {
    const bytes = new Uint8Array(14 + 12 + 6 + 4)
    const view = new DataView(bytes.buffer)
    bytes.set([0x42, 0x4d])
    view.setUint32(10, 32, true)
    view.setUint32(14, 12, true)
    view.setUint16(18, 2, true)
    view.setUint16(20, 1, true)
    view.setUint16(24, 1, true)
    bytes.set([0, 0, 255, 0, 255, 0, 0b01000000], 26)
    expect(colours(bytes)).toEqual([red, green])
  })
})

describe("files that lie", () => {
  const honest = { width: 2, height: 2, bits: 24, pixels: Array.from({ length: 16 }, () => 1) }

  test("a size without its pixels is refused before memory is taken", () => {
    const bytes = bmp({ ...honest, width: 60_000, height: 60_000 })
    expect(bmpSize(bytes)).toEqual({ width: 60_000, height: 60_000 })
    expect(() => decodeBmp(bytes)).toThrow(/cut short: 16 bytes of 10800000000/)
  })

  test.each<[string, Partial<Layout>]>([
    ["size of 0 x 2", { width: 0 }],
    ["size of -2 x 2", { width: -2 }],
    ["7 bits with compression 0", { bits: 7 }],
    ["24 bits with compression 1", { compression: 1 }],
    ["cut short", { bits: 8, compression: 1, palette, pixels: [5] }],
  ])("%s", (message, change) => {
    expect(() => decodeBmp(bmp({ ...honest, ...change }))).toThrow(message)
  })

  test("whatever the bytes, there is a picture of the claimed size or an InputError", () => {
    const headers = [
      honest,
      { ...honest, bits: 8, compression: 1, palette },
      { ...honest, bits: 4, compression: 2, palette },
    ]
    const change = fc.tuple(fc.integer({ min: 10, max: 80 }), fc.nat(255))
    fc.assert(
      fc.property(
        fc.constantFrom(...headers),
        fc.array(change, { maxLength: 3 }),
        fc.nat(90),
        (layout, changes, cut) => {
          const bytes = bmp(layout).slice(0, 100 - cut)
          for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value
          try {
            const { width, height } = bmpSize(bytes)
            if (width * height > 1e6) return
            expect(decodeBmp(bytes).data.length).toBe(width * height * 3)
          } catch (error) {
            expect(error).toBeInstanceOf(InputError)
          }
        },
      ),
      { numRuns: 2000 },
    )
  })
})
