/** AdamW: Loshchilov and Hutter 2019, "Decoupled weight decay regularization"; the order of operations is PyTorch's. */

import type { NdArray } from "../tensor/ndarray.ts"
import type { ParameterGroup } from "./groups.ts"
import { updateAdamW } from "./kernels/adamw.ts"
import {
  type Allocate,
  checkArrays,
  makeSlot,
  type Optimizer,
  packState,
  type StepOptions,
  unpackState,
} from "./optimizer.ts"

export interface AdamWOptions {
  /** Decay of the averages of the gradient and of its square. Default [0.9, 0.999]. */
  betas?: readonly [number, number]
  /** Added to the root of the second moment, outside the root. Default 1e-8. */
  eps?: number
}

/**
 * The step number t counts from 1:
 *
 *     p *= 1 - lr wd
 *     m = b1 m + (1 - b1) g
 *     v = b2 v + (1 - b2) g^2
 *     p -= lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps)
 *
 * The arithmetic is float32, as PyTorch's; what is the same for all elements is computed in float64 before.
 */
export class AdamW implements Optimizer {
  readonly #groups: readonly ParameterGroup[]
  readonly #betas: readonly [number, number]
  readonly #eps: number
  readonly #expAvg: Float32Array[]
  readonly #expAvgSq: Float32Array[]
  #step = 0

  /** @param allocate makes the arrays that it keeps; by default anywhere */
  constructor(
    groups: readonly ParameterGroup[],
    { betas = [0.9, 0.999], eps = 1e-8 }: AdamWOptions = {},
    allocate?: Allocate,
  ) {
    this.#groups = groups
    this.#betas = betas
    this.#eps = eps
    this.#expAvg = makeSlot(groups, allocate)
    this.#expAvgSq = makeSlot(groups, allocate)
  }

  step(parameters: readonly Float32Array[], gradients: readonly Float32Array[], options: StepOptions): void {
    const { lr, clipScale = 1, ema } = options
    checkArrays("parameters", this.#groups, parameters)
    checkArrays("gradients", this.#groups, gradients)
    if (ema) checkArrays("averages", this.#groups, ema.averages)
    this.#step++
    const [beta1, beta2] = this.#betas
    const correction1 = 1 - beta1 ** this.#step
    // A factor, not a divisor: it is applied to every element.
    const rootScale = 1 / Math.sqrt(1 - beta2 ** this.#step)
    for (const [i, group] of this.#groups.entries()) {
      const rate = lr * group.lrScale
      updateAdamW(parameters[i]!, gradients[i]!, [this.#expAvg[i]!, this.#expAvgSq[i]!], ema?.averages[i], {
        clipScale,
        beta1,
        beta2,
        decay: rate * group.weightDecay,
        stepSize: rate / correction1,
        rootScale,
        eps: this.#eps,
        emaDecay: ema?.decay ?? 0,
      })
    }
  }

  state(): Record<string, NdArray> {
    return packState(this.#groups, this.#slots(), this.#step)
  }

  loadState(state: Readonly<Record<string, NdArray>>): void {
    this.#step = unpackState(this.#groups, this.#slots(), state)
  }

  #slots() {
    return { exp_avg: this.#expAvg, exp_avg_sq: this.#expAvgSq }
  }
}
