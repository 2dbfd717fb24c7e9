/** Sizes and offsets of timm's evaluation transform (timm/data/transforms_factory.py, transforms_imagenet_eval). */

import type { ResolvedDataConfig } from "./config.ts"
import type { Region } from "./image.ts"

/** Which part of a resized picture is used, and where it lies on the canvas of the input size. */
export interface Placement {
  /** Size that the whole picture is resized to. */
  resized: { width: number; height: number }
  /** The part of the resized picture that is visible. */
  visible: Region
  /** Where the visible part starts on the canvas: above 0 where the picture is smaller and is padded. */
  offset: { left: number; top: number }
}

type Target = Pick<ResolvedDataConfig, "width" | "height" | "cropPct" | "cropMode">

/** Where a picture of `width` x `height` pixels goes in evaluation. */
export function evalPlacement(width: number, height: number, target: Target): Placement {
  const resized = resizedSize(width, height, target)
  const horizontal = centre(resized.width, target.width)
  const vertical = centre(resized.height, target.height)
  return {
    resized,
    visible: { left: horizontal.from, top: vertical.from, width: horizontal.length, height: vertical.length },
    offset: { left: horizontal.offset, top: vertical.offset },
  }
}

function resizedSize(width: number, height: number, target: Target): Placement["resized"] {
  const scaledWidth = Math.floor(target.width / target.cropPct)
  const scaledHeight = Math.floor(target.height / target.cropPct)
  if (target.cropMode === "squash") return { width: scaledWidth, height: scaledHeight }
  if (target.cropMode === "center" && scaledWidth === scaledHeight) {
    // torchvision's Resize of the shortest side truncates the other one.
    const other = Math.trunc((scaledWidth * Math.max(width, height)) / Math.min(width, height))
    return width <= height ? { width: scaledWidth, height: other } : { width: other, height: scaledWidth }
  }
  // timm's ResizeKeepRatio rounds both sides.
  const choose = target.cropMode === "border" ? Math.max : Math.min
  const ratio = choose(height / scaledHeight, width / scaledWidth)
  return { width: Math.max(1, roundHalfEven(width / ratio)), height: Math.max(1, roundHalfEven(height / ratio)) }
}

/** One direction of a centre crop, or of centred padding where the picture is shorter than the crop. */
function centre(length: number, crop: number): { from: number; length: number; offset: number } {
  if (length < crop) return { from: 0, length, offset: Math.floor((crop - length) / 2) }
  return { from: roundHalfEven((length - crop) / 2), length: crop, offset: 0 }
}

/** Rounds to the nearest whole number, ties to the even one, as Python's `round`. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1
  return floor % 2 === 0 ? floor : floor + 1
}
