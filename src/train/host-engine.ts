/** Training with all values in host memory: one graph gives the loss and all gradients, the optimizer updates in place. */

import type { StateDict } from "../models/network.ts"
import { averageName, gradientName, sumName } from "../optim/graph.ts"
import { clipScale, createOptimizer, gradientNorm, type Optimizer } from "../optim/index.ts"
import { ParameterSpace } from "../optim/kernels/space.ts"
import type { Allocate } from "../optim/optimizer.ts"
import { Program } from "../runtime/program.ts"
import { ProgramCache } from "../runtime/program-cache.ts"
import { InputError } from "../tensor/errors.ts"
import { type NdArray, ndarray, type TypedArray, zeros } from "../tensor/ndarray.ts"
import {
  type Counters,
  type EngineBatch,
  type EngineOptions,
  type EngineStepResult,
  PROGRAM_CACHE,
  type TrainingEngine,
} from "./engine.ts"
import { bufferName, LOSS } from "./step-graph.ts"

/** Gradient, and the most that an optimizer keeps. */
const LEAST_ARRAYS = 3

interface HostProgram {
  program: Program
  /** Buffers that the step gives a new value. */
  buffers: readonly string[]
}

export class HostEngine implements TrainingEngine {
  readonly stale = false
  readonly averages: StateDict | undefined
  readonly #options: EngineOptions
  readonly #names: readonly string[]
  readonly #parameters: Float32Array[]
  readonly #optimizer: Optimizer
  readonly #sums: Float32Array[] | undefined
  /** Where the graphs put their results, whatever the shape of the batch. */
  readonly #outputs: StateDict
  readonly #gradients: Float32Array[]
  readonly #programs = new ProgramCache<HostProgram>(PROGRAM_CACHE, ({ program }) => program.dispose())
  #counters: Counters = { updates: 0, batches: 0 }

