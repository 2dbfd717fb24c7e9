/** Training steps: one compiled graph gives the loss and all gradients, the optimizer updates the weights in place. */

import type { Recompute } from "../autodiff/recompute.ts"
import type { Model } from "../models/model.ts"
import type { StateDict } from "../models/network.ts"
import { TrainingContext } from "../nn/context.ts"
import {
  emaDecay as averageDecay,
  type EmaOptions,
  type GroupOptions,
  type OptimizerSpec,
  type ParameterGroup,
  parameterGroups,
  type Schedule,
} from "../optim/index.ts"
import { Program } from "../runtime/program.ts"
import { ProgramCache } from "../runtime/program-cache.ts"
import { printShape } from "../tensor/dim.ts"
import { UsageError } from "../tensor/errors.ts"
import type { NdArray } from "../tensor/ndarray.ts"
import { type EngineBatch, type EngineOptions, PROGRAM_CACHE, type TrainingEngine } from "./engine.ts"
import { type Freeze, trainedParameters } from "./freeze.ts"
import { copyOf, HostEngine } from "./host-engine.ts"
import { findNonFinite, NonFiniteError } from "./non-finite.ts"
import { randomFeeds } from "./random-feeds.ts"
import { ResidentEngine } from "./resident-engine.ts"
import { buildStepGraph, type StepGraph } from "./step-graph.ts"
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

/**
 * Makes a trainer. It changes the model's weights in place; on a device with a memory of its own they stay there, and
 * come back when they are asked for.
 * Throws a UsageError for an option that makes no sense.
 */
export async function createTrainer(model: Model, options: TrainerOptions): Promise<Trainer> {
  checkOptions(options)
  const trained = trainedParameters(model.network, options.freeze)
  const { lr: _, weightDecay = 0, layerDecay, ...optimizer } = options.optimizer
  const engineOptions: EngineOptions = {
    name: model.name,
    backend: model.backend,
    threads: model.threads,
    weights: model.weights,
    buffers: [...model.network.buffers.keys()],
    groups: groupsOf(model, trained, { weightDecay, layerDecay }),
    optimizer,
    clipGradNorm: options.clipGradNorm,
    accumulate: options.accumulate,
    ema: options.ema !== undefined,
  }
  const { ownMemory } = model.backend
  const engine = ownMemory ? await ResidentEngine.create(engineOptions) : new HostEngine(engineOptions)
  return new Trainer(model, options, trained, engine)
}

/** The groups of the parameters that train, with the rates and decays that they have when all do. */
function groupsOf(model: Model, trained: readonly string[], options: GroupOptions): ParameterGroup[] {
  const { root, parameters } = model.network
  const infos = [...parameters].map(([name, { size }]) => ({ name, shape: size, layerGroup: root.layerGroup(name) }))
  const noDecay = infos.flatMap(({ name }) => (root.noWeightDecay?.(name) ? [name] : []))
  const names = new Set(trained)
  return parameterGroups(infos, { ...options, noDecay }).filter(({ name }) => names.has(name))
}

export class Trainer {
  readonly #model: Model
  readonly #options: TrainerOptions
  readonly #trained: readonly string[]
  readonly #engine: TrainingEngine
  readonly #steps = new Map<string, StepGraph>()
  readonly #forwards = new ProgramCache<Program>(PROGRAM_CACHE, (program) => program.dispose())
  #lr = 0

  /** Use {@link createTrainer}. */
  constructor(model: Model, options: TrainerOptions, trained: readonly string[], engine: TrainingEngine) {
    this.#model = model
    this.#options = options
    this.#trained = trained
    this.#engine = engine
  }

  /** Number of updates so far. */
  get updates(): number {
    return this.#engine.counters.updates
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
    const { optimizer, schedule, ema } = this.#options
    const { updates } = this
    const lr = batch.lr ?? schedule?.(updates) ?? optimizer.lr
    const emaDecay = ema && (ema.warmup ? averageDecay(updates, ema) : ema.decay)
    const { loss, gradNorm, finite, updated } = await this.#engine.step({ ...this.#prepare(batch), lr, emaDecay })
    if (!finite) throw await this.#explain(batch, loss)
    if (updated) this.#lr = lr
    this.#model.invalidate(this.#engine.stale ? () => this.#engine.sync() : undefined)
    return { loss, gradNorm, lr }
  }

  /** Loss and gradients of one batch, with nothing updated. */
  gradients(batch: TrainingBatch): Promise<{ loss: number; gradients: Record<string, NdArray> }> {
    return this.#engine.gradients(this.#prepare(batch))
  }

