/** Dividing one labelled set into a part to learn from and a part to measure on. */

import { UsageError } from "../tensor/errors.ts"
import { Random } from "../tensor/random.ts"

/**
 * Divides every class in the same proportion, at random. A class of two images or more has at least one on each side;
 * a single image goes to `train`. Both lists are in ascending order.
 *
 * @param labels class of each image, `[N]`
 * @param fraction the part of each class that goes to `val`. Throws a UsageError unless 0 < fraction < 1.
 * @param seed the draw for an image depends on this, its class and the images of its class alone
 */
export function stratifiedSplit(
  labels: Int32Array,
  fraction: number,
  seed: number,
): { train: Uint32Array; val: Uint32Array } {
  if (!(fraction > 0 && fraction < 1)) {
    throw new UsageError(`the part of the images to measure on must lie between 0 and 1, got ${fraction}; try 0.2`)
  }
  const members = new Map<number, number[]>()
  for (const [index, label] of labels.entries()) {
    const list = members.get(label)
    if (list) list.push(index)
    else members.set(label, [index])
  }
  const train: number[] = []
  const val: number[] = []
  for (const [label, indices] of members) {
    const count = indices.length === 1 ? 0 : clamp(Math.round(indices.length * fraction), 1, indices.length - 1)
    const order = new Random(seed, "split", label).permutation(indices.length)
    for (const [rank, member] of order.entries()) (rank < count ? val : train).push(indices[member]!)
  }
  return { train: Uint32Array.from(train).sort(), val: Uint32Array.from(val).sort() }
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high)
}
