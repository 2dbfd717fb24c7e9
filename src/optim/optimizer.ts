/** What every optimizer does: update parameters in place, and give its state away and take it back. */

import { InputError } from "../tensor/errors.ts"
import { type NdArray, ndarray } from "../tensor/ndarray.ts"
import type { ParameterGroup } from "./groups.ts"

/** One update. */
export interface StepOptions {
  /** Learning rate of this step, before each parameter's own scale. */
  lr: number
  /** Factor on all gradients: see `clipScale`. Default 1. */
  clipScale?: number
  /** Exponential moving average of the parameters, brought up to date in the same pass over memory. */
  ema?: EmaTarget
}

/** Where the average is kept: average = decay * average + (1 - decay) * parameter. */
export interface EmaTarget {
  /** One array for each parameter, in the same order. */
  averages: readonly Float32Array[]
  decay: number
}

/** Updates parameters from their gradients. It is made for a list of parameter groups and keeps to their order. */
export interface Optimizer {
  /** Updates `parameters` in place. Throws a RangeError if an array does not have its group's size. */
  step(parameters: readonly Float32Array[], gradients: readonly Float32Array[], options: StepOptions): void
  /**
   * All that a resumed run needs, by name: `step`, and `PARAMETER.SLOT` (PyTorch's slot names) with the parameter's
   * shape. The arrays are those the optimizer works on: copy them before the next step, or write them out.
   */
  state(): Record<string, NdArray>
  /** Takes back what `state` gave. Throws an InputError if an array is missing or has another size. */
  loadState(state: Readonly<Record<string, NdArray>>): void
}

/** The arrays of one kind that an optimizer keeps, such as `exp_avg`: one for each parameter. */
export type Slots = Record<string, readonly Float32Array[]>

/** Gives a new zero-filled array of the size of the i-th parameter. */
export type Allocate = (i: number) => Float32Array

/** A zero-filled array for each parameter. */
export function makeSlot(
  groups: readonly ParameterGroup[],
  allocate: Allocate = (i) => new Float32Array(groups[i]!.size),
): Float32Array[] {
  return groups.map((_, i) => allocate(i))
}

/** The body of `Optimizer.state`. */
export function packState(groups: readonly ParameterGroup[], slots: Slots, step: number): Record<string, NdArray> {
  const state: Record<string, NdArray> = { step: ndarray([step], [], "int32") }
  for (const [slot, arrays] of Object.entries(slots)) {
    for (const [i, { name, shape }] of groups.entries()) state[`${name}.${slot}`] = ndarray(arrays[i]!, shape)
  }
  return state
}

/** The body of `Optimizer.loadState`: fills `slots` and returns the step. Nothing is changed if it throws. */
export function unpackState(
  groups: readonly ParameterGroup[],
  slots: Slots,
  state: Readonly<Record<string, NdArray>>,
): number {
  const copies: [target: Float32Array, source: Float32Array][] = []
  for (const [slot, arrays] of Object.entries(slots)) {
    for (const [i, { name }] of groups.entries()) {
      const source = state[`${name}.${slot}`]
      const target = arrays[i]!
      if (!(source?.data instanceof Float32Array) || source.data.length !== target.length) {
        const found = source ? `${source.data.length} values of ${source.dtype}` : "nothing"
        throw new InputError(
          `optimizer state: ${name}.${slot} must hold ${target.length} values of float32, found ${found}; ` +
            "the state belongs to another model or optimizer",
        )
      }
      copies.push([target, source.data])
    }
  }
  const step = state.step?.data[0]
  if (step === undefined) throw new InputError("optimizer state: step is missing; the file is not an optimizer state")
  for (const [target, source] of copies) target.set(source)
  return Number(step)
}

/** Throws a RangeError unless there is one array of the right size for each group. */
export function checkArrays(what: string, groups: readonly ParameterGroup[], arrays: readonly Float32Array[]): void {
  if (arrays.length !== groups.length) {
    throw new RangeError(`optimizer step: ${arrays.length} ${what} for ${groups.length} parameter groups`)
  }
  for (const [i, { name, size }] of groups.entries()) {
    if (arrays[i]!.length !== size) {
      throw new RangeError(`optimizer step: ${what} of ${name} must have ${size} elements, got ${arrays[i]!.length}`)
    }
  }
}
