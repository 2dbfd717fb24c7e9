/** Batch normalisation together with the activation after it. */

import type { Tensor } from "../tensor/tensor.ts"
import type { Context } from "./context.ts"
import { BatchNorm2d, type BatchNormOptions } from "./norm.ts"

/** Batch normalisation, then an activation, with the parameters of the former. x and y [..., channels]. */
export class BatchNormAct2d extends BatchNorm2d {
  readonly #activation: (x: Tensor) => Tensor

  constructor(channels: number, activation: (x: Tensor) => Tensor, options: BatchNormOptions = {}) {
    super(channels, options)
    this.#activation = activation
  }

  override forward(x: Tensor, context: Context): Tensor {
    return this.#activation(super.forward(x, context))
  }
}
