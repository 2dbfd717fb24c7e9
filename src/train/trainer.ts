/** Training steps: one compiled graph gives the loss and all gradients, the optimizer updates the weights in place. */

import type { Recompute } from "../autodiff/recompute.ts"
import type { Model } from "../models/model.ts"
import type { StateDict } from "../models/network.ts"
import { TrainingContext } from "../nn/context.ts"
import {
  clipScale,
  createOptimizer,
  type EmaOptions,
  emaDecay,
  gradientNorm,
  type Optimizer,
  type OptimizerSpec,
  parameterGroups,
  type Schedule,
} from "../optim/index.ts"
import { Program } from "../runtime/program.ts"
import { ProgramCache } from "../runtime/program-cache.ts"
import { printShape } from "../tensor/dim.ts"
import { InputError, UsageError } from "../tensor/errors.ts"
import { type NdArray, ndarray, type TypedArray, zeros } from "../tensor/ndarray.ts"
import { type Freeze, trainedParameters } from "./freeze.ts"
import { findNonFinite, NonFiniteError } from "./non-finite.ts"
import { randomFeeds } from "./random-feeds.ts"
import { bufferName, buildStepGraph, gradientName, LOSS, type StepGraph } from "./step-graph.ts"
import { softTargets } from "./targets.ts"

export interface LossOptions {
  name: "cross-entropy"
  /** Share of each target that is spread over all classes. Default 0. */
  labelSmoothing?: number
}

export type OptimizerOptions = OptimizerSpec & {
  lr: number
  /** Default 0. Norms and biases never decay. */
  weightDecay?: number
  /** Each layer learns this much slower than the next one. Default 1. */
  layerDecay?: number
}

export interface TrainerOptions {
  /** Default: AdamW. */
  optimizer: OptimizerOptions
  /** Learning rate of each update, counted from 0. Default: always the optimizer's. */
  schedule?: Schedule
  /** Default "cross-entropy". */
  loss?: "cross-entropy" | LossOptions
  /** Gradients are scaled to at most this norm. Default: none. */
  clipGradNorm?: number
  /** Keep an exponential moving average of the weights; with `warmup` its decay rises as timm's does. */
  ema?: Pick<EmaOptions, "decay" | "warmup">
  /** Batches whose gradients are averaged for one update. Default 1. */
  accumulate?: number
  /** What is left as it is: it costs nothing, and runs as in evaluation. Default: nothing. */
  freeze?: Freeze
  /** What the backward pass computes again instead of keeping it: slower, in less memory. Default "none". */
  recompute?: Recompute
  /** Seed of stochastic depth and dropout. Default 0. */
  seed?: number
}

/** A batch: images [N, H, W, C], normalised; targets [N] int32 classes or [N, K] float32 shares that sum to 1. */
export interface TrainingBatch {
  images: NdArray
  targets: NdArray
}

export interface StepResult {
  /** Mean loss of the batch, before the update. */
  loss: number
  /** L2 norm of all gradients before clipping; of the sum so far while gradients accumulate. */
  gradNorm: number
  lr: number
}

/** A graph for one shape of batch. */
interface StepProgram {
  program: Program
  step: StepGraph
}

/** Graphs that are kept for batches of different shapes. */
const PROGRAM_CACHE = 4

/** Makes a trainer. It changes the model's weights in place. Throws a UsageError for an option that makes no sense. */
export async function createTrainer(model: Model, options: TrainerOptions): Promise<Trainer> {
  return new Trainer(model, options)
}

export class Trainer {
  readonly #model: Model
  readonly #options: TrainerOptions
  /** The parameters that train. */
  readonly #names: string[]
  readonly #parameters: Float32Array[]
  readonly #averages: Float32Array[] | undefined
  readonly #averagedBuffers: StateDict | undefined
  readonly #optimizer: Optimizer
  readonly #accumulated: Float32Array[] | undefined
  /** Where the graphs put their results, whatever the shape of the batch. */
  readonly #outputs: Record<string, NdArray>
  readonly #gradients: Float32Array[]
  readonly #programs = new ProgramCache<StepProgram>(PROGRAM_CACHE, ({ program }) => program.dispose())
  readonly #forwards = new ProgramCache<Program>(PROGRAM_CACHE, (program) => program.dispose())
  #updates = 0
  #batches = 0
  #lr = 0

