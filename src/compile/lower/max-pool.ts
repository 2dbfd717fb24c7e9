/**
 * The gradient of maximum pooling from comparisons, for devices whose pooling does not say where it found the maxima:
 * what each tap of the window reads is compared with the maximum, and the first tap that is equal takes the gradient.
 */

import { LARGEST_FLOAT32, ndarray } from "../../tensor/ndarray.ts"
import { add, broadcastTo, equal, pad, reshape, slice, stack, where } from "../../tensor/ops/index.ts"
import { type MaxPool, maxPool2dOp } from "../../tensor/ops/pool.ts"
import { constant, type Tensor } from "../../tensor/tensor.ts"
import { cover, range } from "./cover.ts"

/**
 * The windows along one axis. The rows that they reach are split into phases, one for each remainder of the stride: tap k
 * of window i reads row i + floor(k / stride) of phase k % stride.
 */
interface Windows {
  axis: number
  size: number
  kernel: number
  stride: number
  padding: number
  count: number
  /** Rows of one phase. */
  rows: number
}

/** Gradient for x [N, H, W, C], given dy [N, Ho, Wo, C]. */
export function maxPoolGradient(x: Tensor, dy: Tensor, attributes: MaxPool): Tensor {
  const [vertical, horizontal] = [windowsAlong(1, x, dy, attributes), windowsAlong(2, x, dy, attributes)]
  const y = maxPool2dOp([x], attributes)
  let left = dy
  const parts = tapsOf(padded(x, vertical, horizontal), vertical).map((row) =>
    tapsOf(row, horizontal).map((tap) => {
      const isMaximum = equal(tap, y)
      const part = where(isMaximum, left, 0)
      left = where(isMaximum, 0, left)
      return part
    }),
  )
  const rows = parts.map((row) => sumOfTaps(row, horizontal))
  return [vertical, horizontal].reduce(withoutPadding, sumOfTaps(rows, vertical))
}

function windowsAlong(axis: 1 | 2, x: Tensor, dy: Tensor, { kernel, strides, pads }: MaxPool): Windows {
  const [size, count] = [x.dim(axis), dy.dim(axis)] as [number, number]
  const [taps, stride] = [kernel[axis - 1]!, strides[axis - 1]!]
  const rows = Math.ceil(((count - 1) * stride + taps) / stride)
  return { axis, size, kernel: taps, stride, padding: pads[axis - 1]!, count, rows }
}

/** What the windows reach, with the lowest number around x. */
function padded(x: Tensor, vertical: Windows, horizontal: Windows): Tensor {
  const covered = [vertical, horizontal].reduce(
    (map, { axis, padding, rows, stride }) => cover(map, axis, padding, rows * stride),
    x,
  )
  const [height, width] = [covered.dim(1), covered.dim(2)] as [number, number]
  const isInside = (i: number, { padding, size }: Windows) => i >= padding && i < padding + size
  const around = Float32Array.from({ length: height * width }, (_, i) =>
    isInside(Math.floor(i / width), vertical) && isInside(i % width, horizontal) ? 0 : -LARGEST_FLOAT32,
  )
  return around.some((value) => value !== 0) ? add(covered, constant(ndarray(around, [height, width, 1]))) : covered
}

/** What each tap reads along one axis, for all windows. */
function tapsOf(x: Tensor, { axis, kernel, stride, count, rows }: Windows): Tensor[] {
  const phases = reshape(x, replaced(x, axis, [rows, stride]))
  return range(kernel).map((k) => {
    const [row, phase] = [Math.floor(k / stride), k % stride]
    const tap = slice(slice(phases, axis + 1, phase, phase + 1), axis, row, row + count)
    return reshape(tap, replaced(x, axis, [count]))
  })
}

/** The transpose of {@link tapsOf}: adds what each tap has for the windows to the row that it read. */
function sumOfTaps(taps: readonly Tensor[], { axis, stride, count, rows }: Windows): Tensor {
  const placed = taps.map((tap, k) => pad(tap, axis, Math.floor(k / stride), rows - count - Math.floor(k / stride)))
  const sums = range(stride).map((phase) => {
    const own = placed.filter((_, k) => k % stride === phase)
    return own.length > 0 ? own.reduce((total, part) => add(total, part)) : broadcastTo(constant(0), placed[0]!)
  })
  return reshape(stack(sums, axis + 1), replaced(taps[0]!, axis, [rows * stride]))
}

/** The rows of x among those that the windows reach; the rows of x that they do not reach are zero. */
function withoutPadding(map: Tensor, { axis, size, padding }: Windows): Tensor {
  const reached = Math.min(size, (map.dim(axis) as number) - padding)
  return pad(slice(map, axis, padding, padding + reached), axis, 0, size - reached)
}

/** The shape of x with other sizes in the place of one axis. */
const replaced = (x: Tensor, axis: number, sizes: readonly number[]) => x.shape.toSpliced(axis, 1, ...sizes)
