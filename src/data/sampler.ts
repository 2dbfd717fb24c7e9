/** Which images an epoch visits, in which order, in how many batches. */

import { Random } from "../tensor/random.ts"

/** Learning visits the images in a new order each epoch; measuring visits them all, one after the other. */
export type LoaderMode = "train" | "eval"

/** The order in which an epoch visits `length` images: in training a permutation drawn for `(seed, epoch)`. */
export function epochOrder(length: number, mode: LoaderMode, seed: number, epoch: number): Uint32Array {
  return mode === "train"
    ? new Random(seed, epoch, "order").permutation(length)
    : Uint32Array.from({ length }, (_, index) => index)
}

/**
 * Number of batches of an epoch. Training leaves out a last batch that would not be full, unless it is the only one;
 * measuring leaves out nothing.
 */
export function countBatches(length: number, batchSize: number, mode: LoaderMode): number {
  return mode === "train" && length >= batchSize ? Math.floor(length / batchSize) : Math.ceil(length / batchSize)
}
