/** Pixels to image files. */

import sharp from "sharp"
import type { Image } from "../image.ts"

/** A PNG file of a gray or RGB picture. */
export async function encodePng(image: Image): Promise<Uint8Array> {
  const { width, height, data } = image
  const channels = image.channels === 1 ? 1 : 3
  const pipeline = sharp(data, { raw: { width, height, channels } })
  // Without this, a gray picture would be stored as RGB.
  if (channels === 1) pipeline.toColourspace("b-w")
  return pipeline.png().toBuffer()
}
