/**
 * Whether a classifier says the same of an image that is shifted by a few pixels. Strided layers sample, and what they
 * sample changes with the shift: Zhang 2019, "Making Convolutional Networks Shift-Invariant Again" (arXiv 1904.11486).
 */

import type { Model } from "../models/model.ts"
import { argMax } from "../tasks/classification/metrics.ts"
import { printShape } from "../tensor/dim.ts"
import { checkCount, UsageError } from "../tensor/errors.ts"
import { type NdArray, ndarray, zeros } from "../tensor/ndarray.ts"
import { Random } from "../tensor/random.ts"
import { meanOf } from "./statistics.ts"

export interface ShiftConsistencyOptions {
  /** Largest shift along each axis, in pixels. Default 4. */
  maxShift?: number
  /**
   * What comes in at the border: the image mirrored at its edge (default), or its other side, which loses nothing and is
   * what a network with circular convolutions is equivariant to.
   */
  border?: "reflect" | "wrap"
  /** Seed of the random shifts. Default 0. */
  seed?: number
}

/** How a classifier takes shifts. The share of a single image is 0 or 1, so that few images tell little. */
export interface ShiftConsistency {
  /** Number of images. */
  images: number
  /** Largest shift along each axis, in pixels. */
  maxShift: number
  /** How often two random shifts of one image, of -maxShift to maxShift pixels down and right, have the same top-1. */
  consistency: number
  /** By distance, from 1 pixel on: how often an image moved up, down, left or right keeps its top-1. */
  unchanged: { pixels: number; share: number }[]
}

/** Random pairs of shifts of each image. */
const PAIRS = 4
/** Images of one forward pass. */
const BATCH = 32

/** Pixels down and to the right. */
type Shift = readonly [down: number, right: number]

/**
 * Measures how far the top-1 of a classifier depends on where things stand in the image.
 * @param images float32 [N, H, W, C], as the model takes them
 * Throws a UsageError if there is no image, or a shift is as large as an image.
 */
export async function shiftConsistency(
  model: Pick<Model, "forward">,
  images: NdArray,
  { maxShift = 4, border = "reflect", seed = 0 }: ShiftConsistencyOptions = {},
): Promise<ShiftConsistency> {
  const [count, height, width] = images.shape as [number, number, number, number]
  if (images.shape.length !== 4 || count === 0) {
    throw new UsageError(`shiftConsistency needs images [N, H, W, C], got ${printShape(images.shape)}`)
  }
  checkCount("maxShift", maxShift)
  if (maxShift >= Math.min(height, width)) {
    throw new UsageError(`maxShift must be smaller than the images of ${height} x ${width} pixels, got ${maxShift}`)
  }
  const top1 = (shiftOf: (image: number) => Shift) => classify(model, images, shiftOf, border)
  const unmoved = await top1(() => [0, 0])
  const unchanged: ShiftConsistency["unchanged"] = []
  for (let pixels = 1; pixels <= maxShift; pixels++) {
    const directions: Shift[] = [
      [pixels, 0],
      [-pixels, 0],
      [0, pixels],
      [0, -pixels],
    ]
    const shares: number[] = []
    for (const shift of directions) shares.push(agreement(unmoved, await top1(() => shift)))
    unchanged.push({ pixels, share: meanOf(shares) })
  }
  const pairs: number[] = []
  for (let pair = 0; pair < PAIRS; pair++) {
    const member = (which: number) =>
      top1((image) => randomShift(new Random(seed, "shift", image, pair, which), maxShift))
    pairs.push(agreement(await member(0), await member(1)))
  }
  return { images: count, maxShift, consistency: meanOf(pairs), unchanged }
}

function randomShift(random: Random, maxShift: number): Shift {
  const draw = () => random.integer(2 * maxShift + 1) - maxShift
  return [draw(), draw()]
}

/** Top-1 of every image, each moved by a shift of its own. */
async function classify(
  model: Pick<Model, "forward">,
  images: NdArray,
  shiftOf: (image: number) => Shift,
  border: Border,
): Promise<number[]> {
  const [count, ...shape] = images.shape as [number, number, number, number]
  const size = images.data.length / count
  const found: number[] = []
  for (let start = 0; start < count; start += BATCH) {
    const rows = Math.min(BATCH, count - start)
    const batch = zeros([rows, ...shape])
    for (let row = 0; row < rows; row++) {
      const image = start + row
      const from = (images.data as Float32Array).subarray(image * size, (image + 1) * size)
      shiftImage(ndarray(from, shape), shiftOf(image), border, batch.data.subarray(row * size, (row + 1) * size))
    }
    const logits = await model.forward(batch)
    const classes = logits.shape[1]!
    for (let row = 0; row < rows; row++) {
      found.push(argMax((logits.data as Float32Array).subarray(row * classes, (row + 1) * classes)))
    }
  }
  return found
}

type Border = NonNullable<ShiftConsistencyOptions["border"]>

/** The row or column that is seen at a position inside or outside of the image. */
const seenAt: Record<Border, (position: number, size: number) => number> = {
  reflect: (position, size) => size - 1 - Math.abs(size - 1 - Math.abs(position)),
  wrap: (position, size) => (position + size) % size,
}

/** Writes an image [H, W, C], moved by fewer pixels than it has, to `out`. */
function shiftImage(
  { shape, data }: NdArray<"float32">,
  [down, right]: Shift,
  border: Border,
  out: Float32Array,
): void {
  const [height, width, channels] = shape as [number, number, number]
  const columns = Array.from({ length: width }, (_, x) => seenAt[border](x - right, width) * channels)
  for (let y = 0, i = 0; y < height; y++) {
    const row = seenAt[border](y - down, height) * width * channels
    for (const column of columns) for (let c = 0; c < channels; c++) out[i++] = data[row + column + c]!
  }
}

const agreement = (a: readonly number[], b: readonly number[]): number =>
  meanOf(a.map((top1, i) => Number(top1 === b[i])))
