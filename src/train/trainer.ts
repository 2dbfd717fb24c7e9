/** Training steps of a model: what each is fed with, and in what order they run. The engines do the work. */

import type { Recompute } from "../autodiff/recompute.ts"
import type { Model } from "../models/model.ts"
import type { Network, StateDict } from "../models/network.ts"
import { BATCH, TrainingContext } from "../nn/context.ts"
import type { Parameter } from "../nn/module.ts"
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
import { checkCount, UsageError } from "../tensor/errors.ts"
import type { NdArray } from "../tensor/ndarray.ts"
import { type EngineBatch, type EngineOptions, PROGRAM_CACHE, type TrainingEngine } from "./engine.ts"
import { type Freeze, trainedParameters } from "./freeze.ts"
import { copyOf, HostEngine } from "./host-engine.ts"
import { findNonFinite, NonFiniteError } from "./non-finite.ts"
import { randomFeeds } from "./random-feeds.ts"
import { ResidentEngine } from "./resident-engine.ts"
import { buildStepGraph, frozenParameters, type StepGraph } from "./step-graph.ts"
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
  /**
   * Keep an exponential moving average of the weights with this decay, 0 for none; with `warmup` its decay rises as timm's
   * does, and as in `train`.
   */
  ema?: number | Pick<EmaOptions, "decay" | "warmup">
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

/** Checked options, with the average in one form. */
type Settings = Omit<TrainerOptions, "ema"> & { ema?: Pick<EmaOptions, "decay" | "warmup"> }

interface SizedStep {
  /** Samples of the largest batch. */
  largest: number
  step: StepGraph
}

/**
 * Makes a trainer. It changes the model's weights in place; on a device with a memory of its own they stay there, and
 * come back when they are asked for.
 * Throws a UsageError for an option that makes no sense.
 */
export async function createTrainer(model: Model, options: TrainerOptions): Promise<Trainer> {
  checkOptions(options)
  const ema = averageOf(options.ema)
  if (model.numClasses === 0) throw new UsageError(`${model.name} has no classes to train: createModel with numClasses`)
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
    ema: ema !== undefined,
  }
  const { ownMemory } = model.backend
  const engine = ownMemory ? await ResidentEngine.create(engineOptions) : new HostEngine(engineOptions)
  return new Trainer(model, { ...options, ema }, trained, engine)
}

