/**
 * An update of all parameters as a graph: for devices with a memory of their own, where parameters, gradients and what
 * the optimizer keeps stay. It computes what the optimizers of this folder compute in host memory, in float32.
 */

import { UsageError } from "../tensor/errors.ts"
import type { Graph } from "../tensor/graph.ts"
import { type NdArray, ndarray } from "../tensor/ndarray.ts"
import { add, div, minimum, mul, sqrt, square, sub, sum } from "../tensor/ops/index.ts"
import { input, type Operand, type Tensor } from "../tensor/tensor.ts"
import type { AdamWOptions } from "./adamw.ts"
import type { ParameterGroup } from "./groups.ts"
import type { OptimizerName, OptimizerOptions, OptimizerSpec } from "./index.ts"
import type { SgdOptions } from "./sgd.ts"

/** One parameter in an update: its value, its gradient, its slots in the rule's order, and the inputs for scalars. */
interface Update {
  parameter: Tensor
  gradient: Tensor
  slots: readonly Tensor[]
  scalars: Readonly<Record<string, Tensor>>
  group: ParameterGroup
}

/** An optimizer as nodes of a graph. */
interface Rule {
  /** What it keeps for each parameter, by PyTorch's names. */
  slots: readonly string[]
  /** Numbers that change from update to update. They are computed here, in float64, and fed. `step` counts from 1. */
  scalars(step: number, lr: number): Record<string, number>
  /** The new parameter, and its new slots. */
  update(update: Update): readonly [parameter: Tensor, ...slots: Tensor[]]
}

/** The equations are those of `AdamW`. */
function adamwRule({ betas: [beta1, beta2] = [0.9, 0.999], eps = 1e-8 }: AdamWOptions): Rule {
  return {
    slots: ["exp_avg", "exp_avg_sq"],
    scalars: (step, lr) => ({
      lr,
      stepSize: lr / (1 - beta1 ** step),
      rootScale: 1 / Math.sqrt(1 - beta2 ** step),
    }),
    update: ({ parameter, gradient, slots: [expAvg, expAvgSq], scalars, group }) => {
      const first = add(mul(expAvg!, beta1), mul(gradient, 1 - beta1))
      const second = add(mul(expAvgSq!, beta2), mul(square(gradient), 1 - beta2))
      const direction = div(first, add(mul(sqrt(second), scalars.rootScale!), eps))
      const kept = decayed(parameter, mul(scalars.lr!, group.lrScale * group.weightDecay), group)
      return [sub(kept, mul(direction, mul(scalars.stepSize!, group.lrScale))), first, second]
    },
  }
}

/** p - rate p, or p itself where the group does not decay. */
function decayed(parameter: Tensor, rate: Operand, { weightDecay }: ParameterGroup): Tensor {
  return weightDecay === 0 ? parameter : sub(parameter, mul(parameter, rate))
}

/** The equations are those of `Sgd`. */
function sgdRule({ momentum = 0.9, nesterov = true }: SgdOptions): Rule {
  return {
    slots: ["momentum_buffer"],
    scalars: (_, lr) => ({ lr }),
    update: ({ parameter, gradient, slots: [momentumBuffer], scalars, group }) => {
      const slope = group.weightDecay === 0 ? gradient : add(gradient, mul(parameter, group.weightDecay))
      const buffer = add(mul(momentumBuffer!, momentum), slope)
      const direction = nesterov ? add(slope, mul(buffer, momentum)) : buffer
      return [sub(parameter, mul(direction, mul(scalars.lr!, group.lrScale))), buffer]
    },
  }
}

const rules: { [N in OptimizerName]?: (options: OptimizerOptions[N]) => Rule } = {
  adamw: adamwRule,
  sgd: sgdRule,
}

function ruleOf(spec: OptimizerSpec): Rule {
  if (!Object.hasOwn(rules, spec.name)) {
    const known = Object.keys(rules).join(", ")
    throw new UsageError(`optimizer ${spec.name} does not run on this device: use ${known}, or --device cpu`)
  }
  return (rules[spec.name] as (options: OptimizerSpec) => Rule)(spec)
}

/** Names of the values that an update reads. Its graph gives their new values under `updated(name)`. */
export const slotName = (parameter: string, slot: string): string => `optimizer/${parameter}.${slot}`
export const averageName = (parameter: string): string => `ema/${parameter}`
export const gradientName = (parameter: string): string => `gradient/${parameter}`
export const sumName = (parameter: string): string => `accumulated/${parameter}`
export const updated = (name: string): string => `updated/${name}`

export interface GraphUpdateOptions {
  /** Gradients are scaled to at most this norm. Default: none. */
  clipGradNorm?: number
  /** Batches whose gradients were added up. Default 1. */
  accumulate?: number
  /** Keep the exponential moving average of the parameters. Default false. */
  ema?: boolean
  /** Float32 values that are averaged like the parameters but do not learn: running statistics. Default none. */
  averaged?: readonly Pick<ParameterGroup, "name" | "shape">[]
}

