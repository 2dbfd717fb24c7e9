/** Random shift by padding and cropping, the augmentation of CIFAR recipes since He et al. 2015, section 4.2. */

import type { Random } from "../../tensor/random.ts"
import { crop, type Image, pad } from "../image.ts"

/**
 * Puts a black border of `padding` pixels around the picture, and cuts out a rectangle of the picture's size at random.
 *
 * Draws: the top, then the left edge.
 */
export function randomShift(image: Image, random: Random, padding: number): Image {
  const padded = pad(image, { left: padding, top: padding, right: padding, bottom: padding })
  const top = random.integer(2 * padding + 1)
  const left = random.integer(2 * padding + 1)
  return crop(padded, { left, top, width: image.width, height: image.height })
}