function averageOf(ema: TrainerOptions["ema"]): Settings["ema"] {
  return typeof ema !== "number" ? ema : ema === 0 ? undefined : { decay: ema }
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
  readonly #options: Settings
  readonly #trained: readonly string[]
  readonly #engine: TrainingEngine
  /** Graphs by the size of the images: each serves batches up to the largest that came so far. */
  readonly #steps = new Map<string, SizedStep>()
  /** Shapes of batches that the network can be trained with. */
  readonly #checked = new Set<string>()
  readonly #network: Network
  /** The model's weights that the engine has. */
  #revision: number
  /** What was asked for is done one after the other. */
  #queue: Promise<unknown> = Promise.resolve()
  readonly #forwards = new ProgramCache<Program>(PROGRAM_CACHE, (program) => program.dispose())
  #lr = 0

  /** Use {@link createTrainer}. */
  constructor(model: Model, options: Settings, trained: readonly string[], engine: TrainingEngine) {
    this.#model = model
    this.#options = options
    this.#trained = trained
    this.#engine = engine
    this.#network = model.network
    this.#revision = model.revision
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
  step(batch: TrainingBatch & { lr?: number }): Promise<StepResult> {
    return this.#inTurn(async () => {
      const { optimizer, schedule, ema } = this.#options
      const { updates } = this
      const lr = batch.lr ?? schedule?.(updates) ?? optimizer.lr
      if (!(Number.isFinite(lr) && lr >= 0)) throw new UsageError(`the learning rate of update ${updates} is ${lr}`)
      const emaDecay = ema && (ema.warmup ? averageDecay(updates, ema) : ema.decay)
      const prepared = await this.#prepare(batch)
      const { loss, gradNorm, finite, updated } = await this.#engine.step({ ...prepared, lr, emaDecay })
      if (!finite) throw await this.#explain(batch, loss)
      if (updated) this.#lr = lr
      this.#model.invalidate(this.#engine.stale ? () => this.sync() : undefined)
      return { loss, gradNorm, lr }
    })
  }

  /** Loss and gradients of one batch, with nothing updated. */
  gradients(batch: TrainingBatch): Promise<{ loss: number; gradients: Record<string, NdArray> }> {
    return this.#inTurn(() => this.#gradients(batch))
  }

  /**
   * Logits [N, K] in evaluation mode, from the weights as they are or from their average. Nothing is compiled anew
   * after an update: for a validation between epochs. images [N, H, W, C].
   */
  forward(images: NdArray, { ema = false }: { ema?: boolean } = {}): Promise<NdArray> {
    return this.#inTurn(async () => {
      const { network, backend, threads, name } = this.#model
      const [, height, width] = images.shape as [number, number, number, number]
      if (ema && !this.#options.ema) throw noAverage()
      await this.#takeNewWeights()
      const create = () =>
        Program.create({ logits: network.trace(BATCH, height, width).logits }, { name, backend, threads })
      const run = (program: Program) => program.run({ ...this.#engine.values(ema), images })
      return (await this.#forwards.use(`${height}x${width}`, create, run)).logits!
    })
  }

  /**
   * Brings the model's weights, their average and the state up to date with a device that has a memory of its own.
   * Elsewhere they always are.
   */
  sync(): Promise<void> {
    return this.#inTurn(() => this.#sync())
  }

  /** The averaged weights. Throws a UsageError if the trainer keeps none, or {@link sync} must be called before. */
  emaStateDict(): StateDict {
    const averages = this.emaWeights
    if (!averages) throw noAverage()
    return copyOf(averages, Object.keys(averages))
  }

  /**
   * The averaged weights themselves, not a copy; undefined if the trainer keeps none. The arrays may be views of one large
   * buffer: copy one before it is sent to a worker.
   */
  get emaWeights(): StateDict | undefined {
    this.#requireSynced()
    const { averages } = this.#engine
    // What is frozen is its own average.
    return averages && { ...this.#model.weights, ...averages }
  }

  /**
   * What a resumed run needs besides the weights: the optimizer's state, its counters and the average. The arrays are those
   * that the next step changes, and may be views of one large buffer: copy what is kept or sent to a worker.
   */
  state(): { tensors: StateDict; updates: number; batches: number; lr: number } {
    this.#requireSynced()
    return { tensors: this.#engine.state(), ...this.#engine.counters, lr: this.#lr }
  }

  /** Takes back what `state` gave. Throws an InputError if it belongs to another model or other options. */
  loadState({ tensors, lr, updates, batches }: ReturnType<Trainer["state"]>): Promise<void> {
    return this.#inTurn(async () => {
      await this.#engine.restore(tensors, { updates, batches })
      this.#revision = this.#model.revision
      this.#lr = lr
    })
  }

  /** Frees the compiled graphs. */
  async dispose(): Promise<void> {
    await this.sync()
    await Promise.all([this.#engine.dispose(), this.#forwards.clear()])
  }

  #requireSynced(): void {
    if (this.#engine.stale) throw new UsageError("the values are on the device: await trainer.sync() first")
  }

  /** Does a piece of work once all earlier ones are done: counters and values on the device are never read halfway. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work)
    this.#queue = result.catch(() => undefined)
    return result
  }

  async #sync(): Promise<void> {
    await this.#engine.sync()
    this.#model.invalidate()
  }

  /** Weights that were loaded into the model since. Throws a UsageError if it is another network now. */
  async #takeNewWeights(): Promise<void> {
    const { network, revision } = this.#model
    if (network !== this.#network) throw new UsageError("the model has got a new classifier: make a new trainer for it")
    if (revision === this.#revision) return
    await this.#engine.reload()
    this.#revision = revision
  }

  async #gradients(batch: TrainingBatch): ReturnType<Trainer["gradients"]> {
    return this.#engine.gradients(await this.#prepare(batch))
  }

  /** The graph of a batch, and all that it is fed with. */
  async #prepare({ images, targets }: TrainingBatch): Promise<Omit<EngineBatch, "lr">> {
    await this.#takeNewWeights()
    const { shape } = images
    const { config, numClasses, revision } = this.#model
    if (shape.length !== 4 || shape[3] !== config.inChannels || shape[0] === 0) {
      throw new RangeError(
        `images must be [N, H, W, ${config.inChannels}] with N of at least 1, got ${printShape(shape)}`,
      )
    }
    const { loss = "cross-entropy", seed = 0 } = this.#options
    const smoothing = typeof loss === "string" ? 0 : (loss.labelSmoothing ?? 0)
    const [batch, height, width] = shape as [number, number, number, number]
    this.#check(batch, height, width)
    const { step, largest } = this.#stepGraph(batch, height, width)
    return {
      // Frozen parameters may be part of the compiled graph.
      key: `${largest} x ${height} x ${width}, ${revision}`,
      trace: () => step,
      feeds: {
        ...randomFeeds(step, { seed, counter: this.#engine.counters.batches, batch }),
        images,
        targets: softTargets(targets, batch, numClasses, smoothing),
      },
    }
  }

  /** Throws a RangeError for what no step can be made of: of a single value of a channel there is no variance. */
  #check(batch: number, height: number, width: number): void {
    const shape = `${batch}x${height}x${width}`
    if (this.#checked.has(shape)) return
    this.#network.trace(batch, height, width, new TrainingContext(batch, this.#frozen))
    this.#checked.add(shape)
  }

  get #frozen(): ReadonlySet<Parameter> {
    return frozenParameters(this.#network, this.#trained)
  }

  /** The graph for one size of images, and the largest batch that it serves. */
  #stepGraph(batch: number, height: number, width: number): SizedStep {
    const key = `${height}x${width}`
    let sized = this.#steps.get(key)
    if (!sized || sized.largest < batch) {
      const { recompute = "none" } = this.#options
      const { inChannels } = this.#model.config
      const images = [batch, height, width, inChannels] as const
      const { block } = this.#model.backend
      const step = buildStepGraph(this.#network, { images, trained: this.#trained, recompute, block })
      sized = { largest: batch, step }
      if (this.#steps.size >= PROGRAM_CACHE) this.#steps.delete(this.#steps.keys().next().value!)
      this.#steps.set(key, sized)
    }
    return sized
  }

  /** Finds where a value that is not finite came from. */
  async #explain(batch: TrainingBatch, loss: number): Promise<NonFiniteError> {
    await this.#sync()
    const { backend, threads, weights } = this.#model
    const [count, height, width] = batch.images.shape as [number, number, number]
    const { feeds } = await this.#prepare(batch)
    const { logits } = this.#network.trace(count, height, width, new TrainingContext(count, this.#frozen))
    // The search needs memory for all intermediate values: without it, what is known already must do.
    const found = await findNonFinite(logits, { ...weights, ...feeds }, { backend, threads }).catch(() => undefined)
    const first = found ?? (await this.#firstBadGradient(batch)) ?? "the loss"
    return new NonFiniteError(loss, first, this.updates)
  }

  async #firstBadGradient(batch: TrainingBatch): Promise<string | undefined> {
    const { gradients } = await this.#gradients(batch)
    const name = this.#trained.find((parameter) =>
      (gradients[parameter]!.data as Float32Array).some((value) => !Number.isFinite(value)),
    )
    return name && `the gradient of ${name}`
  }
}

const noAverage = () => new UsageError("this trainer keeps no average: create it with ema: { decay }")

const losses = ["cross-entropy"]
const recomputes: readonly Recompute[] = ["none", "cheap", "block"]

function checkOptions({ optimizer, ...options }: TrainerOptions): void {
  const check = (condition: boolean, message: string) => {
    if (!condition) throw new UsageError(message)
  }
  const { accumulate = 1, clipGradNorm, ema, recompute = "none", loss = "cross-entropy", seed = 0 } = options
  const { lr, weightDecay = 0, layerDecay = 1 } = optimizer
  const lossName = typeof loss === "string" ? loss : loss.name
  const smoothing = typeof loss === "string" ? 0 : (loss.labelSmoothing ?? 0)
  check(lr >= 0 && Number.isFinite(lr), `lr must be at least 0, got ${lr}`)
  check(weightDecay >= 0, `weightDecay must be at least 0, got ${weightDecay}`)
  check(layerDecay > 0 && layerDecay <= 1, `layerDecay must be above 0 and at most 1, got ${layerDecay}`)
  check(losses.includes(lossName), `loss must be one of ${losses.join(", ")}, got ${lossName}`)
  check(smoothing >= 0 && smoothing < 1, `labelSmoothing must be at least 0 and below 1, got ${smoothing}`)
  checkCount("accumulate", accumulate)
  check(clipGradNorm === undefined || clipGradNorm > 0, `clipGradNorm must be above 0, got ${clipGradNorm}`)
  const [emaName, decay] = typeof ema === "object" ? ["ema.decay", ema?.decay] : ["ema", ema ?? 0]
  check(decay >= 0 && decay < 1, `${emaName} must be at least 0 and below 1, got ${decay}`)
  check(recomputes.includes(recompute), `recompute must be one of ${recomputes.join(", ")}, got ${recompute}`)
  checkCount("seed", seed, 0)
}
