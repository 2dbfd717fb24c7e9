/** Stochastic gradient descent with momentum: Sutskever et al. 2013, in PyTorch's form (no dampening). */

import type { NdArray } from "../tensor/ndarray.ts"
import type { ParameterGroup } from "./groups.ts"
import {
  type Allocate,
  checkArrays,
  makeSlot,
  type Optimizer,
  packState,
  type StepOptions,
  unpackState,
} from "./optimizer.ts"

export interface SgdOptions {
  /** Default 0.9. */
  momentum?: number
  /** Step along the gradient and the momentum that follows from it (Nesterov). Default true. */
  nesterov?: boolean
}

/**
 *     g += wd p
 *     b = momentum b + g
 *     p -= lr (g + momentum b)    with Nesterov momentum, otherwise lr b
 *
 * Arithmetic is in float64, rounded to float32 where a value is stored.
 */
export class Sgd implements Optimizer {
  readonly #groups: readonly ParameterGroup[]
  readonly #momentum: number
  readonly #nesterov: boolean
  readonly #buffers: Float32Array[]
  #step = 0

  /** @param allocate makes the arrays that it keeps; by default anywhere */
  constructor(
    groups: readonly ParameterGroup[],
    { momentum = 0.9, nesterov = true }: SgdOptions = {},
    allocate?: Allocate,
  ) {
    this.#groups = groups
    this.#momentum = momentum
    this.#nesterov = nesterov
    this.#buffers = makeSlot(groups, allocate)
  }

  step(parameters: readonly Float32Array[], gradients: readonly Float32Array[], options: StepOptions): void {
    const { lr, clipScale = 1, ema } = options
    checkArrays("parameters", this.#groups, parameters)
    checkArrays("gradients", this.#groups, gradients)
    if (ema) checkArrays("averages", this.#groups, ema.averages)
    this.#step++
    const momentum = this.#momentum
    for (const [i, group] of this.#groups.entries()) {
      const rate = lr * group.lrScale
      update(parameters[i]!, gradients[i]!, this.#buffers[i]!, {
        weightDecay: group.weightDecay,
        momentum,
        // Both forms are p -= alongGradient g + alongBuffer b.
        alongGradient: this.#nesterov ? rate : 0,
        alongBuffer: this.#nesterov ? rate * momentum : rate,
        clipScale,
        average: ema?.averages[i],
        emaDecay: ema?.decay ?? 0,
      })
    }
  }

  state(): Record<string, NdArray> {
    return packState(this.#groups, { momentum_buffer: this.#buffers }, this.#step)
  }

  loadState(state: Readonly<Record<string, NdArray>>): void {
    this.#step = unpackState(this.#groups, { momentum_buffer: this.#buffers }, state)
  }
}

interface Coefficients {
  weightDecay: number
  momentum: number
  alongGradient: number
  alongBuffer: number
  clipScale: number
  average: Float32Array | undefined
  emaDecay: number
}

/** One pass over memory. The coefficients are read into locals once: the loop touches only numbers and typed arrays. */
function update(p: Float32Array, g: Float32Array, b: Float32Array, coefficients: Coefficients): void {
  const { weightDecay, momentum, alongGradient, alongBuffer, clipScale, average, emaDecay } = coefficients
  const emaRest = 1 - emaDecay
  const n = p.length
  for (let i = 0; i < n; i++) {
    const gradient = g[i]! * clipScale + weightDecay * p[i]!
    const buffer = momentum * b[i]! + gradient
    const updated = p[i]! - alongGradient * gradient - alongBuffer * buffer
    b[i] = buffer
    p[i] = updated
    if (average !== undefined) average[i] = emaDecay * average[i]! + emaRest * updated
  }
}
