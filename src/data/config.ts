/** What preprocessing must know of a model: sizes, colours and the crop of evaluation, in timm's names. */

import { suggestion, UsageError } from "../tensor/errors.ts"
import { type Filter, filterNames } from "./resample.ts"

/**
 * How evaluation gets from a picture to the input size:
 * - `center`: the shortest side is resized to input size / cropPct, then the centre is cut out;
 * - `squash`: both sides are resized to that size, whatever the aspect, then the centre is cut out;
 * - `border`: the longest side is resized to that size, then the picture is centred on the mean colour.
 */
export type CropMode = "center" | "squash" | "border"

const cropModes: readonly CropMode[] = ["center", "squash", "border"]

/** Every field may be left out: {@link resolveDataConfig} has the defaults. */
export interface DataConfig {
  /** Side, [height, width] or [channels, height, width]. Default 224. */
  inputSize?: number | readonly number[]
  /** 1 (gray) or 3 (RGB). Default: that of `inputSize`, else 3. */
  channels?: number
  /** Mean of each channel, samples scaled to 0..1; one number stands for all. Default: that of ImageNet. */
  mean?: number | readonly number[]
  /** Standard deviation, as `mean`. */
  std?: number | readonly number[]
  /** Resampling filter. Default bicubic. */
  interpolation?: Filter
  /** Share of the resized side that the crop keeps, in (0, 1]. Default 0.875. */
  cropPct?: number
  /** Default center. */
  cropMode?: CropMode
}

/** A config with nothing left out. */
export interface ResolvedDataConfig {
  /** [height, width], so that a resolved config is a config too. */
  inputSize: [height: number, width: number]
  height: number
  width: number
  channels: 1 | 3
  /** One number per channel. */
  mean: number[]
  std: number[]
  interpolation: Filter
  cropPct: number
  cropMode: CropMode
}

/** Mean of the training pictures of ImageNet, RGB. */
export const imagenetMean: readonly number[] = [0.485, 0.456, 0.406]

/** Standard deviation of the training pictures of ImageNet, RGB. */
export const imagenetStd: readonly number[] = [0.229, 0.224, 0.225]

/**
 * Fills in timm's defaults. Mean and std that do not have one number per channel become their average, as in timm's
 * `adapt_to_chs`, so that a gray model may be given the colour values.
 *
 * Throws a UsageError that names the field if a value makes no sense.
 */
export function resolveDataConfig(config: DataConfig = {}): ResolvedDataConfig {
  const { channels, height, width } = resolveSize(config)
  const { interpolation = "bicubic", cropPct = 0.875, cropMode = "center" } = config
  checkName("interpolation", interpolation, filterNames)
  checkName("cropMode", cropMode, cropModes)
  if (!(cropPct > 0 && cropPct <= 1)) throw new UsageError(`cropPct must be above 0 and at most 1, got ${cropPct}`)
  const mean = perChannel("mean", config.mean ?? imagenetMean, channels)
  const std = perChannel("std", config.std ?? imagenetStd, channels)
  if (std.some((value) => value <= 0)) throw new UsageError(`std must be above 0, got ${std.join(", ")}`)
  return { inputSize: [height, width], height, width, channels, mean, std, interpolation, cropPct, cropMode }
}

function resolveSize({ inputSize = 224, channels }: DataConfig): { channels: 1 | 3; height: number; width: number } {
  const size = typeof inputSize === "number" ? [inputSize, inputSize] : inputSize
  const [width, height, ownChannels] = [...size].reverse()
  const isSize = size.length === 2 || size.length === 3
  if (!(isSize && isSide(height) && isSide(width))) {
    const forms = "a side, [height, width] or [channels, height, width] in whole pixels"
    throw new UsageError(`inputSize must be ${forms}, got ${JSON.stringify(inputSize)}`)
  }
  if (channels !== undefined && ownChannels !== undefined && channels !== ownChannels) {
    throw new UsageError(`inputSize says ${ownChannels} channels, but channels is ${channels}`)
  }
  const resolved = channels ?? ownChannels ?? 3
  if (resolved !== 1 && resolved !== 3) throw new UsageError(`channels must be 1 (gray) or 3 (RGB), got ${resolved}`)
  return { channels: resolved, height, width }
}

function isSide(value: number | undefined): value is number {
  return Number.isInteger(value) && value! > 0
}

function perChannel(field: string, given: number | readonly number[], channels: number): number[] {
  const values = typeof given === "number" ? [given] : [...given]
  if (!((values.length === 1 || values.length === 3) && values.every(Number.isFinite))) {
    throw new UsageError(`${field} must be one number or one per channel, got ${JSON.stringify(given)}`)
  }
  if (values.length === channels) return values
  const average = values.reduce((sum, value) => sum + value, 0) / values.length
  return Array.from({ length: channels }, () => average)
}

function checkName(field: string, name: string, known: readonly string[]): void {
  if (known.includes(name)) return
  const hint = suggestion(name, known) || "."
  throw new UsageError(`unknown ${field} "${name}"${hint} It is one of ${known.join(", ")}`)
}
