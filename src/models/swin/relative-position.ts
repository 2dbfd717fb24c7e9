/**
 * Relative position bias: a value for each offset between two positions of a window, for each head. Liu et al. 2021,
 * equation 4. A table is learned for one window; for another one it is resampled as timm does
 * (timm/layers/pos_embed_rel.py, `resize_rel_pos_bias_table`, after Microsoft's BEiT).
 */

import { evaluate } from "../../tensor/evaluate.ts"
import { toFloat32 } from "../../tensor/float16.ts"
import { type NdArray, ndarray } from "../../tensor/ndarray.ts"
import { reshape } from "../../tensor/ops/index.ts"
import { resampleAxis, type Tap, type Taps } from "../../tensor/ops/resample.ts"
import { input, type Tensor } from "../../tensor/tensor.ts"
import type { Size } from "./windows.ts"

/** Offsets along an axis: from -(size - 1) to size - 1. */
const offsets = (size: number): number => 2 * size - 1

/** Rows of the table of a window: all offsets, row by row. */
export const tableRows = ([height, width]: Size): number => offsets(height) * offsets(width)

/** The row of the table for each pair of positions (i, j), which is that of the offset from j to i: [positions^2]. */
export function relativePositionIndex([height, width]: Size): NdArray<"int64"> {
  const area = height * width
  const index = new BigInt64Array(area * area)
  for (let i = 0; i < area; i++) {
    for (let j = 0; j < area; j++) {
      const down = Math.floor(i / width) - Math.floor(j / width) + height - 1
      const right = (i % width) - (j % width) + width - 1
      index[i * area + j] = BigInt(down * offsets(width) + right)
    }
  }
  return ndarray(index, [area * area], "int64")
}

/** The table of window `from`, [rows, heads], resampled for window `to`. */
export function resampleTable(table: Tensor, from: Size, to: Size): Tensor {
  if (from[0] === to[0] && from[1] === to[1]) return table
  const heads = table.dim(1)
  const grid = reshape(table, [offsets(from[0]), offsets(from[1]), heads])
  const resampled = from.reduce(
    (value, size, axis) => resampleAxis(value, axis, offsetTaps(offsets(size), offsets(to[axis]!))),
    grid,
  )
  return reshape(resampled, [tableRows(to), heads])
}

/**
 * The learned offsets stand at places that grow apart from the middle outwards, so that they reach as far as the new
 * ones, which are a step apart. Between them the bias is linear, beyond them constant.
 */
function offsetTaps(from: number, to: number): Taps {
  const places = learnedPlaces(from, to)
  return Array.from({ length: to }, (_, i): Tap[] => {
    const place = i - Math.floor(to / 2)
    const right = places.findIndex((p) => p >= place)
    if (right < 0) return [[from - 1, 1]]
    if (right === 0 || places[right] === place) return [[right, 1]]
    const share = (place - places[right - 1]!) / (places[right]! - places[right - 1]!)
    return [
      [right - 1, 1 - share],
      [right, share],
    ]
  })
}

/** Places of the learned offsets: steps are powers of a ratio between 1.01 and 1.5. In float32, as in timm. */
function learnedPlaces(from: number, to: number): number[] {
  const steps = Math.floor(from / 2)
  const ratio = ratioOf(steps, Math.floor(to / 2))
  const outwards: number[] = []
  for (let i = 0; i < steps; i++) outwards.push((outwards[i - 1] ?? 0) + ratio ** i)
  return [...outwards.map((place) => -place).reverse(), 0, ...outwards].map(Math.fround)
}

/** The ratio for which the sum of its first powers is `sum`, by bisection to the precision that timm has. */
function ratioOf(powers: number, sum: number): number {
  let [low, high, ratio] = [1.01, 1.5, 0]
  while (high - low > 1e-6) {
    ratio = (low + high) / 2
    if ((1 - ratio ** powers) / (1 - ratio) > sum) high = ratio
    else low = ratio
  }
  return ratio
}

/**
 * A stored table [rows, heads] fitted to a window. It was made for a square window if it has another size than needed;
 * one that can not be is given back as it is.
 */
export function fitTable(table: NdArray, to: Size): NdArray {
  const [rows, heads] = table.shape as [number, number]
  const side = (Math.sqrt(rows) + 1) / 2
  if (table.shape.length !== 2 || rows === tableRows(to) || !Number.isInteger(side)) return table
  const resampled = resampleTable(input("table", [rows, heads]), [side, side], to)
  const { data } = evaluate({ resampled }, { table: ndarray(toFloat32(table), table.shape) }).resampled!
  return ndarray(Float32Array.from(data as Float64Array), [tableRows(to), heads])
}
