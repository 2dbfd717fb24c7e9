/** Attention layers. */

import { reshape, scaledDotProductAttention, split, transpose } from "../tensor/ops/index.ts"
import type { Tensor } from "../tensor/tensor.ts"
import type { Context } from "./context.ts"
import { Linear } from "./layers.ts"
import { Module } from "./module.ts"
import { dropout } from "./stochastic.ts"

export interface AttentionLayerOptions {
  /** Attention heads; they share the channels evenly. */
  numHeads: number
  /** Bias of queries, keys and values. */
  qkvBias: boolean
  /** Dropout of the attention weights. */
  attnDropRate: number
  /** Dropout of the result. */
  projDropRate: number
}

/** Multi-head self-attention. x and y [N, L, C]. Vaswani et al. 2017, "Attention Is All You Need", section 3.2.2. */
export class Attention extends Module {
  readonly qkv: Linear
  readonly proj: Linear
  readonly #options: AttentionLayerOptions

  constructor(channels: number, options: AttentionLayerOptions) {
    super()
    this.qkv = new Linear(channels, 3 * channels, { bias: options.qkvBias })
    this.proj = new Linear(channels, channels)
    this.#options = options
  }

  forward(x: Tensor, context: Context): Tensor {
    const { numHeads, attnDropRate, projDropRate } = this.#options
    const [batch, length, channels] = x.shape as [Tensor["shape"][0], number, number]
    const perHead = [batch, length, numHeads, channels / numHeads]
    const [q, k, v] = split(this.qkv.forward(x), 2, [channels, channels, channels]).map((part) =>
      transpose(reshape(part, perHead), [0, 2, 1, 3]),
    )
    const attended = scaledDotProductAttention(q!, k!, v!, {
      dropout: (weights) => dropout(weights, attnDropRate, context),
    })
    const merged = reshape(transpose(attended, [0, 2, 1, 3]), x.shape)
    return dropout(this.proj.forward(merged), projDropRate, context)
  }
}
