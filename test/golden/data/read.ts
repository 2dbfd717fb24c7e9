/** Access to the golden data of this folder, for tests. */

import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Image } from "../../../src/data/image.ts"
import { decodeImage } from "../../../src/data/node/decode.ts"

/** Path of a file of a folder here. */
export function goldenPath(folder: string, file: string): string {
  return fileURLToPath(new URL(`${folder}/${file}`, import.meta.url))
}

/** The cases of a folder, and what else its index says. */
export function goldenIndex<Index>(folder: string): Index {
  return JSON.parse(readFileSync(goldenPath(folder, "index.json"), "utf8")) as Index
}

/** The pixels of a picture, RGB, as stored (EXIF orientation is not applied). */
export function goldenImage(folder: string, file: string): Promise<Image> {
  return decodeImage(goldenPath(folder, file), { orient: false })
}

/** A float32 tensor of a safetensors file that was written by the reference library. */
export function goldenTensor(folder: string, file: string, name?: string): { shape: number[]; data: Float32Array } {
  const bytes = readFileSync(goldenPath(folder, file))
  const headerLength = Number(bytes.readBigUInt64LE(0))
  const header: Record<string, { shape: number[]; data_offsets: [number, number] }> = JSON.parse(
    bytes.toString("utf8", 8, 8 + headerLength),
  )
  const key = name ?? Object.keys(header).find((candidate) => candidate !== "__metadata__")!
  const { shape, data_offsets } = header[key]!
  const [from, to] = data_offsets.map((offset) => offset + 8 + headerLength)
  return { shape, data: new Float32Array(Uint8Array.from(bytes.subarray(from, to)).buffer) }
}
