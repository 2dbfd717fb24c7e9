/** Measures a classifier over the batches of a loader. */

import type { NdArray } from "../../tensor/ndarray.ts"
import { ClassificationMetrics } from "./metrics.ts"

/** A batch of labelled images: images [N, H, W, C], targets and indices in the dataset [N]. */
export interface LabelledBatch {
  images: NdArray
  targets: Int32Array
  indices: Uint32Array
}

/**
 * Runs a model over all batches.
 * @param forward images [N, H, W, C] -> logits [N, K]
 */
export async function measure(
  batches: AsyncIterable<LabelledBatch>,
  classes: readonly string[],
  forward: (images: NdArray) => Promise<NdArray>,
): Promise<ClassificationMetrics> {
  const metrics = new ClassificationMetrics(classes)
  for await (const { images, targets, indices } of batches) metrics.add(await forward(images), targets, indices)
  return metrics
}
