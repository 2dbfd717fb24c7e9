/** Polynomial decay, as in DeepLab (Chen et al. 2017, section 4.1); timm's `PolyLRScheduler`. */

import { type CyclicOptions, cyclic, type Schedule, withWarmup } from "./schedule.ts"

export interface PolyOptions extends CyclicOptions {
  /** 1 is linear. Default 0.5. */
  power?: number
}

/** minLr + (lr - minLr) (1 - t / totalSteps)^power, then minLr. */
export function polySchedule(options: PolyOptions): Schedule {
  const { power = 0.5 } = options
  return withWarmup(
    options,
    cyclic(options, (t, length) => (1 - t / length) ** power),
  )
}