  /** Use {@link createTrainer}. */
  constructor(model: Model, options: TrainerOptions) {
    checkOptions(options)
    this.#model = model
    this.#options = options
    this.#names = trainedParameters(model.network, options.freeze)
    this.#parameters = this.#names.map((name) => model.weights[name]!.data as Float32Array)
    this.#outputs = { [LOSS]: zeros([]) }
    for (const name of this.#names) this.#outputs[gradientName(name)] = zeros(model.weights[name]!.shape)
    for (const [name, { size, dtype }] of model.network.buffers) this.#outputs[bufferName(name)] = zeros(size, dtype)
    this.#gradients = this.#names.map((name) => this.#outputs[gradientName(name)]!.data as Float32Array)
    const { lr, weightDecay = 0, layerDecay, ...spec } = options.optimizer
    const infos = [...model.network.parameters].map(([name, { size }]) => ({
      name,
      shape: size,
      layerGroup: model.network.root.layerGroup(name),
    }))
    const trained = new Set(this.#names)
    const { root } = model.network
    const noDecay = infos.flatMap(({ name }) => (root.noWeightDecay?.(name) ? [name] : []))
    const groups = parameterGroups(infos, { weightDecay, layerDecay, noDecay }).filter(({ name }) => trained.has(name))
    this.#optimizer = createOptimizer(spec, groups)
    if (options.ema) {
      this.#averages = this.#parameters.map((values) => values.slice())
      this.#averagedBuffers = copyOf(model.weights, model.network.buffers.keys())
    }
    if ((options.accumulate ?? 1) > 1) this.#accumulated = this.#parameters.map((p) => new Float32Array(p.length))
  }

  /** Number of updates so far. */
  get updates(): number {
    return this.#updates
  }

  /** Learning rate of the last update. */
  get lr(): number {
    return this.#lr
  }

  /**
   * One step: forward, backward, and once enough batches are accumulated the update.
   * Throws a NonFiniteError, with nothing updated, if the loss or a gradient is not finite.
   */
  async step(batch: TrainingBatch & { lr?: number }): Promise<StepResult> {
    const { optimizer, schedule, clipGradNorm, ema, accumulate = 1 } = this.#options
    const { loss, step } = await this.#run(batch)
    const batchNorm = gradientNorm(this.#gradients)
    if (!Number.isFinite(loss) || !Number.isFinite(batchNorm)) throw await this.#explain(batch, loss)
    this.#batches++
    this.#updateBuffers(step)
    const lr = batch.lr ?? schedule?.(this.#updates) ?? optimizer.lr
    const sums = this.#accumulated
    if (sums) addInto(sums, this.#gradients)
    const gradNorm = sums ? gradientNorm(sums) / accumulate : batchNorm
    if (this.#batches % accumulate !== 0) return { loss, gradNorm, lr }
    const clip = clipGradNorm ? clipScale(gradNorm, clipGradNorm) : 1
    const decay = ema && (ema.warmup ? emaDecay(this.#updates, ema) : ema.decay)
    this.#optimizer.step(this.#parameters, sums ?? this.#gradients, {
      lr,
      clipScale: clip / accumulate,
      ema: decay === undefined ? undefined : { averages: this.#averages!, decay },
    })
    if (decay !== undefined) averageBuffers(this.#averagedBuffers!, this.#model.weights, decay)
    for (const sum of sums ?? []) sum.fill(0)
    this.#lr = lr
    this.#updates++
    this.#model.invalidate()
    return { loss, gradNorm, lr }
  }

  /** Loss and gradients of one batch, with nothing updated. */
  async gradients(batch: TrainingBatch): Promise<{ loss: number; gradients: Record<string, NdArray> }> {
    const { loss } = await this.#run(batch)
    const copy = (name: string): NdArray => {
      const { shape, dtype, data } = this.#outputs[gradientName(name)]!
      return { shape, dtype, data: data.slice() }
    }
    return { loss, gradients: Object.fromEntries(this.#names.map((name) => [name, copy(name)])) }
  }

  /**
   * Logits [N, K] in evaluation mode, from the weights as they are or from their average. Nothing is compiled anew
   * after an update: for a validation between epochs. images [N, H, W, C].
   */
  async forward(images: NdArray, { ema = false }: { ema?: boolean } = {}): Promise<NdArray> {
    const { network, backend, threads, name } = this.#model
    const [, height, width] = images.shape as [number, number, number, number]
    const weights = ema ? this.emaWeights : this.#model.weights
    if (!weights) throw new UsageError("this trainer keeps no average: create it with ema: { decay }")
    const create = () =>
      Program.create({ logits: network.trace("N", height, width).logits }, { name, backend, threads })
    const run = (program: Program) => program.run({ ...weights, images })
    return (await this.#forwards.use(`${height}x${width}`, create, run)).logits!
  }

  /** The averaged weights. Throws a UsageError if the trainer keeps none. */
  emaStateDict(): StateDict {
    const averages = this.emaWeights
    if (!averages) throw new UsageError("this trainer keeps no average: create it with ema: { decay }")
    return copyOf(averages, Object.keys(averages))
  }

  /** The averaged weights themselves, not a copy; undefined if the trainer keeps none. */
  get emaWeights(): StateDict | undefined {
    const averages = this.#averages
    if (!averages) return undefined
    const trained = this.#names.map((name, i) => [name, ndarray(averages[i]!, this.#model.weights[name]!.shape)])
    // What is frozen is its own average.
    return { ...this.#model.weights, ...Object.fromEntries(trained), ...this.#averagedBuffers }
  }

  /** What a resumed run needs besides the weights: the optimizer's state, its counters and the average. */
  state(): { tensors: StateDict; updates: number; batches: number; lr: number } {
    const tensors: StateDict = {}
    for (const [name, value] of Object.entries(this.#optimizer.state())) tensors[`optimizer/${name}`] = value
    this.#averages?.forEach((average, i) => {
      tensors[`ema/${this.#names[i]}`] = ndarray(average, this.#model.weights[this.#names[i]!]!.shape)
    })
    for (const [name, value] of Object.entries(this.#averagedBuffers ?? {})) tensors[`ema/${name}`] = value
    this.#accumulated?.forEach((sum, i) => {
      tensors[`accumulated/${this.#names[i]}`] = ndarray(sum)
    })
    return { tensors, updates: this.#updates, batches: this.#batches, lr: this.#lr }
  }

  /** Takes back what `state` gave. Throws an InputError if it belongs to another model or other options. */
  loadState({ tensors, updates, batches, lr }: ReturnType<Trainer["state"]>): void {
    const part = (prefix: string): StateDict =>
      Object.fromEntries(
        Object.entries(tensors).flatMap(([name, value]) =>
          name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [],
        ),
      )
    this.#optimizer.loadState(part("optimizer/"))
    restore(this.#averages, this.#names, part("ema/"), "ema")
    const buffers = Object.entries(this.#averagedBuffers ?? {})
    restore(
      buffers.map(([, { data }]) => data),
      buffers.map(([name]) => name),
      part("ema/"),
      "ema",
    )
    restore(this.#accumulated, this.#names, part("accumulated/"), "accumulated")
    this.#updates = updates
    this.#batches = batches
    this.#lr = lr
  }

  /** Frees the compiled graphs. */
  async dispose(): Promise<void> {
    await Promise.all([this.#programs.clear(), this.#forwards.clear()])
  }

  /** Runs forward and backward; the gradients are in `#gradients` then. */
  async #run({ images, targets }: TrainingBatch): Promise<{ loss: number; step: StepGraph }> {
    const { shape } = images
    const { inChannels } = this.#model.config
    if (shape.length !== 4 || shape[3] !== inChannels || shape[0] === 0) {
      throw new RangeError(`images must be [N, H, W, ${inChannels}] with N of at least 1, got ${printShape(shape)}`)
    }
    const create = () => this.#compile(shape as [number, number, number, number])
    // Frozen parameters are part of the compiled graph.
    const key = `${shape.join("x")} ${this.#model.revision}`
    return this.#programs.use(key, create, async ({ program, step }) => {
      await program.run(this.#feeds({ images, targets }, step), this.#outputs)
      return { loss: Number(this.#outputs[LOSS]!.data[0]), step }
    })
  }

  #feeds({ images, targets }: TrainingBatch, step: Pick<StepGraph, "dropPaths" | "dropouts">): Record<string, NdArray> {
    const { loss = "cross-entropy", seed = 0 } = this.#options
    const smoothing = typeof loss === "string" ? 0 : (loss.labelSmoothing ?? 0)
    const batch = images.shape[0]!
    return {
      ...this.#model.weights,
      ...randomFeeds(step, { seed, counter: this.#batches, batch }),
      images,
      targets: softTargets(targets, batch, this.#model.numClasses, smoothing),
    }
  }

  async #compile(images: [number, number, number, number]): Promise<StepProgram> {
    const { network, backend, threads, name, weights } = this.#model
    const step = buildStepGraph(network, { images, trained: this.#names, recompute: this.#options.recompute ?? "none" })
    const trained = new Set(this.#names)
    const constants = Object.fromEntries(
      Object.entries(weights).filter(([key]) => !trained.has(key) && !step.buffers.includes(key)),
    )
    const options = { name: `${name} training step`, backend, threads, constants, maxima: step.maxima }
    return { program: await Program.create(step.graph, options), step }
  }

  /** Takes over the running statistics that the step gave. */
  #updateBuffers({ buffers }: StepGraph): void {
    for (const name of buffers) copyValues(this.#outputs[bufferName(name)]!, this.#model.weights[name]!)
  }

  /** Finds where a value that is not finite came from. */
  async #explain(batch: TrainingBatch, loss: number): Promise<NonFiniteError> {
    const { network, backend, threads } = this.#model
    const [count, height, width] = batch.images.shape as [number, number, number]
    const context = new TrainingContext(count)
    const { logits } = network.trace(count, height, width, context)
    const feeds = this.#feeds(batch, context)
    // The search needs memory for all intermediate values: without it, what is known already must do.
    const found = await findNonFinite(logits, feeds, { backend, threads }).catch(() => undefined)
    const inGradients = this.#names.find((_, i) => this.#gradients[i]!.some((value) => !Number.isFinite(value)))
    const first = found ?? (inGradients === undefined ? "the loss" : `the gradient of ${inGradients}`)
    return new NonFiniteError(loss, first, this.#updates)
  }
}

function addInto(sums: readonly Float32Array[], values: readonly Float32Array[]): void {
  for (const [i, sum] of sums.entries()) {
    const value = values[i]!
    for (let j = 0; j < sum.length; j++) sum[j]! += value[j]!
  }
}

function copyValues(from: NdArray, to: NdArray): void {
  ;(to.data as Float32Array).set(from.data as Float32Array)
}

function copyOf(state: StateDict, names: Iterable<string>): StateDict {
  const copy = ({ shape, dtype, data }: NdArray): NdArray => ({ shape: [...shape], dtype, data: data.slice() })
  return Object.fromEntries([...names].map((name) => [name, copy(state[name]!)]))
}

/** average = decay * average + (1 - decay) * value; integers are taken over. As timm's ModelEmaV3. */
function averageBuffers(averages: StateDict, values: StateDict, decay: number): void {
  for (const [name, average] of Object.entries(averages)) {
    const value = values[name]!
    if (!(average.data instanceof Float32Array)) copyValues(value, average)
    else
      for (const [i, v] of (value.data as Float32Array).entries())
        average.data[i]! += (1 - decay) * (v - average.data[i]!)
  }
}

function restore(
  arrays: readonly TypedArray[] | undefined,
  names: readonly string[],
  saved: StateDict,
  what: string,
): void {
  arrays?.forEach((target, i) => {
    const data = saved[names[i]!]?.data
    if (data?.length !== target.length) throw new InputError(`the saved state has no fitting ${what} of ${names[i]}`)
    ;(target as Float32Array).set(data as Float32Array)
  })
}

function checkOptions({ optimizer, accumulate = 1, clipGradNorm, ema }: TrainerOptions): void {
  const check = (condition: boolean, message: string) => {
    if (!condition) throw new UsageError(message)
  }
  check(optimizer.lr >= 0 && Number.isFinite(optimizer.lr), `lr must be at least 0, got ${optimizer.lr}`)
  check(Number.isInteger(accumulate) && accumulate >= 1, `accumulate must be at least 1, got ${accumulate}`)
  check(clipGradNorm === undefined || clipGradNorm > 0, `clipGradNorm must be above 0, got ${clipGradNorm}`)
  check(!ema || (ema.decay >= 0 && ema.decay < 1), `ema.decay must be at least 0 and below 1, got ${ema?.decay}`)
}
