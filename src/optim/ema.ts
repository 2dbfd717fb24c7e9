/** Exponential moving average of weights: Polyak and Juditsky 1992, in the form of timm's `ModelEmaV3`. */

export interface EmaOptions {
  /** Weight of the old average, for example 0.9999. */
  decay: number
  /** Raise the decay with the number of updates, so that early weights are forgotten: see `emaDecay`. Default false. */
  warmup?: boolean
  /** Default 1. */
  warmupGamma?: number
  /** Default 2/3. */
  warmupPower?: number
  /** Least decay once averaging has begun. Default 0. */
  minDecay?: number
  /** Updates that only copy the weights. Default 0. */
  updateAfterStep?: number
}

/**
 * Decay of the update after optimizer step `step` (from 0). It is 0, a plain copy, up to step `updateAfterStep + 1`;
 * then, with warm-up, 1 - (1 + n / gamma)^-power for the n-th update, at least `minDecay`, at most `decay`.
 */
export function emaDecay(step: number, options: EmaOptions): number {
  const { decay, warmup = false, warmupGamma = 1, warmupPower = 2 / 3, minDecay = 0, updateAfterStep = 0 } = options
  const updates = Math.max(0, step - updateAfterStep - 1)
  if (updates === 0) return 0
  if (!warmup) return decay
  return Math.max(Math.min(1 - (1 + updates / warmupGamma) ** -warmupPower, decay), minDecay)
}
