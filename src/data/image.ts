/** Pictures of 8-bit samples in memory, and the operations that need no arithmetic on neighbours. */

/** A picture: interleaved samples, row by row; `data.length` is `width * height * channels`. */
export interface Image {
  width: number
  height: number
  /** 1 (gray) or 3 (RGB). */
  channels: number
  data: Uint8Array
}

/** A rectangle of whole pixels. */
export interface Region {
  left: number
  top: number
  width: number
  height: number
}

/** Pixels to add at each side of a picture. */
export interface Padding {
  left: number
  top: number
  right: number
  bottom: number
}

/** A black picture. */
export function createImage(width: number, height: number, channels: number): Image {
  return { width, height, channels, data: new Uint8Array(width * height * channels) }
}

/**
 * The luma of a picture, one channel: ITU-R 601 weights in 16-bit fixed point, as Pillow's `convert("L")`.
 * A gray picture is returned as it is, and a gray that was made RGB comes back exactly.
 */
export function toGray(image: Image): Image {
  if (image.channels === 1) return image
  const gray = createImage(image.width, image.height, 1)
  const source = image.data
  for (let i = 0, j = 0; i < gray.data.length; i++, j += 3) {
    gray.data[i] = (source[j]! * 19595 + source[j + 1]! * 38470 + source[j + 2]! * 7471 + 0x8000) >> 16
  }
  return gray
}

/** A picture with three channels: gray is repeated. An RGB picture is returned as it is. */
export function toRgb(image: Image): Image {
  if (image.channels === 3) return image
  const rgb = createImage(image.width, image.height, 3)
  for (let i = 0, j = 0; i < image.data.length; i++, j += 3) rgb.data.fill(image.data[i]!, j, j + 3)
  return rgb
}

/** A picture with `channels` (1 or 3) channels: see {@link toGray} and {@link toRgb}. */
export function toChannels(image: Image, channels: number): Image {
  return channels === 1 ? toGray(image) : toRgb(image)
}

/** A copy of the pixels of `region`. Throws a RangeError if it is empty or reaches outside of the picture. */
export function crop(image: Image, region: Region): Image {
  const { left, top, width, height } = region
  const inside =
    left >= 0 && top >= 0 && width > 0 && height > 0 && left + width <= image.width && top + height <= image.height
  if (!inside) {
    const asked = `${width} x ${height} at (${left}, ${top})`
    throw new RangeError(`crop: ${asked} is not inside of a picture of ${image.width} x ${image.height}`)
  }
  const result = createImage(width, height, image.channels)
  copyPixels(image, left, top, result, 0, 0, width, height)
  return result
}

/** A copy with a border around it, each pixel of which is `fill` (one number per channel; black if not given). */
export function pad(image: Image, padding: Padding, fill?: readonly number[]): Image {
  const { left, top, right, bottom } = padding
  const { width, height, channels } = image
  const result = createImage(left + width + right, top + height + bottom, channels)
  if (fill?.some((value) => value !== 0)) {
    for (let i = 0; i < result.data.length; i++) result.data[i] = fill[i % channels]!
  }
  copyPixels(image, 0, 0, result, left, top, width, height)
  return result
}

/** Copies a rectangle that lies inside of both pictures, which have equally many channels. */
function copyPixels(
  from: Image,
  fromLeft: number,
  fromTop: number,
  to: Image,
  toLeft: number,
  toTop: number,
  width: number,
  height: number,
): void {
  const channels = from.channels
  for (let y = 0; y < height; y++) {
    const start = ((fromTop + y) * from.width + fromLeft) * channels
    const row = from.data.subarray(start, start + width * channels)
    to.data.set(row, ((toTop + y) * to.width + toLeft) * channels)
  }
}
