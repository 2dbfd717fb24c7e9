/**
 * Windows and OS/2 bitmaps: 1, 4, 8 bits with a palette (plain or run-length coded), 16, 24, 32 bits with any colour
 * masks, rows from the bottom or from the top. Follows Microsoft's description of BITMAPFILEHEADER and BITMAPINFOHEADER;
 * where that leaves things open, Pillow's BmpImagePlugin: alpha is dropped, skipped pixels of a run-length coded picture
 * have colour 0.
 */

import { InputError } from "../tensor/errors.ts"
import { createImage, type Image } from "./image.ts"

interface BmpHeader {
  width: number
  height: number
  topDown: boolean
  bits: number
  compression: number
  /** Colours of the palette, RGB after RGB; 256 of them, black where the file has none. */
  palette: Uint8Array
  /** Which bits of a 16- or 32-bit pixel are red, green and blue. */
  masks: number[]
  pixelOffset: number
}

const uncompressed = 0
const runLength8 = 1
const runLength4 = 2
const bitFields = 3
const alphaBitFields = 6

const fileHeaderLength = 14
/** Length of the header of OS/2 1.x, the only one with 16-bit sides and palette entries of 3 bytes. */
const coreHeaderLength = 12

/** Width and height that a BMP file claims. Throws an InputError if its header cannot be understood. */
export function bmpSize(bytes: Uint8Array): { width: number; height: number } {
  const { width, height } = readHeader(bytes)
  return { width, height }
}

/**
 * Decodes a BMP file to RGB. It takes memory for the size that the header claims, and for uncompressed files only after
 * it has seen that all pixels are there: check {@link bmpSize} first.
 *
 * Throws an InputError for a file that is cut short, contradicts itself, or is of a kind not listed above.
 */
export function decodeBmp(bytes: Uint8Array): Image {
  const header = readHeader(bytes)
  if (header.compression === runLength8 || header.compression === runLength4) {
    return paint(header, decodeRuns(bytes, header), header.width, header.palette)
  }
  const rowLength = Math.ceil((header.width * header.bits) / 32) * 4
  const pixels = bytes.subarray(header.pixelOffset)
  if (pixels.length < rowLength * header.height) {
    throw new InputError(`the BMP data is cut short: ${pixels.length} bytes of ${rowLength * header.height} are there`)
  }
  if (header.bits === 24) return copyBgr(header, pixels, rowLength)
  if (header.bits > 8) return copyMasked(header, pixels, rowLength)
  return paint(header, unpackIndices(header, pixels, rowLength), header.width, header.palette)
}

function readHeader(bytes: Uint8Array): BmpHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  try {
    return parseHeader(view)
  } catch (error) {
    if (error instanceof RangeError) throw new InputError("the BMP header is cut short")
    throw error
  }
}

function parseHeader(view: DataView): BmpHeader {
  const headerLength = view.getUint32(14, true)
  const isCore = headerLength === coreHeaderLength
  if (!isCore && (headerLength < 40 || headerLength > 1024)) throw new InputError("the BMP header is of no known kind")
  const width = isCore ? view.getUint16(18, true) : view.getInt32(18, true)
  const signedHeight = isCore ? view.getUint16(20, true) : view.getInt32(22, true)
  const bits = view.getUint16(isCore ? 24 : 28, true)
  const compression = isCore ? uncompressed : view.getUint32(30, true)
  const height = Math.abs(signedHeight)
  if (width <= 0 || height === 0) throw new InputError(`the BMP header claims a size of ${width} x ${height}`)
  if (!isKnownCoding(bits, compression)) {
    throw new InputError(`BMP files of ${bits} bits with compression ${compression} cannot be decoded`)
  }
  const masks = readMasks(view, bits, compression)
  // Version 2 and 3 headers hold the masks; after the plain one of 40 bytes they follow as 3 or 4 words.
  const maskLength = headerLength === 40 ? ({ [bitFields]: 12, [alphaBitFields]: 16 }[compression] ?? 0) : 0
  const paletteOffset = fileHeaderLength + headerLength + maskLength
  const colours = bits > 8 ? 0 : Math.min((isCore ? 0 : view.getUint32(46, true)) || 1 << bits, 256)
  const palette = readPalette(view, paletteOffset, colours, isCore ? 3 : 4)
  return {
    width,
    height,
    topDown: signedHeight < 0,
    bits,
    compression,
    palette,
    masks,
    pixelOffset: view.getUint32(10, true),
  }
}

function isKnownCoding(bits: number, compression: number): boolean {
  if (compression === runLength8) return bits === 8
  if (compression === runLength4) return bits === 4
  if (compression === bitFields || compression === alphaBitFields) return bits === 16 || bits === 32
  return compression === uncompressed && [1, 4, 8, 16, 24, 32].includes(bits)
}

