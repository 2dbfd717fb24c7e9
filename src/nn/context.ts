/** How a forward pass is meant: training or evaluation, and where its random numbers come from. Nothing asks a global. */

import type { Dim, Shape } from "../tensor/dim.ts"
import { UsageError } from "../tensor/errors.ts"
import { type NdArray, ndarray } from "../tensor/ndarray.ts"
import { input, type Tensor } from "../tensor/tensor.ts"
import type { Buffer, Parameter } from "./module.ts"

/** The samples that a residual branch keeps. */
export interface KeptRows {
  /** Their positions in the batch, at least one: int64 [K]. */
  rows: Tensor
  /** Factor of each: 1 / (1 - rate), or 0 where none is kept: [K]. */
  factors: Tensor
}

export interface Context {
  /** Training (stochastic depth, dropout, batch statistics) or evaluation. */
  readonly training: boolean
  /**
   * Factors [N] for the samples of a residual branch: 0 for dropped ones, 1 / (1 - rate) for the others.
   * Only asked for in training.
   */
  dropPathFactors(rate: number): Tensor
  /** The same as positions of the samples that are kept. Only asked for in training. */
  keptRows(rate: number): KeptRows
  /** Factors for single elements: 0 for dropped ones, 1 / (1 - rate) for the others. Only asked for in training. */
  dropoutFactors(rate: number, shape: Shape): Tensor
  /** Gives a buffer its next value, which it takes after the step. Only asked for in training. */
  update(buffer: Buffer, value: Tensor): void
}

const forTrainingOnly = (): never => {
  throw new Error("random numbers and new values of buffers are for training only")
}

/** Evaluation: nothing is random. */
export const evaluation: Context = {
  training: false,
  dropPathFactors: forTrainingOnly,
  keptRows: forTrainingOnly,
  dropoutFactors: forTrainingOnly,
  update: forTrainingOnly,
}

/** A random choice of samples that a training step needs. */
export interface DropPathInput {
  name: string
  rate: number
  /** The step takes the positions of the kept samples, instead of a factor for each. */
  rows: boolean
}

/** Random factors of elements that a training step needs. */
export interface DropoutInput {
  name: string
  rate: number
  shape: Shape
}

/** Training: collects the random tensors that a step must be fed with, and the new values of buffers. */
export class TrainingContext implements Context {
  readonly training = true
  readonly dropPaths: DropPathInput[] = []
  readonly dropouts: DropoutInput[] = []
  readonly updates = new Map<Buffer, Tensor>()
  /** Parameters that do not change. */
  readonly frozen: ReadonlySet<Parameter>
  readonly #batch: Dim

  /** @param batch the batch dimension of the images. */
  constructor(batch: Dim, frozen: ReadonlySet<Parameter> = new Set()) {
    this.#batch = batch
    this.frozen = frozen
  }

  dropPathFactors(rate: number): Tensor {
    return input(this.#addDropPath(rate, false), [this.#batch])
  }

  keptRows(rate: number): KeptRows {
    const name = this.#addDropPath(rate, true)
    const kept = keptSymbol(name)
    return { rows: input(`${name}.rows`, [kept], "int64"), factors: input(`${name}.factors`, [kept]) }
  }

  dropoutFactors(rate: number, shape: Shape): Tensor {
    const name = `dropout.${this.dropouts.length}`
    this.dropouts.push({ name, rate, shape })
    return input(name, shape)
  }

  /** Throws a UsageError for a buffer that has another next value already: one of them would be lost. */
  update(buffer: Buffer, value: Tensor): void {
    if (this.updates.has(buffer)) {
      throw new UsageError(
        `${buffer.name} is updated twice in one forward pass: a layer with running statistics can be used only once in it`,
      )
    }
    this.updates.set(buffer, value)
  }

  /** Largest values of the symbolic dimensions that this context made up, for batches of a given size. */
  maxima(batch: number): Record<string, number> {
    return Object.fromEntries(this.dropPaths.flatMap(({ name, rows }) => (rows ? [[keptSymbol(name), batch]] : [])))
  }

  #addDropPath(rate: number, rows: boolean): string {
    const name = `drop_path.${this.dropPaths.length}`
    this.dropPaths.push({ name, rate, rows })
    return name
  }
}

/** The symbolic dimension of the samples of a batch. */
export const BATCH = "N"

/** The symbolic dimension that the samples kept by one residual branch have. */
export const keptSymbol = (dropPath: string) => `${dropPath}.kept`

/** The context for a module with these parameters: evaluation where training freezes all of them. */
export function forParameters(context: Context, parameters: readonly Parameter[]): Context {
  if (!(context instanceof TrainingContext) || parameters.length === 0) return context
  return parameters.every((parameter) => context.frozen.has(parameter)) ? evaluation : context
}

/** The values with which a step is fed for one random choice of samples. factors [N]: 0 for each dropped sample. */
export function dropPathFeeds({ name, rows }: DropPathInput, factors: Float32Array): Record<string, NdArray> {
  if (!rows) return { [name]: ndarray(factors) }
  const kept = [...factors.keys()].filter((sample) => factors[sample] !== 0)
  // Devices do not like empty tensors: where nothing is kept, one sample counts nothing.
  if (kept.length === 0) kept.push(0)
  return {
    [`${name}.rows`]: ndarray(BigInt64Array.from(kept, BigInt), [kept.length], "int64"),
    [`${name}.factors`]: ndarray(Float32Array.from(kept, (sample) => factors[sample]!)),
  }
}
