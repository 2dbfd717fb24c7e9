/** Values of parameters and buffers by name: how those of a checkpoint compare with those of a model. */

import { printShape } from "../tensor/dim.ts"
import { InputError } from "../tensor/errors.ts"
import { elementsOf } from "../tensor/float16.ts"
import { type NdArray, sizeOf, zeros } from "../tensor/ndarray.ts"
import { regionOf } from "../tensor/stored.ts"
import type { StateDict } from "./network.ts"

/** Names of weights, by what became of them. */
export interface LoadResult {
  loaded: string[]
  /** In the model and not among the given: they stay as they were. */
  missing: string[]
  /** Given, and not in the model. */
  unexpected: string[]
  /** In both, of different shapes: they stay as they were. */
  mismatched: string[]
}

/** Counters of batches: older checkpoints do not have them, and evaluation does not need them. */
export const isCounter = (name: string): boolean => name.endsWith(".num_batches_tracked")

/** What becomes of `given` values in a model that has the values `own`. */
export function compareStates(own: Readonly<StateDict>, given: Readonly<StateDict>): LoadResult {
  const fits = (name: string) => printShape(given[name]!.shape) === printShape(own[name]!.shape)
  const shared = Object.keys(own).filter((name) => Object.hasOwn(given, name))
  return {
    loaded: shared.filter(fits),
    missing: Object.keys(own).filter((name) => !Object.hasOwn(given, name) && !isCounter(name)),
    unexpected: Object.keys(given).filter((name) => !Object.hasOwn(own, name)),
    mismatched: shared.filter((name) => !fits(name)),
  }
}

/** Throws an InputError unless every array has as many values as its shape says. What is still in a file has. */
export function requireFilled(dict: Readonly<StateDict>): void {
  for (const [name, value] of Object.entries(dict)) {
    if (regionOf(value)) continue
    const { shape, data } = value
    if (data.length === sizeOf(shape)) continue
    throw new InputError(`${name} ${printShape(shape)} needs ${sizeOf(shape)} values, but its data has ${data.length}`)
  }
}

/** A copy of values in another type. */
export function widened(value: NdArray, dtype: NdArray["dtype"]): NdArray {
  const copy = zeros(value.shape, dtype)
  copyElements(value, copy)
  return copy
}

/** Copies values into an array of the same shape, whatever both types. */
export function copyElements(from: NdArray, { data }: NdArray): void {
  const values = elementsOf(from)
  if (data instanceof BigInt64Array) for (let i = 0; i < data.length; i++) data[i] = BigInt(values[i]!)
  else for (let i = 0; i < data.length; i++) data[i] = Number(values[i])
}
