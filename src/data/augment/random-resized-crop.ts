/**
 * Random resized crop, the augmentation of "Going deeper with convolutions" (Szegedy et al. 2015), section 6, as timm
 * and torchvision draw it.
 */

import type { Random } from "../../tensor/random.ts"
import { roundHalfEven } from "../geometry.ts"
import { crop, type Image, type Region } from "../image.ts"
import { type Filter, resize } from "../resample.ts"

export interface RandomResizedCropOptions {
  /** Size of the result in pixels. */
  width: number
  height: number
  filter: Filter
  /** Limits of the share of the picture's area. */
  scale: readonly [number, number]
  /** Limits of the aspect, width / height. */
  ratio: readonly [number, number]
}

/**
 * Cuts out a random rectangle, then resizes it. Pixels outside of the rectangle have no influence.
 *
 * Draws: those of {@link drawResizedCrop}.
 */
export function randomResizedCrop(image: Image, random: Random, options: RandomResizedCropOptions): Image {
  const { width, height, filter, scale, ratio } = options
  return resize(crop(image, drawResizedCrop(image, random, scale, ratio)), { width, height, filter })
}

/**
 * A rectangle of random area and aspect (uniform in its logarithm) that fits in the picture. After ten that do not fit,
 * the largest centred one whose aspect is within the limits.
 *
 * Draws: for each try the area and the aspect; for the one that fits the top, then the left edge.
 */
export function drawResizedCrop(
  { width, height }: Pick<Image, "width" | "height">,
  random: Random,
  scale: readonly [number, number],
  ratio: readonly [number, number],
): Region {
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = random.uniform(scale[0], scale[1]) * width * height
    const aspect = Math.exp(random.uniform(Math.log(ratio[0]), Math.log(ratio[1])))
    const cropWidth = roundHalfEven(Math.sqrt(area * aspect))
    const cropHeight = roundHalfEven(Math.sqrt(area / aspect))
    if (cropWidth > 0 && cropHeight > 0 && cropWidth <= width && cropHeight <= height) {
      const top = random.integer(height - cropHeight + 1)
      const left = random.integer(width - cropWidth + 1)
      return { left, top, width: cropWidth, height: cropHeight }
    }
  }
  return largestCentredCrop(width, height, ratio)
}

function largestCentredCrop(width: number, height: number, ratio: readonly [number, number]): Region {
  const aspect = width / height
  const cropWidth = aspect > ratio[1] ? Math.max(1, roundHalfEven(height * ratio[1])) : width
  const cropHeight = aspect < ratio[0] ? Math.max(1, roundHalfEven(width / ratio[0])) : height
  const left = Math.floor((width - cropWidth) / 2)
  const top = Math.floor((height - cropHeight) / 2)
  return { left, top, width: cropWidth, height: cropHeight }
}
