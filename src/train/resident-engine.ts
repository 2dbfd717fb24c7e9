/** Training on a device with a memory of its own, with copies of its values in host memory for when they are asked for. */

import type { StateDict } from "../models/network.ts"
import { averageName, slotName, sumName } from "../optim/graph.ts"
import type { Value } from "../runtime/backend.ts"
import { InputError } from "../tensor/errors.ts"
import { type NdArray, ndarray, zeros } from "../tensor/ndarray.ts"
import type { Counters, EngineBatch, EngineOptions, EngineStepResult, TrainingEngine } from "./engine.ts"
import { copyInto, copyOf } from "./host-engine.ts"
import { createResidentTraining, type ResidentTraining } from "./resident.ts"

export class ResidentEngine implements TrainingEngine {
  readonly averages: StateDict | undefined
  readonly #options: EngineOptions
  readonly #training: ResidentTraining
  /** What the optimizer keeps, and sums of gradients. */
  readonly #state: StateDict = {}
  #stale = false

  private constructor(options: EngineOptions, training: ResidentTraining) {
    const { weights, groups, buffers, ema, accumulate = 1 } = options
    this.#options = options
    this.#training = training
    if (ema) this.averages = copyOf(weights, [...groups.map(({ name }) => name), ...buffers])
    for (const { name, shape } of groups) {
      for (const slot of training.slots) this.#state[slotName(name, slot)] = zeros(shape)
      if (accumulate > 1) this.#state[sumName(name)] = zeros(shape)
    }
  }

  /** Copies the weights to the device. Throws a UsageError for an optimizer without a graph. */
  static async create(options: EngineOptions): Promise<ResidentEngine> {
    return new ResidentEngine(options, await createResidentTraining(options))
  }

  get counters(): Counters {
    return this.#training.counters
  }

  get stale(): boolean {
    return this.#stale
  }

  async step(batch: EngineBatch): Promise<EngineStepResult> {
    const result = await this.#training.step(batch)
    this.#stale ||= result.finite
    return result
  }

  gradients(batch: Omit<EngineBatch, "lr">): Promise<{ loss: number; gradients: StateDict }> {
    return this.#training.gradients(batch)
  }

  async reload(): Promise<void> {
    await this.#training.write(this.#options.weights)
  }

  async sync(): Promise<void> {
    if (!this.#stale) return
    const { weights, groups, buffers } = this.#options
    const changing = [...groups.map(({ name }) => name), ...buffers]
    for (const name of changing) copyInto((await this.#training.read(name)).data, weights[name]!.data)
    for (const [name, average] of Object.entries(this.averages ?? {}))
      await this.#pull(averageName(name), average, name)
    for (const [name, value] of Object.entries(this.#state)) await this.#pull(name, value)
    this.#stale = false
  }

  state(): StateDict {
    const averages = Object.entries(this.averages ?? {}).map(([name, value]) => [averageName(name), value] as const)
    const step = ndarray([this.counters.updates], [], "int32")
    return { "optimizer/step": step, ...this.#state, ...Object.fromEntries(averages) }
  }

  async restore(state: Readonly<StateDict>, counters: Counters): Promise<void> {
    const { weights, accumulate = 1 } = this.#options
    const { "optimizer/step": _, ...expected } = this.state()
    for (const [name, { data }] of Object.entries(expected)) {
      if (state[name]?.data.length !== data.length) throw new InputError(`the saved state has no fitting ${name}`)
      copyInto(state[name].data, data)
    }
    const between = counters.batches % accumulate !== 0
    // Integer buffers have no average of their own, and sums are there between two updates alone.
    const known = Object.entries(expected).filter(
      ([name]) => this.#training.names.includes(name) || (between && name in this.#state),
    )
    await this.#training.write({ ...weights, ...Object.fromEntries(known) })
    this.#training.counters = counters
    this.#stale = false
  }

  values(ema: boolean): Readonly<Record<string, Value>> {
    const { values } = this.#training
    const weights = Object.entries(this.#options.weights).map(([name]) => {
      return [name, (ema ? values[averageName(name)] : undefined) ?? values[name]!] as const
    })
    return Object.fromEntries(weights)
  }

  dispose(): Promise<void> {
    return this.#training.dispose()
  }

  /** Copies a value of the device to the host: that of `otherwise`, or zeros, where there is none of its name. */
  async #pull(name: string, target: NdArray, otherwise?: string): Promise<void> {
    const { names } = this.#training
    const source = names.includes(name) ? name : otherwise
    if (source === undefined) target.data.fill(0 as never)
    else copyInto((await this.#training.read(source)).data, target.data)
  }
}
