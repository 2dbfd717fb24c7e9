import { readFile } from "node:fs/promises"
import fc from "fast-check"
import sharp from "sharp"
import { describe, expect, test } from "vitest"
import { goldenImage, goldenIndex, goldenPath } from "../../../test/golden/data/read.ts"
import { InputError } from "../../tensor/errors.ts"
import type { Image } from "../image.ts"
import { decodeImage } from "./decode.ts"
import { encodePng } from "./encode.ts"

interface Case {
  file: string
  what: string
  /** Missing where the file must be refused. */
  expected?: string
  expected_exif_transpose?: string
}

const { cases } = goldenIndex<{ cases: Case[] }>("images")
const good = cases.filter(({ expected }) => expected)
const bad = cases.filter(({ expected }) => !expected)

/** Decoded by sharp alone: the golden results are plain 8-bit PNG files. */
async function plainPng(file: string): Promise<Image> {
  const { data, info } = await sharp(goldenPath("images", file))
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  return { width: info.width, height: info.height, channels: info.channels, data: Uint8Array.from(data) }
}

describe("the pixels are those of Pillow", () => {
  test.each(good)("$file: $what", async ({ file, expected, expected_exif_transpose }) => {
    const stored = await decodeImage(goldenPath("images", file), { orient: false })
    expect(stored).toEqual(await plainPng(expected!))
    if (!expected_exif_transpose) return
    const upright = await decodeImage(await readFile(goldenPath("images", file)))
    expect(upright).toEqual(await plainPng(expected_exif_transpose))
  })
})

const reasons: Record<string, RegExp> = {
  "bad/truncated_baseline.jpg": /cut short or damaged/,
  "bad/truncated_progressive.jpg": /cut short or damaged/,
  "bad/truncated_header.jpg": /cut short or damaged/,
  "bad/no_eoi.jpg": /cut short or damaged/,
  "bad/zero_bytes.jpg": /the file is empty/,
  "bad/wrong_ihdr_crc.png": /checksum of its IHDR chunk/,
  "bad/wrong_text_crc.png": /checksum of its tEXt chunk/,
  "bad/truncated.png": /cut short or damaged/,
  "bad/text.jpg": /it is a text file/,
  "bad/page.html": /it is an HTML page/,
  "bad/page.jpg": /it is an HTML page/,
  "bad/bomb.png": /it claims 30000 x 30000 pixels, more than the limit of 178,956,970/,
}

test.each(bad)("$file is refused with its name and the reason: $what", async ({ file }) => {
  const path = goldenPath("images", file)
  const error = await decodeImage(path).catch((error: unknown) => error)
  expect(error).toBeInstanceOf(InputError)
  const { message } = error as InputError
  expect(message).toContain(`cannot read image ${path}: `)
  expect(message).toMatch(reasons[file]!)
  expect(message).not.toContain("\n")
})

test("a missing file, a folder, and formats that are not decoded are named", async () => {
  await expect(decodeImage("nowhere.jpg")).rejects.toThrow("cannot read image nowhere.jpg: there is no such file")
  await expect(decodeImage(goldenPath("images", "."))).rejects.toThrow("it is a folder")
  const bytesOf = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0))
  const svg = '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>'
  await expect(decodeImage(bytesOf(svg))).rejects.toThrow("cannot read image: it is an SVG drawing")
  await expect(decodeImage(bytesOf("\0\0\0\x18ftypheic\0\0\0\0mif1heic"))).rejects.toThrow("HEIC photo")
  await expect(decodeImage(bytesOf("\x01\x02\x03"))).rejects.toThrow("no JPEG, PNG, WebP")
})

test("a disk that fails and a mistake in a call are not taken for a bad image", async () => {
  for (const source of [...(process.platform === "linux" ? ["/proc/self/mem"] : []), 7 as never]) {
    const error = await decodeImage(source).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(Error)
    expect(error).not.toBeInstanceOf(InputError)
    expect((error as Error).message).toMatch(/^cannot read image( \/proc\/self\/mem: EIO: i\/o error|: )/)
  }
})

