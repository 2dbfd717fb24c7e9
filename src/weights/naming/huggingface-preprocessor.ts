/**
 * transformers' `preprocessor_config.json`, in both directions: how images become inputs. Of its image processors those of
 * ConvNeXt, ViT, DeiT and CLIP say all that timm's evaluation transform can do, but `border`.
 */

import { z } from "zod"
import type { Preprocessing } from "../../models/family.ts"
import { UsageError } from "../../tensor/errors.ts"

/** Pillow's numbers of filters. */
const filters = { 2: "bilinear", 3: "bicubic" } as const
const filterNumbers = { bilinear: 2, bicubic: 3 } as const

const count = z.int().positive()
const square = z
  .object({ height: count, width: count })
  .refine(({ height, width }) => height === width, "only square inputs are supported")

const schema = z.object({
  image_processor_type: z.string().optional(),
  /** The key before transformers 4.26. */
  feature_extractor_type: z.string().optional(),
  size: z.union([count, z.object({ shortest_edge: count }), square]),
  crop_pct: z.number().positive().nullish(),
  do_center_crop: z.boolean().nullish(),
  crop_size: z.union([count, square]).nullish(),
  resample: z.literal([2, 3], { error: "only 2 (bilinear) and 3 (bicubic) are supported" }).optional(),
  do_normalize: z.boolean().default(true),
  image_mean: z.array(z.number()).optional(),
  image_std: z.array(z.number().positive()).optional(),
})

/** Side from which ConvNeXt's image processor squashes whole images instead of cropping. */
const squashedFrom = 384

/** What ConvNeXt's image processor crops where nothing is said. */
const defaultCrop = 224 / 256

/**
 * How images become inputs, by an image processor's config.
 * Throws a ZodError for values that do not fit.
 */
export function preprocessingFromHuggingFace(json: unknown): Partial<Preprocessing> {
  const { resample, do_normalize, image_mean, image_std, ...geometry } = schema.parse(json)
  const channels = image_mean?.length ?? 3
  return {
    ...placement(geometry),
    ...(resample === undefined ? {} : { interpolation: filters[resample] }),
    ...(do_normalize
      ? { ...(image_mean && { mean: image_mean }), ...(image_std && { std: image_std }) }
      : { mean: new Array<number>(channels).fill(0), std: new Array<number>(channels).fill(1) }),
  }
}

function placement(
  given: Pick<
    z.infer<typeof schema>,
    "image_processor_type" | "feature_extractor_type" | "size" | "crop_pct" | "do_center_crop" | "crop_size"
  >,
): Pick<Preprocessing, "inputSize" | "cropPct" | "cropMode"> {
  const { size, crop_pct, do_center_crop, crop_size } = given
  const isConvNeXt = /^ConvNe?xt/i.test(given.image_processor_type ?? given.feature_extractor_type ?? "")
  const keepsAspect = typeof size === "object" ? "shortest_edge" in size : isConvNeXt
  const resized = sideOf(size)
  if (isConvNeXt || crop_pct) {
    return resized < squashedFrom
      ? { inputSize: resized, cropPct: crop_pct ?? defaultCrop, cropMode: "center" }
      : { inputSize: resized, cropPct: 1, cropMode: "squash" }
  }
  const inputSize = do_center_crop && crop_size ? sideOf(crop_size) : resized
  return { inputSize, cropPct: share(inputSize, resized), cropMode: keepsAspect ? "center" : "squash" }
}

/** `part / whole`, such that `part / share`, truncated, is `whole` again. */
function share(part: number, whole: number): number {
  const quotient = part / whole
  return Math.floor(part / quotient) === whole ? quotient : quotient * (1 - Number.EPSILON)
}

function sideOf(size: number | { shortest_edge: number } | { height: number }): number {
  if (typeof size === "number") return size
  return "height" in size ? size.height : size.shortest_edge
}

/** An image processor's config. Throws a UsageError for the crop mode "border", which transformers does not have. */
export function preprocessingToHuggingFace(preprocessing: Preprocessing): Record<string, unknown> {
  const { inputSize, cropPct, cropMode, interpolation, mean, std } = preprocessing
  if (cropMode === "border") throw new UsageError('transformers has no image processor for the crop mode "border"')
  const resized = Math.floor(inputSize / cropPct)
  const sideLength = { height: resized, width: resized }
  return {
    ...(cropMode === "center"
      ? { image_processor_type: "CLIPImageProcessor", size: { shortest_edge: resized } }
      : { image_processor_type: "DeiTImageProcessor", size: sideLength }),
    do_resize: true,
    resample: filterNumbers[interpolation],
    do_center_crop: true,
    crop_size: { height: inputSize, width: inputSize },
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: true,
    image_mean: [...mean],
    image_std: [...std],
  }
}
