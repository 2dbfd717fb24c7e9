/** What training leaves out at random: residual branches of whole samples (stochastic depth), and single elements. */

import { add, addRows, mul, reshape, takeRows } from "../tensor/ops/index.ts"
import type { Tensor } from "../tensor/tensor.ts"
import type { Context } from "./context.ts"

/** `factors` [N] in a shape that multiplies each sample of x. */
const perSample = (factors: Tensor, x: Tensor): Tensor =>
  reshape(factors, [x.dim(0), ...new Array<number>(x.rank - 1).fill(1)])

/**
 * Stochastic depth: drops a residual branch for whole samples, and scales what is kept by 1 / (1 - rate), as timm does.
 * Huang et al. 2016, "Deep Networks with Stochastic Depth". branch [N, ...]. All samples are computed: for branches
 * whose samples meet, as in batch normalisation. Elsewhere {@link residual} does less work.
 */
export function dropPath(branch: Tensor, rate: number, context: Context): Tensor {
  if (!context.training || rate === 0) return branch
  return mul(branch, perSample(context.dropPathFactors(rate), branch))
}

/**
 * x + branch(x) under stochastic depth, as {@link dropPath}, with the branch computed for the samples that keep it alone.
 * The branch must treat each sample by itself. x [N, ...]; the branch keeps the shape of what it is given.
 */
export function residual(x: Tensor, rate: number, context: Context, branch: (x: Tensor) => Tensor): Tensor {
  if (!context.training || rate === 0) return add(x, branch(x))
  const { rows, factors } = context.keptRows(rate)
  const kept = branch(takeRows(x, rows))
  return addRows(x, rows, mul(kept, perSample(factors, kept)))
}

/** Rates of `depth` blocks under stochastic depth: linear from 0 to the last block's. Liu et al. 2022, appendix A.1. */
export function dropPathRates(last: number, depth: number): number[] {
  return Array.from({ length: depth }, (_, i) => (depth === 1 ? 0 : (last * i) / (depth - 1)))
}

/** Sets elements to zero with probability `rate` and scales the others by 1 / (1 - rate). Srivastava et al. 2014. */
export function dropout(x: Tensor, rate: number, context: Context): Tensor {
  return context.training && rate > 0 ? mul(x, context.dropoutFactors(rate, x.shape)) : x
}
