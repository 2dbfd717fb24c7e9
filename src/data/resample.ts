/**
 * Resizing with the same bytes as Pillow's `Image.resize` (libImaging/Resample.c): a separable filter, widened by the
 * factor of reduction so that it covers all source pixels, in 8-bit fixed point. The horizontal pass comes first and is
 * rounded to 8 bits before the vertical one, as in all versions of Pillow up to 12.
 *
 * Output position i has its centre at `in0 + (i + 0.5) * scale` in the source, scale = (in1 - in0) / outputs. Its value
 * is the sum of the source samples weighted by f((j + 0.5 - centre) / max(scale, 1)), the weights divided by their sum.
 */

import { isCount, suggestion, UsageError } from "../tensor/errors.ts"
import { createImage, crop, type Image, type Region } from "./image.ts"

interface Kernel {
  /** Half the width of the filter, in source pixels when the size does not change. */
  support: number
  weight(x: number): number
}

const kernels = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  hamming: { support: 1, weight: hamming },
  bicubic: { support: 2, weight: bicubic },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
} satisfies Record<string, Kernel>

/** The name of a resampling filter, as Pillow and timm call it. */
export type Filter = "nearest" | keyof typeof kernels

/** All filters that {@link resize} knows. */
export const filterNames: readonly Filter[] = ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]

export interface ResizeOptions {
  /** Size of the result in pixels. */
  width: number
  height: number
  filter: Filter
  /** The part of the source to show: left, top, right, bottom; may be fractions. The whole picture if not given. */
  box?: readonly [left: number, top: number, right: number, bottom: number]
  /** Returns this part of the result only, with the same bytes, and computes no other. */
  window?: Region
}

/**
 * A resized copy. With a `box`, pixels just outside of it still have an influence at its edges: that is Pillow's
 * `resize(box=...)`. To cut first, {@link crop} first.
 *
 * Throws a UsageError for an unknown filter, a size that is no positive whole number, or a box or window outside.
 */
export function resize(image: Image, options: ResizeOptions): Image {
  checkOptions(image, options)
  const { width, height, filter } = options
  const [left, top, right, bottom] = (options.box ?? [0, 0, image.width, image.height]).map(Math.fround)
  const window = options.window ?? { left: 0, top: 0, width, height }
  const columns: Axis = { size: image.width, from: left!, to: right!, outputs: width }
  const rows: Axis = { size: image.height, from: top!, to: bottom!, outputs: height }
  if (filter === "nearest") return resizeNearest(image, columns, rows, window)

  const vertical = isResampled(rows) ? weigh(rows, kernels[filter], window.top, window.height) : undefined
  const firstRow = vertical ? vertical.first[0]! : window.top
  const lastRow = vertical ? vertical.first.at(-1)! + vertical.count.at(-1)! : window.top + window.height
  const narrowed = isResampled(columns)
    ? resampleColumns(image, weigh(columns, kernels[filter], window.left, window.width), firstRow, lastRow)
    : crop(image, { left: window.left, top: firstRow, width: window.width, height: lastRow - firstRow })
  return vertical ? resampleRows(narrowed, vertical, firstRow) : narrowed
}

/** One direction of a resize: the source's length, the part of it that is shown, and the number of outputs. */
interface Axis {
  size: number
  from: number
  to: number
  outputs: number
}

function isResampled({ size, from, to, outputs }: Axis): boolean {
  return outputs !== size || from !== 0 || to !== size
}

/** Pixels are multiplied by weights of 22 fractional bits: 8 bits of sample and 2 of headroom fill an int32. */
const fractionBits = 22
const half = 1 << (fractionBits - 1)

/** For each output position the source samples that it is made of: `count[i]` from `first[i]`, weighted. */
interface Weights {
  first: Int32Array
  count: Int32Array
  /** Weights of output i from `i * stride` on, fixed point. */
  weights: Int32Array
  stride: number
}

