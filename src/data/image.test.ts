import fc from "fast-check"
import { expect, test } from "vitest"
import { crop, type Image, pad, toChannels, toGray, toRgb } from "./image.ts"

const anyImage = fc
  .record({ width: fc.integer({ min: 1, max: 9 }), height: fc.integer({ min: 1, max: 9 }), gray: fc.boolean() })
  .chain(({ width, height, gray }) => {
    const channels = gray ? 1 : 3
    const length = width * height * channels
    return fc
      .uint8Array({ minLength: length, maxLength: length })
      .map((data): Image => ({ width, height, channels, data }))
  })

test("gray is ITU-R 601 luma, rounded as Pillow does", () => {
  const data = Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 10, 20, 30)
  expect([...toGray({ width: 5, height: 1, channels: 3, data }).data]).toEqual([76, 150, 29, 255, 18])
})

test("a gray picture comes back exactly from RGB", () => {
  fc.assert(
    fc.property(anyImage, (image) => {
      const gray = toGray(image)
      expect(toGray(toRgb(gray))).toEqual(gray)
      expect(toChannels(gray, 3).channels).toBe(3)
      expect(toChannels(image, 1)).toEqual(gray)
    }),
  )
})

test("cropping takes back what padding added", () => {
  fc.assert(
    fc.property(anyImage, fc.array(fc.nat(4), { minLength: 4, maxLength: 4 }), (image, [left, top, right, bottom]) => {
      const padded = pad(image, { left: left!, top: top!, right: right!, bottom: bottom! }, [7, 8, 9])
      const region = { left: left!, top: top!, width: image.width, height: image.height }
      expect(crop(padded, region)).toEqual(image)
    }),
  )
})

test("padding has the fill colour, and is black without one", () => {
  const dot: Image = { width: 1, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3) }
  const oneLeft = { left: 1, top: 0, right: 0, bottom: 0 }
  expect([...pad(dot, oneLeft, [7, 8, 9]).data]).toEqual([7, 8, 9, 1, 2, 3])
  expect([...pad(dot, oneLeft).data]).toEqual([0, 0, 0, 1, 2, 3])
})

test("a crop outside of the picture is refused", () => {
  const dot: Image = { width: 1, height: 1, channels: 1, data: Uint8Array.of(1) }
  expect(() => crop(dot, { left: 0, top: 0, width: 2, height: 1 })).toThrow(/2 x 1 at \(0, 0\)/)
  expect(() => crop(dot, { left: 0, top: 0, width: 0, height: 1 })).toThrow(RangeError)
})
