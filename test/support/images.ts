/** Images that a small model can learn in a moment, and images of every kind that people have. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import sharp, { type Sharp } from "sharp"
import { afterAll } from "vitest"
import { Random } from "../../src/tensor/random.ts"

/** A temporary folder for all tests of a file, removed after the last. Call it at the top of the file. */
export function sharedFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "convnext-e2e-"))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Names of colours that are told apart at a glance, as RGB. */
const colours = { red: [200, 40, 40], green: [40, 200, 40], blue: [40, 40, 200] } as const

export type Colour = keyof typeof colours

/** A picture of one colour, every sample moved at random by up to 30. The seed tells pictures of a colour apart. */
export function colourPicture(
  colour: Colour,
  seed: number,
  [width, height]: readonly [number, number] = [24, 18],
): Sharp {
  const random = new Random(seed, "picture", colour)
  const channels = colours[colour]
  const samples = Uint8Array.from({ length: width * height * 3 }, (_, i) => channels[i % 3]! + random.integer(61) - 30)
  return sharp(samples, { raw: { width, height, channels: 3 } })
}

/**
 * Fills a folder with PNG files 0.png, 1.png, ... of colours.
 * @param counts number of pictures of each subfolder, which may be a path such as "train/red"; the last part of it
 *   ends with the name of the colour
 */
export async function writeColourFolder(
  folder: string,
  counts: Readonly<Record<string, number>> = { red: 8, green: 8, blue: 8 },
): Promise<string> {
  for (const [subfolder, count] of Object.entries(counts)) {
    const colour = (Object.keys(colours) as Colour[]).find((name) => subfolder.endsWith(name))!
    for (let i = 0; i < count; i++) {
      writeFile(join(folder, subfolder, `${i}.png`), await colourPicture(colour, i).png().toBuffer())
    }
  }
  return folder
}

/** Writes a file, and the folders above it. */
export function writeFile(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
}

/** One picture of a colour in every format and flavour that is read, by file name. */
export async function everyFlavour(colour: Colour): Promise<Record<string, Uint8Array>> {
  const picture = () => colourPicture(colour, 100)
  const raw = await picture().raw().toBuffer()
  return {
    "plain.png": await picture().png().toBuffer(),
    "palette.png": await picture().png({ palette: true }).toBuffer(),
    "alpha.png": await picture().ensureAlpha(0.3).png().toBuffer(),
    "deep.png": await picture().toColourspace("rgb16").png().toBuffer(),
    "photo.jpg": await picture().jpeg().toBuffer(),
    "PHOTO.JPEG": await picture().jpeg({ progressive: true }).toBuffer(),
    "turned.jpg": await picture().withMetadata({ orientation: 6 }).jpeg().toBuffer(),
    "print.jpg": await picture().toColourspace("cmyk").jpeg().toBuffer(),
    "web.webp": await picture().webp().toBuffer(),
    "moving.gif": await picture().gif().toBuffer(),
    "scan.tiff": await picture().tiff().toBuffer(),
    "new.avif": await picture().avif().toBuffer(),
    "old.bmp": encodeBmp(raw, 24, 18),
  }
}

/** A Windows bitmap of 24 bits a pixel: a header, then rows from the bottom up, blue first, padded to 4 bytes. */
function encodeBmp(rgb: Uint8Array, width: number, height: number): Uint8Array {
  const stride = Math.ceil((width * 3) / 4) * 4
  const file = Buffer.alloc(54 + stride * height)
  file.write("BM")
  file.writeUInt32LE(file.length, 2)
  file.writeUInt32LE(54, 10)
  file.writeUInt32LE(40, 14)
  file.writeInt32LE(width, 18)
  file.writeInt32LE(height, 22)
  file.writeUInt16LE(1, 26)
  file.writeUInt16LE(24, 28)
  for (let y = 0; y < height; y++) {
    for (let i = 0; i < width * 3; i++) {
      file[54 + (height - 1 - y) * stride + i] = rgb[y * width * 3 + i - (i % 3) + (2 - (i % 3))]!
    }
  }
  return file
}
