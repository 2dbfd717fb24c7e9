/** Hyperbolic-tangent decay: Hsueh et al. 2019, "Stochastic gradient descent with hyperbolic-tangent decay"; timm's `TanhLRScheduler`. */

import { type CyclicOptions, cyclic, type Schedule, withWarmup } from "./schedule.ts"

export interface TanhOptions extends CyclicOptions {
  /** Argument of tanh at the start of a cycle. Default -7. */
  lowerBound?: number
  /** Argument of tanh at the end of a cycle. Default 3. */
  upperBound?: number
}

/** minLr + (lr - minLr) (1 - tanh(x)) / 2, where x runs from `lowerBound` to `upperBound`; then minLr. */
export function tanhSchedule(options: TanhOptions): Schedule {
  const { lowerBound = -7, upperBound = 3, warmupPrefix = false, warmupSteps = 0, lr } = options
  const schedule = cyclic(options, (t, length) => {
    const done = t / length
    return 0.5 * (1 - Math.tanh(lowerBound * (1 - done) + upperBound * done))
  })
  // Unlike the other schedules, this one warms up to its own value where the warm-up ends.
  return withWarmup(options, schedule, warmupPrefix ? lr : schedule(warmupSteps))
}
