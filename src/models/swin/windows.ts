/**
 * Windows of a feature map, shifted and not: how a map is cut into them and put together again, and which positions may
 * look at each other. Liu et al. 2021, section 3.2; maps of any size as in timm (timm/models/swin_transformer.py).
 */

import { type NdArray, ndarray } from "../../tensor/ndarray.ts"
import { pad, reshape, roll, slice, transpose } from "../../tensor/ops/index.ts"
import type { Tensor } from "../../tensor/tensor.ts"

/** Height and width. */
export type Size = readonly [height: number, width: number]

/** How a map of a certain size is cut. */
export interface WindowLayout {
  map: Size
  /** One window. */
  window: Size
  /** Positions by which the map is rolled towards its beginning before it is cut. */
  shift: Size
  /** Windows along each axis, the last of which may reach beyond the map. */
  count: Size
}

const perAxis = (size: (axis: 0 | 1) => number): Size => [size(0), size(1)]

/** The window that a map allows: never larger than the map. */
export const windowFor = (map: Size, windowSize: number): Size => perAxis((axis) => Math.min(map[axis], windowSize))

/** The layout for a map. Along an axis that is no longer than the window nothing is shifted: one window sees all. */
export function windowLayout(map: Size, windowSize: number, shifted: boolean): WindowLayout {
  const window = windowFor(map, windowSize)
  const shift = perAxis((axis) => (shifted && map[axis] > windowSize ? Math.floor(windowSize / 2) : 0))
  const count = perAxis((axis) => Math.ceil(map[axis] / window[axis]))
  return { map, window, shift, count }
}

/**
 * Cuts a map [N, H, W, C] into windows [N, windows, positions, C], row by row. It is rolled first and filled up with
 * zeros to whole windows then, in timm's order: with both, a padded map differs from Microsoft's, which fills up first.
 */
export function cutWindows(x: Tensor, { map, window, shift, count }: WindowLayout): Tensor {
  const whole = map.reduce((value, size, i) => {
    const rolled = roll(value, i + 1, -shift[i]!)
    return pad(rolled, i + 1, 0, count[i]! * window[i]! - size)
  }, x)
  const [n, c] = [x.dim(0), x.dim(3)]
  const split = reshape(whole, [n, count[0], window[0], count[1], window[1], c])
  return reshape(transpose(split, [0, 1, 3, 2, 4, 5]), [n, count[0] * count[1], window[0] * window[1], c])
}

/** The inverse of {@link cutWindows}. */
export function joinWindows(windows: Tensor, { map, window, shift, count }: WindowLayout): Tensor {
  const [n, c] = [windows.dim(0), windows.dim(3)]
  const split = reshape(windows, [n, count[0], count[1], window[0], window[1], c])
  const whole = reshape(transpose(split, [0, 1, 3, 2, 4, 5]), [n, count[0] * window[0], count[1] * window[1], c])
  return map.reduce((value, size, i) => roll(slice(value, i + 1, 0, size), i + 1, shift[i]!), whole)
}

/** Added to the score of two positions that are not neighbours in the map: timm's value. */
const APART = -100

/**
 * What is added to the scores of a layout that is shifted: 0 for positions of one region, -100 for others, which the
 * roll brought into one window from opposite ends of the map. [windows, 1, positions, positions]; figure 4.
 */
export function shiftMask({ window, shift, count }: WindowLayout): NdArray<"float32"> {
  const regions = perAxis((axis) => count[axis] * window[axis]).map((size, axis) =>
    Array.from({ length: size }, (_, position) => regionOf(position, size, window[axis]!, shift[axis]!)),
  )
  const area = window[0] * window[1]
  const values = new Float32Array(count[0] * count[1] * area * area)
  const ids = new Uint8Array(area)
  for (let w = 0; w < count[0] * count[1]; w++) {
    const [top, left] = [Math.floor(w / count[1]) * window[0], (w % count[1]) * window[1]]
    for (let i = 0; i < area; i++) {
      ids[i] = 3 * regions[0]![top + Math.floor(i / window[1])]! + regions[1]![left + (i % window[1])]!
    }
    for (let i = 0; i < area * area; i++) {
      if (ids[Math.floor(i / area)] !== ids[i % area]) values[w * area * area + i] = APART
    }
  }
  return ndarray(values, [count[0] * count[1], 1, area, area])
}

/** Region of a position along one axis of the rolled and filled map: all but the last window, and its two parts. */
function regionOf(position: number, size: number, window: number, shift: number): number {
  if (shift === 0 || position < size - window) return 0
  return position < size - shift ? 1 : 2
}
