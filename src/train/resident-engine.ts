/** Training on a device with a memory of its own, with copies of its values in host memory for when they are asked for. */

import type { StateDict } from "../models/network.ts"
import { averageName, slotName, sumName } from "../optim/graph.ts"
import type { Value } from "../runtime/backend.ts"
import { type NdArray, ndarray, zeros } from "../tensor/ndarray.ts"
import type { Counters, EngineBatch, EngineOptions, EngineStepResult, TrainingEngine } from "./engine.ts"
import { copyFitting, copyInto, copyOf } from "./host-engine.ts"
import { createResidentTraining, type ResidentTraining } from "./resident.ts"
import { bufferName } from "./step-graph.ts"

export class ResidentEngine implements TrainingEngine {
  readonly averages: StateDict | undefined
  readonly #options: EngineOptions
  readonly #training: ResidentTraining
  /** What the optimizer keeps, and sums of gradients. */
  readonly #state: StateDict = {}
  /** Buffers of the device, and counters of batches, which stay here: devices do not all compute 64-bit integers. */
  readonly #buffers: readonly string[]
  readonly #counters: readonly string[]
  #stale = false

  private constructor(options: EngineOptions, training: ResidentTraining) {
    const { weights, groups, buffers, ema, accumulate = 1 } = options
    this.#buffers = buffers.filter((name) => isFloat(weights[name]!))
    this.#counters = buffers.filter((name) => !isFloat(weights[name]!))
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
    const weights = Object.fromEntries(Object.entries(options.weights).filter(([, value]) => isFloat(value)))
    const buffers = options.buffers.filter((name) => weights[name])
    return new ResidentEngine(options, await createResidentTraining({ ...options, weights, buffers }))
  }

  get counters(): Counters {
    return this.#training.counters
  }

  get stale(): boolean {
    return this.#stale
  }

  async step(batch: EngineBatch): Promise<EngineStepResult> {
    const result = await this.#training.step({ ...batch, trace: () => this.#withoutCounters(batch) })
    this.#stale ||= result.finite
    if (result.finite) this.#count(batch.trace().buffers, result.updated && batch.emaDecay !== undefined)
    return result
  }

  gradients(batch: Omit<EngineBatch, "lr">): Promise<{ loss: number; gradients: StateDict }> {
    return this.#training.gradients({ ...batch, trace: () => this.#withoutCounters(batch) })
  }

  async reload(): Promise<void> {
    await this.#training.write(this.#onDevice(this.#options.weights))
  }

  async sync(): Promise<void> {
    if (!this.#stale) return
    const { weights, groups } = this.#options
    const changing = [...groups.map(({ name }) => name), ...this.#buffers]
    for (const name of changing) {
      await this.#pull(name, weights[name]!)
      if (this.averages) await this.#pull(averageName(name), this.averages[name]!)
    }
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
    copyFitting(state, expected)
    const between = counters.batches % accumulate !== 0
    // Sums are there between two updates alone.
    const known = Object.entries(expected).filter(
      ([name]) => this.#training.names.includes(name) || (between && name in this.#state),
    )
    await this.#training.write(this.#onDevice({ ...weights, ...Object.fromEntries(known) }))
    this.#training.counters = counters
    this.#stale = false
  }

  values(ema: boolean): Readonly<Record<string, Value>> {
    const { values } = this.#training
    const weights = Object.keys(this.#onDevice(this.#options.weights)).map((name) => {
      return [name, (ema ? values[averageName(name)] : undefined) ?? values[name]!] as const
    })
    return Object.fromEntries(weights)
  }

  #onDevice(values: Readonly<StateDict>): StateDict {
    return Object.fromEntries(Object.entries(values).filter(([, value]) => isFloat(value)))
  }

  #withoutCounters({ trace }: Pick<EngineBatch, "trace">): ReturnType<EngineBatch["trace"]> {
    const { graph, ...rest } = trace()
    const counters = new Set(this.#counters.map(bufferName))
    return { ...rest, graph: Object.fromEntries(Object.entries(graph).filter(([name]) => !counters.has(name))) }
  }

  /** Counts a batch, and takes the counts over into the average if it was an update. */
  #count(updated: readonly string[], intoAverage: boolean): void {
    const { weights } = this.#options
    for (const name of this.#counters) {
      const { data } = weights[name]!
      if (updated.includes(name)) (data as BigInt64Array)[0]!++
      if (intoAverage && this.averages) copyInto(data, this.averages[name]!.data)
    }
  }

  dispose(): Promise<void> {
    return this.#training.dispose()
  }

  /** Copies a value of the device to the host, or zeros where there is none of its name. */
  async #pull(name: string, target: NdArray): Promise<void> {
    if (this.#training.names.includes(name)) copyInto((await this.#training.read(name)).data, target.data)
    else target.data.fill(0 as never)
  }
}

const isFloat = ({ dtype }: NdArray): boolean => dtype === "float32"
