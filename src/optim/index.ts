/** Optimizers, learning-rate schedules, parameter groups, clipping and weight averaging. */

import { suggestion, UsageError } from "../tensor/errors.ts"
import { AdamW, type AdamWOptions } from "./adamw.ts"
import type { ParameterGroup } from "./groups.ts"
import type { Allocate, Optimizer } from "./optimizer.ts"
import { Sgd, type SgdOptions } from "./sgd.ts"

export { AdamW, type AdamWOptions } from "./adamw.ts"
export { clipScale, gradientNorm } from "./clip.ts"
export { type EmaOptions, emaDecay } from "./ema.ts"
export { type GroupOptions, type ParameterGroup, type ParameterInfo, parameterGroups } from "./groups.ts"
export type { EmaTarget, Optimizer, StepOptions } from "./optimizer.ts"
export { type CosineOptions, cosineSchedule } from "./schedules/cosine.ts"
export { type PolyOptions, polySchedule } from "./schedules/poly.ts"
export type { CyclicOptions, Schedule, WarmupOptions } from "./schedules/schedule.ts"
export { type MultiStepOptions, multiStepSchedule, type StepScheduleOptions, stepSchedule } from "./schedules/step.ts"
export { type TanhOptions, tanhSchedule } from "./schedules/tanh.ts"
export { Sgd, type SgdOptions } from "./sgd.ts"

/** Options of each optimizer, by name. */
export interface OptimizerOptions {
  adamw: AdamWOptions
  sgd: SgdOptions
}

export type OptimizerName = keyof OptimizerOptions

/** An optimizer's name beside its options, for example `{ name: "adamw", eps: 1e-6 }`. */
export type OptimizerSpec = { [N in OptimizerName]: { name: N } & OptimizerOptions[N] }[OptimizerName]

const optimizers: {
  [N in OptimizerName]: new (
    groups: readonly ParameterGroup[],
    options: OptimizerOptions[N],
    allocate?: Allocate,
  ) => Optimizer
} = {
  adamw: AdamW,
  sgd: Sgd,
}

/**
 * The optimizer that `spec` names, for parameters in the order of `groups`. Throws a UsageError for an unknown name.
 * @param allocate makes the arrays that it keeps; by default anywhere
 */
export function createOptimizer(
  spec: OptimizerSpec,
  groups: readonly ParameterGroup[],
  allocate?: Allocate,
): Optimizer {
  if (!Object.hasOwn(optimizers, spec.name)) {
    const known = Object.keys(optimizers)
    const hint = suggestion(String(spec.name), known) || "."
    throw new UsageError(`unknown optimizer "${spec.name}"${hint} There are ${known.join(", ")}`)
  }
  return new optimizers[spec.name](groups, spec, allocate)
}