test("a file that is cut or changed anywhere gives a picture or an InputError, nothing else", async () => {
  const small = cases.filter(({ file }) => /17x23|1x1/.test(file))
  const files = await Promise.all(small.map(({ file }) => readFile(goldenPath("images", file))))
  const edit = fc.record({
    file: fc.constantFrom(...files),
    cut: fc.double({ min: 0, max: 1, noNaN: true }),
    isCut: fc.boolean(),
    changes: fc.array(fc.tuple(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.nat(255)), { maxLength: 3 }),
  })
  await fc.assert(
    fc.asyncProperty(edit, async ({ file, cut, isCut, changes }) => {
      const bytes = Uint8Array.from(isCut ? file.subarray(0, Math.floor(file.length * cut)) : file)
      for (const [at, value] of changes) if (bytes.length > 0) bytes[Math.floor(at * bytes.length)] = value
      try {
        const image = await decodeImage(bytes)
        expect(image.data.length).toBe(image.width * image.height * 3)
      } catch (error) {
        expect(error).toBeInstanceOf(InputError)
      }
    }),
    { numRuns: 300 },
  )
})

/** A GIF with a screen of 2 x 1 whose only frame covers the right pixel; palette red, green; frame colour green. */
function partialGif(transparent: number | undefined): Uint8Array {
  const control = transparent === undefined ? [] : [0x21, 0xf9, 4, 1, 0, 0, transparent, 0]
  const header = [..."GIF89a"].map((letter) => letter.charCodeAt(0))
  const screen = [2, 0, 1, 0, 0x80, 0, 0, 255, 0, 0, 0, 255, 0]
  const frame = [0x2c, 1, 0, 0, 0, 1, 0, 1, 0, 0]
  // LZW with 2-bit codes: clear (4), index 1, end (5), 3 bits each.
  const data = [2, 2, 0b01001100, 0b1, 0, 0x3b]
  return Uint8Array.from([...header, ...screen, ...control, ...frame, ...data])
}

test("pixels that a GIF frame does not cover have colour 0, or the transparent colour", async () => {
  expect([...(await decodeImage(partialGif(undefined))).data]).toEqual([255, 0, 0, 0, 255, 0])
  expect([...(await decodeImage(partialGif(0))).data]).toEqual([255, 0, 0, 0, 255, 0])
  expect([...(await decodeImage(partialGif(1))).data]).toEqual([0, 255, 0, 0, 255, 0])
})

test("16-bit gray with alpha keeps the high byte, without alpha it is clipped", async () => {
  const samples = Uint16Array.of(0x1234, 0xffff, 0x00ff, 0)
  const file = (channels: 1 | 2, width: number) =>
    sharp(samples, { raw: { width, height: 1, channels } })
      .toColourspace("grey16")
      .png()
      .toBuffer()
  expect([...(await decodeImage(await file(2, 2))).data]).toEqual([0x12, 0x12, 0x12, 0, 0, 0])
  expect([...(await decodeImage(await file(1, 4))).data]).toEqual([
    255, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0,
  ])
})

test("the orientation of a TIFF is applied in any case, as Pillow does", async () => {
  const raw = { width: 2, height: 1, channels: 3 } as const
  const file = await sharp(Uint8Array.of(1, 2, 3, 4, 5, 6), { raw })
    .withMetadata({ orientation: 3 })
    .tiff({ compression: "none" })
    .toBuffer()
  for (const orient of [true, false]) {
    expect([...(await decodeImage(file, { orient })).data]).toEqual([4, 5, 6, 1, 2, 3])
  }
})

test("AVIF is decoded, and its alpha dropped", async () => {
  const data = new Uint8Array(32 * 32 * 4).fill(200)
  const raw = { width: 32, height: 32, channels: 4 } as const
  const { width, height, channels, data: pixels } = await decodeImage(await sharp(data, { raw }).avif().toBuffer())
  expect([width, height, channels, pixels.length]).toEqual([32, 32, 3, 32 * 32 * 3])
  expect(pixels.every((value) => Math.abs(value - 200) <= 2)).toBe(true)
})

test("a PNG of an RGB or gray picture comes back, and gray is stored as gray", async () => {
  const image = await goldenImage("images", "png_rgb_97x61.png")
  expect(await decodeImage(await encodePng(image))).toEqual(image)
  const gray: Image = { width: 3, height: 1, channels: 1, data: Uint8Array.of(0, 100, 255) }
  const file = await encodePng(gray)
  expect((await sharp(file).metadata()).channels).toBe(1)
  expect([...(await decodeImage(file)).data]).toEqual([0, 0, 0, 100, 100, 100, 255, 255, 255])
})
