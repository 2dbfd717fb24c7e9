/** What a trained network of the roadmap is like, beyond its accuracy. */

import type { Model } from "../models/model.ts"
import { type NdArray, ndarray } from "../tensor/ndarray.ts"
import { type ReceptiveField, receptiveField } from "./receptive-field.ts"
import { type ShiftConsistency, shiftConsistency } from "./shift-consistency.ts"

export interface StepInspection {
  consistency: ShiftConsistency
  receptiveField: ReceptiveField
}

export interface InspectOptions {
  /** Largest shift along each axis, in pixels. Default 4. */
  maxShift?: number
  /** Seed of the random shifts and signs. Default 0. */
  seed?: number
}

/** Images over which the receptive field is averaged at most, as Ding et al. 2022 (arXiv 2203.06717) do. */
const FIELD_IMAGES = 50

/**
 * Measures a model's consistency under shifts on all images, and its effective receptive field on some of them, evenly
 * spaced.
 * @param images float32 [N, H, W, C], as the model takes them; such that it did not learn from
 * Throws as `shiftConsistency` and `receptiveField` do.
 */
export async function inspectModel(
  model: Model,
  images: NdArray,
  options: InspectOptions = {},
): Promise<StepInspection> {
  const consistency = await shiftConsistency(model, images, options)
  return { consistency, receptiveField: await receptiveField(model, spacedImages(images, FIELD_IMAGES), options) }
}

/** At most `most` of the images, evenly spaced. */
function spacedImages({ shape, data }: NdArray, most: number): NdArray {
  const [count, ...rest] = shape as [number, ...number[]]
  const kept = Math.min(count, most)
  const size = data.length / count
  const values = new Float32Array(kept * size)
  for (let i = 0; i < kept; i++) {
    const image = Math.floor((i * count) / kept)
    values.set((data as Float32Array).subarray(image * size, (image + 1) * size), i * size)
  }
  return ndarray(values, [kept, ...rest])
}
