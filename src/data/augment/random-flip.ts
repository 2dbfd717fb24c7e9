/** Horizontal flips. */

import type { Random } from "../../tensor/random.ts"
import { createImage, type Image } from "../image.ts"

/**
 * Mirrors the picture left to right with the given probability.
 *
 * Draws: one number, also where the probability is 0 or 1.
 */
export function randomFlip(image: Image, random: Random, probability: number): Image {
  return random.uniform() < probability ? flipHorizontally(image) : image
}

/** The picture, mirrored left to right. */
export function flipHorizontally(image: Image): Image {
  const { width, height, channels, data } = image
  const result = createImage(width, height, channels)
  for (let y = 0, output = 0; y < height; y++) {
    for (let x = width - 1; x >= 0; x--) {
      const at = (y * width + x) * channels
      for (let channel = 0; channel < channels; channel++) result.data[output++] = data[at + channel]!
    }
  }
  return result
}
