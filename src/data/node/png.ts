/** What libpng is lenient about and Pillow is not: checksums of the chunks before the picture data. */

import { crc32 } from "node:zlib"

const signatureLength = 8

/**
 * The type of the first chunk before the picture data whose CRC is wrong, or undefined if all are right. The CRCs of
 * IDAT and of what follows are not looked at, and a file that ends early is left for the decoder to find.
 */
export function damagedPngChunk(bytes: Uint8Array): string | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = signatureLength; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at)
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8))
    const end = at + 8 + length
    if (type === "IDAT" || end + 4 > bytes.length) return undefined
    if (crc32(bytes.subarray(at + 4, end)) !== view.getUint32(end)) return type
    at = end + 4
  }
  return undefined
}

/** Whether a PNG has gray pixels without an alpha channel, by the colour type in its IHDR chunk. */
export function isPlainGrayPng(bytes: Uint8Array): boolean {
  return bytes[25] === 0
}
