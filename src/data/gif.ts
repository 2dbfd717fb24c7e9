/**
 * What a decoder that composites hides of a GIF's first frame: the colours of transparent pixels. The layout is that of
 * the GIF89a specification (CompuServe 1990), sections 17 to 23.
 */

import type { Image, Region } from "./image.ts"

/** A GIF whose first frame has no transparent pixels. */
export interface OpaqueGif {
  bytes: Uint8Array
  /** The part of the screen that the first frame covers. */
  frame: Region
  /** The colour of the rest. */
  background: readonly [red: number, green: number, blue: number]
}

const extensionIntroducer = 0x21
const graphicControlLabel = 0xf9
const imageSeparator = 0x2c

/**
 * Clears the transparency flag of the first frame, in a copy, so that a decoder gives the colours of the palette, as
 * Pillow's `convert("RGB")` does. Pixels that the frame does not cover have the transparent index in Pillow, or index 0.
 *
 * Returns undefined for a file that is cut short or damaged before its first frame.
 */
export function opaqueGif(bytes: Uint8Array): OpaqueGif | undefined {
  const globalPalette = colourTable(bytes, 10, 13)
  let at = globalPalette.end
  let control: number | undefined
  while (bytes[at] === extensionIntroducer) {
    if (bytes[at + 1] === graphicControlLabel) control = at
    at = skipSubBlocks(bytes, at + 2)
  }
  if (bytes[at] !== imageSeparator || at + 10 > bytes.length) return undefined
  const word = (offset: number): number => bytes[at + offset]! | (bytes[at + offset + 1]! << 8)
  const frame = { left: word(1), top: word(3), width: word(5), height: word(7) }
  const localPalette = colourTable(bytes, at + 9, at + 10)
  const palette = localPalette.colours.length > 0 ? localPalette.colours : globalPalette.colours
  const isTransparent = control !== undefined && (bytes[control + 3]! & 1) === 1
  const index = isTransparent ? bytes[control! + 6]! : 0
  const colour = (channel: number): number => palette[index * 3 + channel] ?? 0
  const result = isTransparent ? bytes.slice() : bytes
  if (isTransparent) result[control! + 3] = bytes[control! + 3]! & 0xfe
  return { bytes: result, frame, background: [colour(0), colour(1), colour(2)] }
}

/** Paints the pixels of an RGB picture of the screen that the first frame does not cover. */
export function paintUncovered(image: Image, { frame, background }: OpaqueGif): void {
  for (let y = 0, at = 0; y < image.height; y++) {
    const isRow = y >= frame.top && y < frame.top + frame.height
    for (let x = 0; x < image.width; x++, at += 3) {
      const isCovered = isRow && x >= frame.left && x < frame.left + frame.width
      if (!isCovered) image.data.set(background, at)
    }
  }
}

/** The colour table whose presence and size the byte at `flags` tells, and where the data after it starts. */
function colourTable(bytes: Uint8Array, flags: number, start: number): { colours: Uint8Array; end: number } {
  const packed = bytes[flags] ?? 0
  const end = packed & 0x80 ? start + 3 * (2 << (packed & 7)) : start
  return { colours: bytes.subarray(start, end), end }
}

/** The position after a chain of sub-blocks: each a length and as many bytes, until a length of 0. */
function skipSubBlocks(bytes: Uint8Array, start: number): number {
  let at = start
  while (at < bytes.length && bytes[at] !== 0) at += bytes[at]! + 1
  return at + 1
}