  /**
   * Logits [N, K] in evaluation mode, from the weights as they are or from their average. Nothing is compiled anew
   * after an update: for a validation between epochs. images [N, H, W, C].
   */
  async forward(images: NdArray, { ema = false }: { ema?: boolean } = {}): Promise<NdArray> {
    const { network, backend, threads, name } = this.#model
    const [, height, width] = images.shape as [number, number, number, number]
    if (ema) this.#requireAverages()
    const create = () =>
      Program.create({ logits: network.trace("N", height, width).logits }, { name, backend, threads })
    const run = (program: Program) => program.run({ ...this.#engine.values(ema), images })
    return (await this.#forwards.use(`${height}x${width}`, create, run)).logits!
  }

  /**
   * Brings the model's weights, their average and the state up to date with a device that has a memory of its own.
   * Elsewhere they always are.
   */
  async sync(): Promise<void> {
    if (!this.#engine.stale) return
    await this.#engine.sync()
    this.#model.invalidate()
  }

  /** The averaged weights. Throws a UsageError if the trainer keeps none, or {@link sync} must be called before. */
  emaStateDict(): StateDict {
    const averages = this.#requireAverages()
    return copyOf(averages, Object.keys(averages))
  }

  /** The averaged weights themselves, not a copy; undefined if the trainer keeps none. */
  get emaWeights(): StateDict | undefined {
    this.#requireSynced()
    const { averages } = this.#engine
    // What is frozen is its own average.
    return averages && { ...this.#model.weights, ...averages }
  }

  /** What a resumed run needs besides the weights: the optimizer's state, its counters and the average. */
  state(): { tensors: StateDict; updates: number; batches: number; lr: number } {
    this.#requireSynced()
    return { tensors: this.#engine.state(), ...this.#engine.counters, lr: this.#lr }
  }

  /** Takes back what `state` gave. Throws an InputError if it belongs to another model or other options. */
  async loadState({ tensors, lr, ...counters }: ReturnType<Trainer["state"]>): Promise<void> {
    await this.#engine.restore(tensors, counters)
    this.#lr = lr
  }

  /** Frees the compiled graphs. */
  async dispose(): Promise<void> {
    await this.sync()
    await Promise.all([this.#engine.dispose(), this.#forwards.clear()])
  }

  #requireSynced(): void {
    if (this.#engine.stale) throw new UsageError("the values are on the device: await trainer.sync() first")
  }

  #requireAverages(): StateDict {
    if (!this.#engine.averages) throw new UsageError("this trainer keeps no average: create it with ema: { decay }")
    return this.emaWeights!
  }

  /** The graph of a batch, and all that it is fed with. */
  #prepare({ images, targets }: TrainingBatch): Omit<EngineBatch, "lr"> {
    const { shape } = images
    const { config, numClasses, revision } = this.#model
    if (shape.length !== 4 || shape[3] !== config.inChannels || shape[0] === 0) {
      throw new RangeError(
        `images must be [N, H, W, ${config.inChannels}] with N of at least 1, got ${printShape(shape)}`,
      )
    }
    const { loss = "cross-entropy", seed = 0 } = this.#options
    const smoothing = typeof loss === "string" ? 0 : (loss.labelSmoothing ?? 0)
    const batch = shape[0]!
    const step = this.#stepGraph(shape as [number, number, number, number])
    return {
      // Frozen parameters may be part of the compiled graph.
      key: `${shape.join("x")} ${revision}`,
      trace: () => step,
      feeds: {
        ...randomFeeds(step, { seed, counter: this.#engine.counters.batches, batch }),
        images,
        targets: softTargets(targets, batch, numClasses, smoothing),
      },
    }
  }

  /** The graph for one shape of batch. */
  #stepGraph(images: readonly [number, number, number, number]): StepGraph {
    const key = images.join("x")
    let step = this.#steps.get(key)
    if (!step) {
      const { recompute = "none" } = this.#options
      step = buildStepGraph(this.#model.network, { images, trained: this.#trained, recompute })
      if (this.#steps.size >= PROGRAM_CACHE) this.#steps.clear()
      this.#steps.set(key, step)
    }
    return step
  }

  /** Finds where a value that is not finite came from. */
  async #explain(batch: TrainingBatch, loss: number): Promise<NonFiniteError> {
    await this.sync()
    const { network, backend, threads, weights } = this.#model
    const [count, height, width] = batch.images.shape as [number, number, number]
    const { feeds } = this.#prepare(batch)
    const { logits } = network.trace(count, height, width, new TrainingContext(count))
    // The search needs memory for all intermediate values: without it, what is known already must do.
    const found = await findNonFinite(logits, { ...weights, ...feeds }, { backend, threads }).catch(() => undefined)
    const first = found ?? (await this.#firstBadGradient(batch)) ?? "the loss"
    return new NonFiniteError(loss, first, this.updates)
  }

  async #firstBadGradient(batch: TrainingBatch): Promise<string | undefined> {
    const { gradients } = await this.gradients(batch)
    const name = this.#trained.find((parameter) =>
      (gradients[parameter]!.data as Float32Array).some((value) => !Number.isFinite(value)),
    )
    return name && `the gradient of ${name}`
  }
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
