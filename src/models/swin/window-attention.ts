/** Attention within the windows of a feature map. Liu et al. 2021, sections 3.1 and 3.2. */

import type { Context } from "../../nn/context.ts"
import { truncatedNormal } from "../../nn/initializers.ts"
import { Linear } from "../../nn/layers.ts"
import { Module, Parameter } from "../../nn/module.ts"
import { dropout } from "../../nn/stochastic.ts"
import type { Dim } from "../../tensor/dim.ts"
import { add, gather, reshape, scaledDotProductAttention, split, transpose } from "../../tensor/ops/index.ts"
import { constant, type Tensor } from "../../tensor/tensor.ts"
import { relativePositionIndex, resampleTable, tableRows } from "./relative-position.ts"
import { cutWindows, joinWindows, type Size, shiftMask, type WindowLayout, windowLayout } from "./windows.ts"

/** Constants that the blocks of a stage have in common, so that a graph holds each of them once. */
export class WindowConstants {
  readonly #latest = new Map<string, { key: string; value: Tensor }>()

  /** {@link shiftMask} of a layout. */
  mask(layout: WindowLayout): Tensor {
    return this.#remember("mask", `${layout.map}`, () => constant(shiftMask(layout)))
  }

  /** {@link relativePositionIndex} of a window. */
  index(window: Size): Tensor {
    return this.#remember("index", `${window}`, () => constant(relativePositionIndex(window)))
  }

  /** Of each kind the latest is kept: one forward pass asks for one. */
  #remember(kind: string, key: string, make: () => Tensor): Tensor {
    const known = this.#latest.get(kind)
    if (known?.key === key) return known.value
    const value = make()
    this.#latest.set(kind, { key, value })
    return value
  }
}

export interface WindowAttentionOptions {
  channels: number
  /** Attention heads; they share the channels evenly. */
  heads: number
  /** Side of the windows, in positions. Where the map is smaller, so are they. */
  windowSize: number
  /** The window that the relative position table is made for. */
  tableWindow: Size
  /** Whether the map is shifted by half a window before it is cut. */
  shifted: boolean
  /** Bias of queries, keys and values. */
  qkvBias: boolean
  /** Dropout rate of the attention weights. */
  attnDropRate: number
  /** Dropout rate of the result. */
  projDropRate: number
  constants: WindowConstants
}

/** Attention among the positions of each window, with relative position bias. x and y [N, H, W, C]. Equation 4. */
export class WindowAttention extends Module {
  readonly relativePositionBiasTable: Parameter
  readonly qkv: Linear
  readonly proj: Linear
  readonly #options: WindowAttentionOptions

  constructor(options: WindowAttentionOptions) {
    super()
    const { channels, heads, tableWindow, qkvBias } = options
    this.relativePositionBiasTable = new Parameter([tableRows(tableWindow), heads], truncatedNormal())
    this.qkv = new Linear(channels, 3 * channels, { bias: qkvBias })
    this.proj = new Linear(channels, channels)
    this.#options = options
  }

  forward(x: Tensor, context: Context): Tensor {
    const { channels, heads, windowSize, shifted, attnDropRate, projDropRate } = this.#options
    const layout = windowLayout([x.dim(1) as number, x.dim(2) as number], windowSize, shifted)
    const windows = cutWindows(x, layout)
    const [batch, count, area] = windows.shape as [Dim, number, number]
    const bias = this.#bias(layout)
    // Windows with one bias for all are samples of a batch; those with a bias of their own are heads of one sample.
    const groups = bias.dim(0) as number
    const perHead = channels / heads
    const parts = reshape(this.qkv.forward(windows), [batch, count, area, 3, heads, perHead])
    const [q, k, v] = split(transpose(parts, [3, 0, 1, 4, 2, 5]), 0, [1, 1, 1]).map((part) =>
      reshape(part, [-1, groups, area, perHead]),
    )
    const attended = scaledDotProductAttention(q!, k!, v!, {
      bias,
      dropout: (weights) => dropout(weights, attnDropRate, context),
    })
    const merged = transpose(reshape(attended, [batch, count, heads, area, perHead]), [0, 1, 3, 2, 4])
    const projected = this.proj.forward(reshape(merged, windows.shape))
    return joinWindows(dropout(projected, projDropRate, context), layout)
  }

  /**
   * What is added to the scores, [heads, positions, positions]; of a shifted map, where it differs from window to window,
   * [windows * heads, positions, positions].
   */
  #bias(layout: WindowLayout): Tensor {
    const { heads, tableWindow, constants } = this.#options
    const { window, shift, count } = layout
    const area = window[0] * window[1]
    const table = resampleTable(this.relativePositionBiasTable, tableWindow, window)
    const bias = reshape(transpose(gather(table, constants.index(window))), [heads, area, area])
    if (shift.every((positions) => positions === 0)) return bias
    return reshape(add(bias, constants.mask(layout)), [count[0] * count[1] * heads, area, area])
  }
}
