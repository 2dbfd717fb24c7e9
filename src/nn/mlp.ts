/** The multilayer perceptron of transformer blocks. */

import { gelu } from "../tensor/ops/index.ts"
import type { Tensor } from "../tensor/tensor.ts"
import type { Context } from "./context.ts"
import { Linear } from "./layers.ts"
import { Module } from "./module.ts"
import { dropout } from "./stochastic.ts"

/**
 * Two linear layers with GELU between, dropout after each. x and y [..., channels]; `hidden` channels inside.
 * Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words", section 3.1.
 */
export class Mlp extends Module {
  readonly fc1: Linear
  readonly fc2: Linear
  readonly #dropRate: number

  constructor(channels: number, hidden: number, dropRate = 0) {
    super()
    this.fc1 = new Linear(channels, hidden)
    this.fc2 = new Linear(hidden, channels)
    this.#dropRate = dropRate
  }

  forward(x: Tensor, context: Context): Tensor {
    const expanded = dropout(gelu(this.fc1.forward(x)), this.#dropRate, context)
    return dropout(this.fc2.forward(expanded), this.#dropRate, context)
  }
}