/** The weights of output positions `start` to `start + length - 1`. */
function weigh(axis: Axis, kernel: Kernel, start: number, length: number): Weights {
  const scale = Math.fround(axis.to - axis.from) / axis.outputs
  const widening = Math.max(scale, 1)
  const support = kernel.support * widening
  const stride = Math.ceil(support) * 2 + 1
  const first = new Int32Array(length)
  const count = new Int32Array(length)
  const weights = new Int32Array(length * stride)
  const exact = new Float64Array(stride)
  for (let i = 0; i < length; i++) {
    const centre = axis.from + (start + i + 0.5) * scale
    const from = Math.max(0, Math.trunc(centre - support + 0.5))
    const to = Math.min(axis.size, Math.trunc(centre + support + 0.5))
    let sum = 0
    for (let j = from; j < to; j++) {
      const weight = kernel.weight((j - centre + 0.5) * (1 / widening))
      exact[j - from] = weight
      sum += weight
    }
    for (let k = 0; k < to - from; k++) {
      const weight = (sum === 0 ? exact[k]! : exact[k]! / sum) * (1 << fractionBits)
      weights[i * stride + k] = Math.trunc(weight < 0 ? weight - 0.5 : weight + 0.5)
    }
    first[i] = from
    count[i] = to - from
  }
  return { first, count, weights, stride }
}

/** The horizontal pass over rows `firstRow` to `lastRow - 1`; the result holds these rows only. */
function resampleColumns(image: Image, columns: Weights, firstRow: number, lastRow: number): Image {
  const result = createImage(columns.first.length, lastRow - firstRow, image.channels)
  const pass = image.channels === 3 ? resampleColumnsRgb : resampleColumnsGray
  const rowLength = image.width * image.channels
  pass(image.data.subarray(firstRow * rowLength, lastRow * rowLength), rowLength, columns, result.data)
  return result
}

function resampleColumnsGray(source: Uint8Array, rowLength: number, columns: Weights, result: Uint8Array): void {
  const { first, count, weights, stride } = columns
  const clamped = new Uint8ClampedArray(result.buffer)
  const outputs = first.length
  let output = 0
  for (let row = 0; row < source.length; row += rowLength) {
    for (let x = 0; x < outputs; x++) {
      let sum = half
      let at = row + first[x]!
      const end = x * stride + count[x]!
      for (let k = x * stride; k < end; k++) sum = (sum + Math.imul(weights[k]!, source[at++]!)) | 0
      clamped[output++] = sum >> fractionBits
    }
  }
}

function resampleColumnsRgb(source: Uint8Array, rowLength: number, columns: Weights, result: Uint8Array): void {
  const { first, count, weights, stride } = columns
  const clamped = new Uint8ClampedArray(result.buffer)
  const outputs = first.length
  let output = 0
  for (let row = 0; row < source.length; row += rowLength) {
    for (let x = 0; x < outputs; x++) {
      let red = half
      let green = half
      let blue = half
      let at = row + first[x]! * 3
      const end = x * stride + count[x]!
      for (let k = x * stride; k < end; k++) {
        const weight = weights[k]!
        red = (red + Math.imul(weight, source[at]!)) | 0
        green = (green + Math.imul(weight, source[at + 1]!)) | 0
        blue = (blue + Math.imul(weight, source[at + 2]!)) | 0
        at += 3
      }
      clamped[output] = red >> fractionBits
      clamped[output + 1] = green >> fractionBits
      clamped[output + 2] = blue >> fractionBits
      output += 3
    }
  }
}

