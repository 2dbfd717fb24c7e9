/** Cosine annealing with warm restarts: Loshchilov and Hutter 2017, "SGDR", equation 5; timm's `CosineLRScheduler`. */

import { type CyclicOptions, cyclic, type Schedule, withWarmup } from "./schedule.ts"

export interface CosineOptions extends CyclicOptions {
  /** Exponent on time: above 1 the rate stays high for longer (Zhang and Li 2020, "k-decay"). Default 1. */
  kDecay?: number
}

/** minLr + (lr - minLr) (1 + cos(pi t / totalSteps)) / 2, then minLr. */
export function cosineSchedule(options: CosineOptions): Schedule {
  const { kDecay = 1 } = options
  return withWarmup(
    options,
    cyclic(options, (t, length) => 0.5 * (1 + Math.cos((Math.PI * t ** kDecay) / length ** kDecay))),
  )
}
