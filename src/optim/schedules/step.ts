/** Decay in steps: every so often (timm's `StepLRScheduler`) or at given points (`MultiStepLRScheduler`). */

import { type Schedule, type WarmupOptions, withWarmup } from "./schedule.ts"

export interface StepScheduleOptions extends WarmupOptions {
  /** Steps between two decays; need not be whole. */
  decaySteps: number
  /** Factor of each decay. Default 1. */
  decayRate?: number
}

/** lr * decayRate^floor(t / decaySteps). */
export function stepSchedule(options: StepScheduleOptions): Schedule {
  const { lr, decaySteps, decayRate = 1 } = options
  return withWarmup(options, (t) => lr * decayRate ** Math.floor(t / decaySteps))
}

export interface MultiStepOptions extends WarmupOptions {
  /** Where the rate decays, in rising order. timm compares them with t + 1: milestone 6 acts from t = 5. */
  milestones: readonly number[]
  /** Factor of each decay. Default 1. */
  decayRate?: number
}

/** lr * decayRate^(number of milestones up to t + 1). */
export function multiStepSchedule(options: MultiStepOptions): Schedule {
  const { lr, milestones, decayRate = 1 } = options
  return withWarmup(options, (t) => lr * decayRate ** milestones.filter((milestone) => milestone <= t + 1).length)
}
