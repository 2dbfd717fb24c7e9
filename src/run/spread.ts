/** A few of many images. */

import { type Dataset, subset } from "../data/dataset.ts"

/**
 * At most `count` images, evenly spaced over the dataset: the images of folders lie class by class, and the first ones
 * would be of the first classes alone.
 */
export function spread<D extends Dataset>(dataset: D, count: number): D {
  const { length } = dataset
  if (count >= length) return dataset
  return subset(
    dataset,
    Uint32Array.from({ length: count }, (_, i) => Math.floor((i * length) / count)),
  )
}
