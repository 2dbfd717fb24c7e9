/** Attention. */

import { expectRank, named, type Tensor } from "../tensor.ts"
import { where } from "./compare.ts"
import { add, mul } from "./elementwise.ts"
import { matmul } from "./matmul.ts"
import { softmax } from "./softmax.ts"

export interface AttentionOptions {
  /** Added to the scaled scores; broadcasts to [N, heads, L, S]. */
  bias?: Tensor
  /** bool, true where a query may look at a key; broadcasts to [N, heads, L, S]. */
  mask?: Tensor
  /** Factor of the scores. Default 1 / sqrt(D). */
  scale?: number
  /** Applied to the weights [N, heads, L, S] before they meet the values. */
  dropout?: (weights: Tensor) => Tensor
}

/** Score of what is masked: its weight is exactly 0, unless all keys of a query are masked, which then count alike. */
const MASKED = -1e30

/**
 * softmax(scale q k^T + bias) v. q [N, heads, L, D], k [N, heads, S, D], v [N, heads, S, E]; result [N, heads, L, E].
 * Vaswani et al. 2017, "Attention Is All You Need", equation 1; options as
 * torch.nn.functional.scaled_dot_product_attention. Throws a RangeError for shapes that do not fit.
 */
export function scaledDotProductAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  { bias, mask, scale, dropout = (weights) => weights }: AttentionOptions = {},
): Tensor {
  return named("scaledDotProductAttention", () => {
    expectRank("q", q, 4)
    expectRank("k", k, 4)
    expectRank("v", v, 4)
    // Scaling q is cheaper than scaling the scores.
    const scores = matmul(mul(q, scale ?? 1 / Math.sqrt(q.dim(3) as number)), k, { transposeB: true })
    const biased = bias ? add(scores, bias) : scores
    const visible = mask ? where(mask, biased, MASKED) : biased
    return matmul(dropout(softmax(visible)), v)
  })
}
