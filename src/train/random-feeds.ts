/** The random numbers of a training step: which samples and elements it leaves out. They come from counters. */

import { BATCH, dropPathFeeds, keptSymbol } from "../nn/context.ts"
import { bindShape } from "../tensor/dim.ts"
import { type NdArray, ndarray, sizeOf } from "../tensor/ndarray.ts"
import { Random } from "../tensor/random.ts"
import type { StepGraph } from "./step-graph.ts"

/**
 * What a step is fed with for stochastic depth and dropout.
 * @param counter number of the batch since training began: the same seed and counter give the same numbers
 */
export function randomFeeds(
  { dropPaths, dropouts }: Pick<StepGraph, "dropPaths" | "dropouts">,
  { seed, counter, batch }: { seed: number; counter: number; batch: number },
): Record<string, NdArray> {
  const feeds: Record<string, NdArray> = {}
  for (const dropPath of dropPaths) {
    const factors = draw(new Random(seed, "drop-path", counter, dropPath.name), batch, dropPath.rate)
    Object.assign(feeds, dropPathFeeds(dropPath, factors))
  }
  const kept: Record<string, number> = Object.fromEntries(
    dropPaths.flatMap(({ name, rows }) => (rows ? [[keptSymbol(name), feeds[`${name}.rows`]!.data.length]] : [])),
  )
  for (const { name, rate, shape } of dropouts) {
    const size = bindShape(shape, { ...kept, [BATCH]: batch })
    feeds[name] = ndarray(draw(new Random(seed, "dropout", counter, name), sizeOf(size), rate), size)
  }
  return feeds
}

/** 0 with probability `rate`, otherwise 1 / (1 - rate). */
function draw(random: Random, count: number, rate: number): Float32Array {
  const keep = 1 - rate
  return Float32Array.from({ length: count }, () => (random.uniform() < keep ? 1 / keep : 0))
}
