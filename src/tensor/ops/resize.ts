/** Resizing of feature maps by interpolation. */

import { expectOneOf, wholeList } from "../checks.ts"
import { expectRank, named, type Tensor } from "../tensor.ts"
import { resampleAxis, type Tap, type Taps } from "./resample.ts"

export type InterpolationMode = "nearest" | "bilinear" | "bicubic"

export interface InterpolateOptions {
  /** Height and width of the result. */
  size: readonly [number, number]
  mode: InterpolationMode
  /**
   * Make the centres of the corner pixels meet. Otherwise the edges of the image do (half-pixel centres). Not for
   * nearest. Default false.
   */
  alignCorners?: boolean
}

/**
 * Resizes [N, H, W, C] to [N, h, w, C] without antialiasing, with the values of torch.nn.functional.interpolate.
 * Throws a RangeError for sizes below 1, an unknown mode, and for nearest with aligned corners.
 */
export function interpolate(x: Tensor, { size, mode, alignCorners = false }: InterpolateOptions): Tensor {
  return named("interpolate", () => {
    expectRank("x", x, 4)
    expectOneOf("mode", mode, Object.keys(tapsOf))
    if (mode === "nearest" && alignCorners) throw new RangeError("nearest has no aligned corners")
    return wholeList("size", size, [2], 1).reduce((map, output, axis) => {
      const input = x.dim(axis + 1)
      if (typeof input !== "number") throw new RangeError(`height and width must be numbers, got ${input}`)
      const taps = Array.from({ length: output }, (_, i) => merged(tapsOf[mode](i, input, output, alignCorners)))
      return resampleAxis(map, axis + 1, taps)
    }, x)
  })
}

/** The inputs, of which there are `input`, that make up output i of `output`. */
const tapsOf: Record<InterpolationMode, (i: number, input: number, output: number, aligned: boolean) => Tap[]> = {
  // In float32, as PyTorch computes it: the rounding decides where i input / output is close to a whole number.
  nearest: (i, input, output) => [[Math.min(input - 1, Math.floor(Math.fround(i * Math.fround(input / output)))), 1]],

  bilinear: (i, input, output, aligned) => {
    const source = Math.max(0, sourcePosition(i, input, output, aligned))
    const low = Math.min(input - 1, Math.floor(source))
    return [
      [low, 1 - (source - low)],
      [Math.min(input - 1, low + 1), source - low],
    ]
  },

  bicubic: (i, input, output, aligned) => {
    const source = sourcePosition(i, input, output, aligned)
    const low = Math.floor(source)
    return [-1, 0, 1, 2].map((step) => {
      const position = Math.min(input - 1, Math.max(0, low + step))
      return [position, cubicKernel(source - low - step)]
    })
  },
}

/** Where the centre of output i lies among the centres of the inputs. */
function sourcePosition(i: number, input: number, output: number, aligned: boolean): number {
  if (aligned) return output === 1 ? 0 : (i * (input - 1)) / (output - 1)
  return ((i + 0.5) * input) / output - 0.5
}

/** Keys 1981, "Cubic convolution interpolation for digital image processing", with PyTorch's a = -3/4. */
function cubicKernel(distance: number): number {
  const a = -0.75
  const x = Math.abs(distance)
  return x <= 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
}

/** One tap for each position, none with weight 0. */
function merged(taps: readonly Tap[]): Taps[number] {
  const weights = new Map<number, number>()
  for (const [position, weight] of taps) weights.set(position, (weights.get(position) ?? 0) + weight)
  return [...weights].filter(([, weight]) => weight !== 0)
}
