/** What a file is, by its first bytes: names lie (a JPEG called .png, an HTML page called .jpg). */

/** The formats that can be decoded. */
export type ImageFormat = "jpeg" | "png" | "gif" | "webp" | "tiff" | "bmp" | "avif"

/** Endings of the names of image files, in lower case. */
export const imageExtensions: readonly string[] = [
  ...[".jpg", ".jpeg", ".png", ".webp", ".gif"],
  ...[".tif", ".tiff", ".avif", ".bmp"],
]

/** Whether a file is an image by its name, in upper or lower case. */
export function hasImageExtension(name: string): boolean {
  const folded = name.toLowerCase()
  return imageExtensions.some((extension) => folded.endsWith(extension))
}

/** The format of a file's content, or undefined if it is none that can be decoded. */
export function imageFormat(bytes: Uint8Array): ImageFormat | undefined {
  const start = latin1(bytes, 0, 16)
  if (start.startsWith("\xff\xd8\xff")) return "jpeg"
  if (start.startsWith("\x89PNG\r\n\x1a\n")) return "png"
  if (start.startsWith("GIF87a") || start.startsWith("GIF89a")) return "gif"
  if (start.startsWith("RIFF") && start.slice(8, 12) === "WEBP") return "webp"
  if (start.startsWith("II*\0") || start.startsWith("MM\0*")) return "tiff"
  if (start.startsWith("BM")) return "bmp"
  if (isoBrands(bytes).some((brand) => brand === "avif" || brand === "avis")) return "avif"
  return undefined
}

/** What a file without a decodable image seems to be, for a message: "an HTML page", "empty", ... */
export function describeContent(bytes: Uint8Array): string {
  if (bytes.length === 0) return "the file is empty"
  const start = latin1(bytes, 0, 512)
  if (isoBrands(bytes).some((brand) => /^(hei|hev)/.test(brand))) return "it is a HEIC photo; convert it to JPEG or PNG"
  if (/^\s*(<!doctype html|<html|<head|<body)/i.test(start)) return "it is an HTML page, as failed downloads leave"
  if (/^\s*(<\?xml[^>]*>\s*)?<svg/i.test(start)) return "it is an SVG drawing; convert it to PNG"
  if (/^[\t\n\r\x20-\x7e]*$/.test(start)) return "it is a text file"
  return "its content is no JPEG, PNG, WebP, GIF, TIFF, AVIF or BMP"
}

/** The brands in the `ftyp` box that opens an ISO media file, such as AVIF and HEIC; empty for other files. */
function isoBrands(bytes: Uint8Array): string[] {
  if (latin1(bytes, 4, 8) !== "ftyp") return []
  const size = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0)
  const brands = [latin1(bytes, 8, 12)]
  for (let at = 16; at + 4 <= Math.min(size, bytes.length, 256); at += 4) brands.push(latin1(bytes, at, at + 4))
  return brands
}

function latin1(bytes: Uint8Array, from: number, to: number): string {
  return String.fromCharCode(...bytes.subarray(from, to))
}