/** What is fed to one update besides values of the device. */
export interface UpdateScalars {
  /** Number of the update, from 1. */
  step: number
  /** Learning rate, before each parameter's own scale. */
  lr: number
  /** Decay of the moving average: see `emaDecay`. */
  emaDecay?: number
}

/** An update of all parameters. */
export interface GraphUpdate {
  /**
   * Inputs: for each parameter its value (by its name), `gradientName` (or the sum over `accumulate` batches), its
   * `slotName`s and `averageName`; of what is averaged only, the value and `averageName`. Outputs: `updated` of all that
   * changes, and the scalar `gradNorm`, the L2 norm of all gradients before clipping.
   */
  graph: Graph
  /** The optimizer's slots of each parameter, which begin as zeros. */
  slots: readonly string[]
  /** The graph's scalar inputs for one update. */
  scalars(values: UpdateScalars): Record<string, NdArray>
}

/**
 * The update of an optimizer with clipping by the global norm and the moving average.
 * Throws a UsageError for an optimizer that has no form as a graph.
 */
export function graphUpdate(
  spec: OptimizerSpec,
  groups: readonly ParameterGroup[],
  { clipGradNorm, accumulate = 1, ema = false, averaged = [] }: GraphUpdateOptions = {},
): GraphUpdate {
  const rule = ruleOf(spec)
  const scalarNames = Object.keys(rule.scalars(1, 0))
  const scalars = Object.fromEntries(scalarNames.map((name) => [name, input(scalarName(name), [])]))
  const emaRest = input(scalarName("emaRest"), [])
  const sums = groups.map(({ name, shape }) => input(gradientName(name), shape))
  const gradNorm = meanNorm(sums, accumulate)
  const scale = gradientScale(gradNorm, clipGradNorm, accumulate)
  const graph: Record<string, Tensor> = { gradNorm }
  for (const [i, group] of groups.entries()) {
    const { name, shape } = group
    const slotNames = rule.slots.map((slot) => slotName(name, slot))
    const [parameter, ...slots] = rule.update({
      parameter: input(name, shape),
      gradient: scale === undefined ? sums[i]! : mul(sums[i]!, scale),
      slots: slotNames.map((slot) => input(slot, shape)),
      scalars,
      group,
    })
    graph[updated(name)] = parameter
    slotNames.forEach((slot, j) => {
      graph[updated(slot)] = slots[j]!
    })
    if (ema) graph[updated(averageName(name))] = nextAverage(group, parameter, emaRest)
  }
  for (const value of ema ? averaged : []) {
    graph[updated(averageName(value.name))] = nextAverage(value, input(value.name, value.shape), emaRest)
  }
  return {
    graph,
    slots: rule.slots,
    scalars: ({ step, lr, emaDecay = 0 }) => {
      const values = { ...rule.scalars(step, lr), ...(ema ? { emaRest: 1 - emaDecay } : {}) }
      return Object.fromEntries(Object.entries(values).map(([name, value]) => [scalarName(name), ndarray([value], [])]))
    },
  }
}

/** average + rest (value - average), with rest = 1 - decay: fed, as this difference in float32 has few of its digits. */
function nextAverage({ name, shape }: Pick<ParameterGroup, "name" | "shape">, value: Tensor, rest: Tensor): Tensor {
  const average = input(averageName(name), shape)
  return add(average, mul(sub(value, average), rest))
}

const scalarName = (name: string) => `scalar/${name}`

/** A factor on all gradients: see `clipScale`. Undefined stands for 1. */
function gradientScale(gradNorm: Tensor, clipGradNorm: number | undefined, accumulate: number): Operand | undefined {
  if (clipGradNorm === undefined) return accumulate === 1 ? undefined : 1 / accumulate
  const clip = minimum(div(clipGradNorm, add(gradNorm, 1e-6)), 1)
  return accumulate === 1 ? clip : mul(clip, 1 / accumulate)
}

/**
 * Adds the gradients of a batch to those of earlier ones. Inputs: `sumName` and `gradientName` of each parameter. Outputs:
 * `updated` of the sums, and the scalar `gradNorm`, the norm of the new sums over `accumulate`.
 */
export function accumulationGraph(groups: readonly ParameterGroup[], accumulate: number): Graph {
  const sums = groups.map(({ name, shape }) => add(input(sumName(name), shape), input(gradientName(name), shape)))
  const outputs = groups.map(({ name }, i) => [updated(sumName(name)), sums[i]!] as const)
  return { gradNorm: meanNorm(sums, accumulate), ...Object.fromEntries(outputs) }
}

/** L2 norm over the elements of all gradients, over the number of batches that they are the sum of. */
function meanNorm(sums: readonly Tensor[], accumulate: number): Tensor {
  const norm = sqrt(sums.map((gradient) => sum(square(gradient))).reduce((total, squares) => add(total, squares)))
  return accumulate === 1 ? norm : mul(norm, 1 / accumulate)
}
