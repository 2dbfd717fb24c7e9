/** What learning-rate schedules share: warm-up, and the cycles of those that restart. Semantics are timm's. */

/** Learning rate at step t, from 0. Steps may be optimizer updates or epochs: the numbers are the same. */
export type Schedule = (t: number) => number

/** Linear warm-up, common to all schedules. */
export interface WarmupOptions {
  /** Learning rate of the schedule's start, reached at the end of warm-up. */
  lr: number
  /** Default 0. */
  warmupSteps?: number
  /** Learning rate of the first warm-up step. Default 0. */
  warmupLr?: number
  /**
   * Start the schedule after warm-up. Default false: it runs under the warm-up, which replaces its first steps, so
   * that the rate drops a little where warm-up ends and `totalSteps` counts both.
   */
  warmupPrefix?: boolean
}

/** Schedules that run down to `minLr` and may start again. */
export interface CyclicOptions extends WarmupOptions {
  /** Steps of the first cycle. */
  totalSteps: number
  /** Learning rate at the end of a cycle, and after the last one. Default 0. */
  minLr?: number
  /** Number of cycles. Default 1. */
  cycles?: number
  /** Length of a cycle in lengths of the one before it. Default 1. */
  cycleLength?: number
  /** Start of a cycle in starts of the one before it. Default 1. */
  cycleDecay?: number
}

/** `schedule` with warm-up before or over its first steps. Warm-up rises to `target`, by default `lr`. */
export function withWarmup(options: WarmupOptions, schedule: Schedule, target = options.lr): Schedule {
  const { warmupSteps = 0, warmupLr = 0, warmupPrefix = false } = options
  const rise = (target - warmupLr) / warmupSteps
  return (t) => (t < warmupSteps ? warmupLr + t * rise : schedule(warmupPrefix ? t - warmupSteps : t))
}

/**
 * A schedule of one or more cycles.
 * @param shape how much of the way from `minLr` to the cycle's start is left, given the steps since the start of the
 *   cycle and the cycle's length.
 */
export function cyclic(options: CyclicOptions, shape: (t: number, length: number) => number): Schedule {
  const { lr, minLr = 0, totalSteps, cycles = 1, cycleLength = 1, cycleDecay = 1 } = options
  return (t) => {
    let start = 0
    let length = totalSteps
    for (let cycle = 0; cycle < cycles; cycle++) {
      if (t < start + length) return minLr + (lr * cycleDecay ** cycle - minLr) * shape(t - start, length)
      start += length
      length *= cycleLength
    }
    return minLr
  }
}
