/** The smallest square of a map that holds a share of it. */

export interface Square {
  /** In elements of the map. */
  side: number
  /** Its first row and column. */
  top: number
  left: number
}

/**
 * Finds the smallest square, anywhere on the map, whose values add up to at least a share of all. Where the map is not
 * square itself, the part of the square on the map counts. Of several the one that holds most is taken.
 * @param values [H, W], none below zero
 * @param share above 0, at most 1
 * Gives side 0 if all values are 0.
 */
export function smallestSquare(
  values: ArrayLike<number>,
  [height, width]: readonly [number, number],
  share: number,
): Square {
  const sums = areaSums(values, height, width)
  // A few roundings less than the share of all, which the whole map must reach.
  const wanted = share * sums.at(-1)! * (1 - 1e-12)
  if (!(wanted > 0)) return { side: 0, top: 0, left: 0 }
  let [low, high] = [1, Math.max(height, width)]
  while (low < high) {
    const side = Math.floor((low + high) / 2)
    if (fullestSquare(sums, height, width, side).held >= wanted) high = side
    else low = side + 1
  }
  const { top, left } = fullestSquare(sums, height, width, low)
  return { side: low, top, left }
}

/** Sums over all elements above and to the left of each corner: [H + 1, W + 1]. */
function areaSums(values: ArrayLike<number>, height: number, width: number): Float64Array {
  const sums = new Float64Array((height + 1) * (width + 1))
  for (let y = 0; y < height; y++) {
    let row = 0
    for (let x = 0; x < width; x++) {
      row += values[y * width + x]!
      sums[(y + 1) * (width + 1) + x + 1] = sums[y * (width + 1) + x + 1]! + row
    }
  }
  return sums
}

/** The place where a square of a given side holds most. */
function fullestSquare(sums: Float64Array, height: number, width: number, side: number) {
  const [rows, columns] = [Math.min(side, height), Math.min(side, width)]
  const sumTo = (y: number, x: number) => sums[y * (width + 1) + x]!
  let best = { held: Number.NEGATIVE_INFINITY, top: 0, left: 0 }
  for (let top = 0; top + rows <= height; top++) {
    for (let left = 0; left + columns <= width; left++) {
      const [bottom, right] = [top + rows, left + columns]
      const held = sumTo(bottom, right) - sumTo(top, right) - sumTo(bottom, left) + sumTo(top, left)
      if (held > best.held) best = { held, top, left }
    }
  }
  return best
}