/** The vertical pass over a picture whose first row is row `firstRow` of the source. */
function resampleRows(image: Image, rows: Weights, firstRow: number): Image {
  const result = createImage(image.width, rows.first.length, image.channels)
  const clamped = new Uint8ClampedArray(result.data.buffer)
  const source = image.data
  const rowLength = image.width * image.channels
  const fourfold = rowLength - (rowLength % 4)
  for (let y = 0; y < rows.first.length; y++) {
    const begin = y * rows.stride
    const end = begin + rows.count[y]!
    const top = (rows.first[y]! - firstRow) * rowLength
    const output = y * rowLength
    // Four samples at a time, so that a weight is loaded once for four products.
    for (let x = 0; x < fourfold; x += 4) {
      let sum0 = half
      let sum1 = half
      let sum2 = half
      let sum3 = half
      let at = top + x
      for (let k = begin; k < end; k++) {
        const weight = rows.weights[k]!
        sum0 = (sum0 + Math.imul(weight, source[at]!)) | 0
        sum1 = (sum1 + Math.imul(weight, source[at + 1]!)) | 0
        sum2 = (sum2 + Math.imul(weight, source[at + 2]!)) | 0
        sum3 = (sum3 + Math.imul(weight, source[at + 3]!)) | 0
        at += rowLength
      }
      clamped[output + x] = sum0 >> fractionBits
      clamped[output + x + 1] = sum1 >> fractionBits
      clamped[output + x + 2] = sum2 >> fractionBits
      clamped[output + x + 3] = sum3 >> fractionBits
    }
    for (let x = fourfold; x < rowLength; x++) {
      let sum = half
      for (let k = begin, at = top + x; k < end; k++, at += rowLength) {
        sum = (sum + Math.imul(rows.weights[k]!, source[at]!)) | 0
      }
      clamped[output + x] = sum >> fractionBits
    }
  }
  return result
}

function resizeNearest(image: Image, columns: Axis, rows: Axis, window: Region): Image {
  const { width, channels, data } = image
  const result = createImage(window.width, window.height, channels)
  const sourceColumns = nearestIndices(columns, window.left, window.width)
  let output = 0
  for (const sourceRow of nearestIndices(rows, window.top, window.height)) {
    for (const sourceColumn of sourceColumns) {
      const at = (sourceRow * width + sourceColumn) * channels
      for (let channel = 0; channel < channels; channel++) result.data[output++] = data[at + channel]!
    }
  }
  return result
}

/** Source indices of output positions `start` to `start + length - 1`. */
function nearestIndices(axis: Axis, start: number, length: number): Int32Array {
  const scale = Math.fround(axis.to - axis.from) / axis.outputs
  const indices = new Int32Array(length)
  // The position is a running sum, not a product: its rounding errors decide which neighbour wins a tie.
  let position = axis.from + scale * 0.5
  for (let i = 0; i < start + length; i++) {
    if (i >= start) indices[i - start] = Math.min(axis.size - 1, Math.trunc(position))
    position += scale
  }
  return indices
}

function hamming(x: number): number {
  const distance = Math.abs(x)
  if (distance >= 1) return 0
  return sinc(distance) * (0.54 + 0.46 * Math.cos(Math.PI * distance))
}

/** Keys' cubic with a = -0.5 (Keys 1981), as Pillow writes it. */
function bicubic(x: number): number {
  const a = -0.5
  const distance = Math.abs(x)
  if (distance < 1) return ((a + 2) * distance - (a + 3)) * distance * distance + 1
  if (distance < 2) return (((distance - 5) * distance + 8) * distance - 4) * a
  return 0
}

/** sin(pi x) / (pi x). */
function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x)
}

function checkOptions(image: Image, { width, height, filter, box, window }: ResizeOptions): void {
  if (!filterNames.includes(filter)) {
    const hint = suggestion(filter, filterNames) || "."
    throw new UsageError(`resize: unknown filter "${filter}"${hint} The filters are ${filterNames.join(", ")}`)
  }
  if (!(isCount(width) && isCount(height))) {
    throw new UsageError(`resize: width and height must be positive whole numbers, got ${width} x ${height}`)
  }
  if (box && !isInside(box, image.width, image.height)) {
    const size = `${image.width} x ${image.height}`
    throw new UsageError(`resize: box [${box.join(", ")}] must be left < right, top < bottom and inside of ${size}`)
  }
  if (window) {
    const { left, top } = window
    const corners = [left, top, left + window.width, top + window.height] as const
    if (!(corners.every(Number.isInteger) && isInside(corners, width, height))) {
      throw new UsageError(`resize: window [${corners.join(", ")}] is not a part of the result, ${width} x ${height}`)
    }
  }
}

function isInside(corners: NonNullable<ResizeOptions["box"]>, width: number, height: number): boolean {
  const [left, top, right, bottom] = corners
  return left >= 0 && top >= 0 && left < right && top < bottom && right <= width && bottom <= height
}
