/**
 * Position embeddings for images of another size: bicubic interpolation (a = -1/2) with antialiasing, the values of
 * torch.nn.functional.interpolate(mode="bicubic", antialias=True), as timm does (timm/layers/pos_embed.py).
 *
 * One axis at a time. Output i of m has its centre at c = (i + 1/2) s among n inputs, s = n / m; with r = max(s, 1) its
 * value is the mean of the inputs j with |j + 1/2 - c| < 2 r, weighted by the cubic kernel at (j + 1/2 - c) / r.
 */

import { isCount } from "../tensor/errors.ts"
import { toFloat32 } from "../tensor/float16.ts"
import { type NdArray, ndarray } from "../tensor/ndarray.ts"

/** Resamples [height, width, channels] to [size[0], size[1], channels]. */
function resampleGrid(grid: NdArray, size: readonly [height: number, width: number]): NdArray<"float32"> {
  const [height, width, channels] = grid.shape as [number, number, number]
  const rows = resampleAxis(toFloat32(grid), { outer: height, inputs: width, inner: channels }, size[1])
  const values = resampleAxis(rows, { outer: 1, inputs: height, inner: size[1] * channels }, size[0])
  return ndarray(values, [size[0], size[1], channels])
}

/**
 * Position embeddings [1, prefix + h h, channels] for a grid of `side` x `side` positions: timm's
 * `resample_abs_pos_embed`. Those of the first `prefix` tokens stay. What is no square grid is given back as it is.
 */
export function resamplePositions(positions: NdArray, side: number, prefix: number): NdArray {
  const [, length = 0, channels = 0] = positions.shape
  const oldSide = Math.sqrt(length - prefix)
  if (!isCount(oldSide) || oldSide === side) return positions
  const values = toFloat32(positions)
  const start = prefix * channels
  const grid = resampleGrid(ndarray(values.subarray(start), [oldSide, oldSide, channels]), [side, side])
  const fitted = new Float32Array(start + grid.data.length)
  fitted.set(values.subarray(0, start))
  fitted.set(grid.data, start)
  return ndarray(fitted, [1, prefix + side * side, channels])
}

/** An array seen as [outer, inputs, inner], to be resampled along its middle axis. */
interface Extent {
  outer: number
  inputs: number
  inner: number
}

function resampleAxis(values: Float32Array, { outer, inputs, inner }: Extent, outputs: number): Float32Array {
  const result = new Float32Array(outer * outputs * inner)
  for (let i = 0; i < outputs; i++) {
    const { first, weights } = weigh(i, inputs, outputs)
    for (let o = 0; o < outer; o++) {
      for (let k = 0; k < inner; k++) {
        const from = (o * inputs + first) * inner + k
        result[(o * outputs + i) * inner + k] = weights.reduce(
          (sum, weight, j) => sum + weight * values[from + j * inner]!,
          0,
        )
      }
    }
  }
  return result
}

/** The inputs that make up output i: consecutive ones from `first` on, and their weights, which sum to 1. */
function weigh(i: number, inputs: number, outputs: number): { first: number; weights: number[] } {
  const scale = inputs / outputs
  const widening = Math.max(scale, 1)
  const centre = (i + 0.5) * scale
  const first = Math.max(0, Math.trunc(centre - 2 * widening + 0.5))
  const end = Math.min(inputs, Math.trunc(centre + 2 * widening + 0.5))
  const weights = Array.from({ length: end - first }, (_, j) => cubicKernel((first + j + 0.5 - centre) / widening))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return { first, weights: weights.map((weight) => weight / total) }
}

/** Keys 1981, "Cubic convolution interpolation for digital image processing", with a = -1/2. */
function cubicKernel(distance: number): number {
  const x = Math.abs(distance)
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0
}