function readMasks(view: DataView, bits: number, compression: number): number[] {
  if (compression === bitFields || compression === alphaBitFields) {
    return [54, 58, 62].map((offset) => view.getUint32(offset, true))
  }
  return bits === 16 ? [0x7c00, 0x3e0, 0x1f] : [0xff0000, 0xff00, 0xff]
}

function readPalette(view: DataView, offset: number, colours: number, entryLength: number): Uint8Array {
  const palette = new Uint8Array(256 * 3)
  for (let colour = 0; colour < colours; colour++) {
    for (let channel = 0; channel < 3; channel++) {
      palette[colour * 3 + channel] = view.getUint8(offset + colour * entryLength + 2 - channel)
    }
  }
  return palette
}

/** The row of the file that holds row `y` of the picture. */
function fileRow({ height, topDown }: BmpHeader, y: number): number {
  return topDown ? y : height - 1 - y
}

function copyBgr(header: BmpHeader, pixels: Uint8Array, rowLength: number): Image {
  const image = createImage(header.width, header.height, 3)
  let output = 0
  for (let y = 0; y < header.height; y++) {
    let at = fileRow(header, y) * rowLength
    for (let x = 0; x < header.width; x++, at += 3, output += 3) {
      image.data[output] = pixels[at + 2]!
      image.data[output + 1] = pixels[at + 1]!
      image.data[output + 2] = pixels[at]!
    }
  }
  return image
}

/** 16- and 32-bit pixels: the bits of each mask, stretched to 0..255 and rounded down. */
function copyMasked(header: BmpHeader, pixels: Uint8Array, rowLength: number): Image {
  const image = createImage(header.width, header.height, 3)
  const view = new DataView(pixels.buffer, pixels.byteOffset, pixels.byteLength)
  const fields = header.masks.map((mask) => {
    const shift = mask === 0 ? 0 : 31 - Math.clz32(mask & -mask)
    return { mask, shift, highest: mask >>> shift || 1 }
  })
  let output = 0
  for (let y = 0; y < header.height; y++) {
    const row = fileRow(header, y) * rowLength
    for (let x = 0; x < header.width; x++) {
      const pixel = header.bits === 16 ? view.getUint16(row + x * 2, true) : view.getUint32(row + x * 4, true)
      for (const { mask, shift, highest } of fields) {
        image.data[output++] = Math.floor((((pixel & mask) >>> shift) * 255) / highest)
      }
    }
  }
  return image
}

/** Palette indices of 1, 4 or 8 bits, one byte each, in the file's order of rows. */
function unpackIndices({ width, height, bits }: BmpHeader, pixels: Uint8Array, rowLength: number): Uint8Array {
  const indices = new Uint8Array(width * height)
  const perByte = 8 / bits
  const mask = (1 << bits) - 1
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const byte = pixels[y * rowLength + Math.floor(x / perByte)]!
      indices[y * width + x] = (byte >> (8 - bits - (x % perByte) * bits)) & mask
    }
  }
  return indices
}

/** Run-length coded palette indices, in the file's order of rows. Writing stops at the edges of the picture. */
function decodeRuns(bytes: Uint8Array, { width, height, bits, pixelOffset }: BmpHeader): Uint8Array {
  const indices = new Uint8Array(width * height)
  const nibbles = bits === 4
  let at = pixelOffset
  let x = 0
  let y = 0
  const next = (): number => {
    const byte = bytes[at++]
    if (byte === undefined) throw new InputError("the BMP data is cut short")
    return byte
  }
  const put = (index: number): void => {
    if (x < width) indices[y * width + x] = index
    x++
  }
  const half = (byte: number, position: number): number => (position % 2 === 0 ? byte >> 4 : byte & 15)
  while (y < height) {
    const count = next()
    const code = next()
    if (count > 0) {
      for (let i = 0; i < count; i++) put(nibbles ? half(code, i) : code)
    } else if (code === 0) {
      x = 0
      y++
    } else if (code === 1) {
      break
    } else if (code === 2) {
      x += next()
      y += next()
    } else {
      const start = at
      for (let i = 0, byte = 0; i < code; i++) {
        if (!nibbles || i % 2 === 0) byte = next()
        put(nibbles ? half(byte, i) : byte)
      }
      at += (at - start) % 2
    }
  }
  return indices
}

/** Turns palette indices (in the file's order of rows, `rowLength` apart) into colours. */
function paint(header: BmpHeader, indices: Uint8Array, rowLength: number, palette: Uint8Array): Image {
  const image = createImage(header.width, header.height, 3)
  let output = 0
  for (let y = 0; y < header.height; y++) {
    const row = fileRow(header, y) * rowLength
    for (let x = 0; x < header.width; x++) {
      const colour = indices[row + x]! * 3
      image.data[output++] = palette[colour]!
      image.data[output++] = palette[colour + 1]!
      image.data[output++] = palette[colour + 2]!
    }
  }
  return image
}