  constructor(options: EngineOptions) {
    const { weights, groups, buffers, optimizer, ema, accumulate = 1 } = options
    this.#options = options
    this.#names = groups.map(({ name }) => name)
    this.#parameters = this.#names.map((name) => weights[name]!.data as Float32Array)
    const space = new ParameterSpace(
      groups.map(({ size }) => size),
      LEAST_ARRAYS + Number(ema) + Number(accumulate > 1),
    )
    const allocate: Allocate = (i) => space.allocate(i)
    this.#optimizer = createOptimizer(optimizer, groups, allocate)
    if (accumulate > 1) this.#sums = groups.map((_, i) => allocate(i))
    this.#gradients = groups.map((_, i) => allocate(i))
    if (ema) {
      this.averages = copyOf(weights, buffers)
      for (const [i, { name, shape }] of groups.entries()) {
        const average = allocate(i)
        average.set(this.#parameters[i]!)
        this.averages[name] = ndarray(average, shape)
      }
    }
    this.#outputs = { [LOSS]: zeros([]) }
    for (const [i, { name, shape }] of groups.entries()) {
      this.#outputs[gradientName(name)] = ndarray(this.#gradients[i]!, shape)
    }
    for (const name of buffers) this.#outputs[bufferName(name)] = zeros(weights[name]!.shape, weights[name]!.dtype)
  }

  get counters(): Counters {
    return { ...this.#counters }
  }

  async step(batch: EngineBatch): Promise<EngineStepResult> {
    const { clipGradNorm, accumulate = 1 } = this.#options
    const { loss, buffers } = await this.#differentiate(batch)
    const batchNorm = gradientNorm(this.#gradients)
    if (!Number.isFinite(loss) || !Number.isFinite(batchNorm)) {
      return { loss, gradNorm: batchNorm, finite: false, updated: false }
    }
    this.#counters.batches++
    for (const name of buffers) copyInto(this.#outputs[bufferName(name)]!.data, this.#options.weights[name]!.data)
    if (this.#sums) addInto(this.#sums, this.#gradients)
    const gradNorm = this.#sums ? gradientNorm(this.#sums) / accumulate : batchNorm
    const updated = this.#counters.batches % accumulate === 0
    if (updated) {
      this.#update(batch, (clipGradNorm ? clipScale(gradNorm, clipGradNorm) : 1) / accumulate)
      for (const sum of this.#sums ?? []) sum.fill(0)
      this.#counters.updates++
    }
    return { loss, gradNorm, finite: true, updated }
  }

  async gradients(batch: Omit<EngineBatch, "lr">): Promise<{ loss: number; gradients: StateDict }> {
    const { loss } = await this.#differentiate(batch)
    const gradients = this.#names.map((name) => [name, copy(this.#outputs[gradientName(name)]!)])
    return { loss, gradients: Object.fromEntries(gradients) }
  }

  /** The weights are read where they are. */
  async reload(): Promise<void> {}

  async sync(): Promise<void> {}

  state(): StateDict {
    const tensors: StateDict = {}
    for (const [name, value] of Object.entries(this.#optimizer.state())) tensors[`optimizer/${name}`] = value
    for (const [name, value] of Object.entries(this.averages ?? {})) tensors[averageName(name)] = value
    this.#sums?.forEach((sum, i) => {
      tensors[sumName(this.#names[i]!)] = ndarray(sum, this.#options.groups[i]!.shape)
    })
    return tensors
  }

  async restore(state: Readonly<StateDict>, counters: Counters): Promise<void> {
    const optimizer = Object.entries(state).flatMap(([name, value]) =>
      name.startsWith("optimizer/") ? [[name.slice("optimizer/".length), value] as const] : [],
    )
    const own = Object.entries(this.state()).filter(([name]) => !name.startsWith("optimizer/"))
    requireFitting(state, Object.fromEntries(own))
    this.#optimizer.loadState(Object.fromEntries(optimizer))
    copyFitting(state, Object.fromEntries(own))
    this.#counters = { ...counters }
  }

  values(ema: boolean): StateDict {
    // What is frozen is its own average.
    return ema ? { ...this.#options.weights, ...this.averages } : this.#options.weights
  }

  dispose(): Promise<void> {
    return this.#programs.clear()
  }

  /** Runs forward and backward; the gradients are in `#gradients` then. */
  #differentiate({
    key,
    trace,
    feeds,
  }: Omit<EngineBatch, "lr">): Promise<{ loss: number; buffers: readonly string[] }> {
    return this.#programs.use(
      key,
      () => this.#compile(trace()),
      async ({ program, buffers }) => {
        await program.run({ ...this.#options.weights, ...feeds }, this.#outputs)
        return { loss: Number(this.#outputs[LOSS]!.data[0]), buffers }
      },
    )
  }

  /** Frozen weights become part of the compiled graph. */
  async #compile({ graph, maxima, anonymousDims, buffers }: ReturnType<EngineBatch["trace"]>): Promise<HostProgram> {
    const { name, backend, threads, weights } = this.#options
    const changing = new Set([...this.#names, ...buffers])
    const constants = Object.fromEntries(Object.entries(weights).filter(([weight]) => !changing.has(weight)))
    const options = {
      name: `${name} training step`,
      backend,
      threads,
      constants,
      maxima,
      anonymousDims,
      rewrite: false,
    }
    return { program: await Program.create(graph, options), buffers }
  }

  #update({ lr, emaDecay }: EngineBatch, clip: number): void {
    const { averages } = this
    const target = averages &&
      emaDecay !== undefined && {
        averages: this.#names.map((name) => averages[name]!.data as Float32Array),
        decay: emaDecay,
      }
    this.#optimizer.step(this.#parameters, this.#sums ?? this.#gradients, {
      lr,
      clipScale: clip,
      ema: target || undefined,
    })
    if (target) this.#averageBuffers(target.decay)
  }

  /** average = decay * average + (1 - decay) * value; integers are taken over. As timm's ModelEmaV3. */
  #averageBuffers(decay: number): void {
    for (const name of this.#options.buffers) {
      const average = this.averages![name]!.data
      const value = this.#options.weights[name]!.data
      if (!(average instanceof Float32Array)) copyInto(value, average)
      else for (const [i, v] of (value as Float32Array).entries()) average[i]! += (1 - decay) * (v - average[i]!)
    }
  }
}

function copy({ shape, dtype, data }: NdArray): NdArray {
  return { shape: [...shape], dtype, data: data.slice() }
}

/** Copies of some values. */
export function copyOf(state: Readonly<StateDict>, names: Iterable<string>): StateDict {
  return Object.fromEntries([...names].map((name) => [name, copy(state[name]!)]))
}

/** Both arrays have the same type. */
export function copyInto(from: TypedArray, to: TypedArray): void {
  ;(to as Float32Array).set(from as Float32Array)
}

function addInto(sums: readonly Float32Array[], values: readonly Float32Array[]): void {
  for (const [i, sum] of sums.entries()) {
    const value = values[i]!
    for (let j = 0; j < sum.length; j++) sum[j]! += value[j]!
  }
}

/** Throws an InputError unless `state` has a value for each target, of the same size. */
function requireFitting(state: Readonly<StateDict>, targets: Readonly<StateDict>): void {
  for (const [name, { data }] of Object.entries(targets)) {
    if (state[name]?.data.length !== data.length) throw new InputError(`the saved state has no fitting ${name}`)
  }
}

/** Fills arrays with the values of the same names. Throws an InputError, with nothing changed, if one does not fit. */
export function copyFitting(state: Readonly<StateDict>, targets: Readonly<StateDict>): void {
  requireFitting(state, targets)
  for (const [name, { data }] of Object.entries(targets)) copyInto(state[name]!.data, data)
}
