/** AdamW: Loshchilov and Hutter 2019, "Decoupled weight decay regularization"; the order of operations is PyTorch's. */

import type { NdArray } from "../tensor/ndarray.ts"
import type { ParameterGroup } from "./groups.ts"
import { checkArrays, makeSlot, type Optimizer, packState, type StepOptions, unpackState } from "./optimizer.ts"

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
 * Arithmetic is in float64, rounded to float32 where a value is stored.
 */
export class AdamW implements Optimizer {
  readonly #groups: readonly ParameterGroup[]
  readonly #betas: readonly [number, number]
  readonly #eps: number
  readonly #expAvg: Float32Array[]
  readonly #expAvgSq: Float32Array[]
  #step = 0

  constructor(groups: readonly ParameterGroup[], { betas = [0.9, 0.999], eps = 1e-8 }: AdamWOptions = {}) {
    this.#groups = groups
    this.#betas = betas
    this.#eps = eps
    this.#expAvg = makeSlot(groups)
    this.#expAvgSq = makeSlot(groups)
  }

  step(parameters: readonly Float32Array[], gradients: readonly Float32Array[], options: StepOptions): void {
    const { lr, clipScale = 1, ema } = options
    checkArrays("parameters", this.#groups, parameters)
    checkArrays("gradients", this.#groups, gradients)
    if (ema) checkArrays("averages", this.#groups, ema.averages)
    this.#step++
    const [beta1, beta2] = this.#betas
    const correction1 = 1 - beta1 ** this.#step
    // A factor, not a divisor: a division for every element would slow the pass by a sixth.
    const rootScale = 1 / Math.sqrt(1 - beta2 ** this.#step)
    for (const [i, group] of this.#groups.entries()) {
      const rate = lr * group.lrScale
      update(parameters[i]!, gradients[i]!, this.#expAvg[i]!, this.#expAvgSq[i]!, {
        keep: 1 - rate * group.weightDecay,
        stepSize: rate / correction1,
        rootScale,
        beta1,
        beta2,
        eps: this.#eps,
        clipScale,
        average: ema?.averages[i],
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

interface Coefficients {
  keep: number
  stepSize: number
  rootScale: number
  beta1: number
  beta2: number
  eps: number
  clipScale: number
  average: Float32Array | undefined
  emaDecay: number
}

/** One pass over memory. The coefficients are read into locals once: the loop touches only numbers and typed arrays. */
function update(p: Float32Array, g: Float32Array, m: Float32Array, v: Float32Array, coefficients: Coefficients): void {
  const { keep, stepSize, rootScale, beta1, beta2, eps, clipScale, average, emaDecay } = coefficients
  const rest1 = 1 - beta1
  const rest2 = 1 - beta2
  const emaRest = 1 - emaDecay
  const n = p.length
  for (let i = 0; i < n; i++) {
    const gradient = g[i]! * clipScale
    const first = beta1 * m[i]! + rest1 * gradient
    const second = beta2 * v[i]! + rest2 * gradient * gradient
    const updated = keep * p[i]! - (stepSize * first) / (Math.sqrt(second) * rootScale + eps)
    m[i] = first
    v[i] = second
    p[i] = updated
    if (average !== undefined) average[i] = emaDecay * average[i]! + emaRest * updated
  }
}
