/** From a decoded picture to the numbers that a model is fed with: for evaluation, and for training. */

import { UsageError } from "../tensor/errors.ts"
import { type NdArray, zeros } from "../tensor/ndarray.ts"
import type { Random } from "../tensor/random.ts"
import { randomFlip, randomResizedCrop, randomShift } from "./augment/index.ts"
import { type DataConfig, type ResolvedDataConfig, resolveDataConfig } from "./config.ts"
import { evalPlacement, roundHalfEven } from "./geometry.ts"
import { type Image, pad, toChannels } from "./image.ts"
import { resize } from "./resample.ts"

/**
 * timm's evaluation transform: resize, centre crop (or border), (byte / 255 - mean) / std in float32.
 *
 * The result is a function from a picture of any size to float32 [1, height, width, channels]. A picture that has the
 * input size already stays as it is if `cropPct` is 1.
 *
 * Throws a UsageError if the config makes no sense.
 */
export function evalTransform(config: DataConfig): (image: Image) => NdArray<"float32"> {
  const resolved = resolveDataConfig(config)
  const { height, width, channels } = resolved
  const table = normalizationTable(resolved)
  return (image) => {
    const result = zeros([1, height, width, channels])
    normalize(fitImage(toChannels(image, channels), resolved), table, result.data, 0)
    return result
  }
}

/** How training pictures are varied. */
export interface Augmentation {
  /**
   * - `random-resized` (default): a random part of the picture, resized to the input size;
   * - `shift`: the picture, moved by up to `padding` pixels;
   * - `none`: the picture.
   *
   * Before `shift` and after `none` a picture of another size is resized by its shortest side and cut at the centre.
   */
  crop?: "random-resized" | "shift" | "none"
  /** Limits of the area of a `random-resized` crop, as a share of the picture. Default [0.08, 1]. */
  scale?: readonly [number, number]
  /** Limits of its aspect, width / height. Default [3/4, 4/3]. */
  ratio?: readonly [number, number]
  /** Border of a `shift`, in pixels. Default 4. */
  padding?: number
  /** Probability of mirroring left to right. Default 0.5. */
  flip?: number
}

/** Writes one augmented picture, float32 [height, width, channels], at `offset` of `out`. */
export type TrainTransform = (image: Image, random: Random, out: Float32Array, offset: number) => void

/**
 * The training transform: crop, flip, (byte / 255 - mean) / std in float32.
 *
 * All draws come from the `random` that is given with the picture, in the order of these steps: the crop's (see
 * `augment/`), then the flip's. `cropPct` and `cropMode` belong to evaluation and have no influence.
 *
 * Throws a UsageError if the config makes no sense.
 */
export function trainTransform(config: DataConfig & { augmentation?: Augmentation }): TrainTransform {
  const resolved = resolveDataConfig(config)
  const { crop, scale, ratio, padding, flip } = resolveAugmentation(config.augmentation ?? {})
  const { width, height, channels, interpolation: filter } = resolved
  const fit: ResolvedDataConfig = { ...resolved, cropPct: 1, cropMode: "center" }
  const crops: Record<typeof crop, (image: Image, random: Random) => Image> = {
    "random-resized": (image, random) => randomResizedCrop(image, random, { width, height, filter, scale, ratio }),
    shift: (image, random) => randomShift(fitImage(image, fit), random, padding),
    none: (image) => fitImage(image, fit),
  }
  const table = normalizationTable(resolved)
  return (image, random, out, offset) => {
    const cropped = crops[crop](toChannels(image, channels), random)
    normalize(randomFlip(cropped, random, flip), table, out, offset)
  }
}

function resolveAugmentation(augmentation: Augmentation): Required<Augmentation> {
  const { crop = "random-resized", scale = [0.08, 1], ratio = [3 / 4, 4 / 3], padding = 4, flip = 0.5 } = augmentation
  if (!["random-resized", "shift", "none"].includes(crop)) {
    throw new UsageError(`crop must be random-resized, shift or none, got "${crop}"`)
  }
  if (!(scale[0] > 0 && scale[0] <= scale[1] && scale[1] <= 1)) {
    throw new UsageError(`scale must be two shares of the area, 0 < lowest <= highest <= 1, got ${scale.join(", ")}`)
  }
  if (!(ratio[0] > 0 && ratio[0] <= ratio[1] && ratio[1] < Infinity)) {
    throw new UsageError(`ratio must be two aspects, 0 < lowest <= highest, got ${ratio.join(", ")}`)
  }
  if (!(Number.isInteger(padding) && padding >= 0)) {
    throw new UsageError(`padding must be a whole number of pixels, 0 or more, got ${padding}`)
  }
  if (!(flip >= 0 && flip <= 1)) throw new UsageError(`flip must be a probability from 0 to 1, got ${flip}`)
  return { crop, scale, ratio, padding, flip }
}

/** Resizes and crops or pads a picture to the input size, as evaluation does. */
function fitImage(image: Image, config: ResolvedDataConfig): Image {
  const { width, height, interpolation, cropMode, mean } = config
  const { resized, visible, offset } = evalPlacement(image.width, image.height, config)
  const fitted = resize(image, { ...resized, filter: interpolation, window: visible })
  if (visible.width === width && visible.height === height) return fitted
  const fill = cropMode === "border" ? mean.map((value) => roundHalfEven(255 * value)) : undefined
  const padding = {
    left: offset.left,
    top: offset.top,
    right: width - visible.width - offset.left,
    bottom: height - visible.height - offset.top,
  }
  return pad(fitted, padding, fill)
}

/** For each channel and byte the float32 (byte / 255 - mean) / std, rounded at each step as PyTorch does. */
function normalizationTable({ channels, mean, std }: ResolvedDataConfig): Float32Array {
  const { fround } = Math
  return Float32Array.from({ length: channels * 256 }, (_, i) => {
    const channel = i >> 8
    return fround(fround((i & 255) / 255) - fround(mean[channel]!)) / fround(std[channel]!)
  })
}

function normalize({ data, channels }: Image, table: Float32Array, out: Float32Array, offset: number): void {
  if (channels === 1) {
    for (let i = 0; i < data.length; i++) out[offset + i] = table[data[i]!]!
    return
  }
  for (let i = 0; i < data.length; i += 3) {
    out[offset + i] = table[data[i]!]!
    out[offset + i + 1] = table[256 + data[i + 1]!]!
    out[offset + i + 2] = table[512 + data[i + 2]!]!
  }
}
