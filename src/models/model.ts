/** A model: a network with weights, that runs on a device. */

import { evaluation } from "../nn/context.ts"
import { type LayerSummary, summary } from "../nn/summary.ts"
import { type Backend, backendFor } from "../runtime/backend.ts"
import { Program } from "../runtime/program.ts"
import { ProgramCache } from "../runtime/program-cache.ts"
import { printShape } from "../tensor/dim.ts"
import { checkCount, InputError, suggestion, UsageError } from "../tensor/errors.ts"
import type { Graph } from "../tensor/graph.ts"
import type { NdArray } from "../tensor/ndarray.ts"
import { copyOf, regionOf } from "../tensor/stored.ts"
import { input } from "../tensor/tensor.ts"
import type { FeatureInfo, Preprocessing } from "./family.ts"
import { Network, type StateDict } from "./network.ts"
import { describeModel } from "./registry.ts"
import { compareStates, copyElements, type LoadResult, requireFilled, widened } from "./state.ts"

export interface CreateModelOptions {
  /** Values by timm's names. Default: fresh ones from `seed`. */
  weights?: StateDict
  /** Number of classes, or 0 for pooled features. Default: the config's, 1000 for most. */
  numClasses?: number
  /** Channels of the images. Default 3. */
  inChannels?: number
  /** Side of the images in pixels, for evaluation. Default: the model's. */
  inputSize?: number
  /** What differs from the registered config, in timm's names, camelCase. */
  config?: Readonly<Record<string, unknown>>
  /** Changes to a ResNet on the road to ConvNeXt, for "roadmap/50" and "roadmap/200": the ids of `roadmapSteps`. */
  steps?: readonly string[]
  /** Stochastic depth rate of the last block, in training. Default 0. */
  dropPathRate?: number
  /** Seed of fresh weights. Default 0. */
  seed?: number
  /** A device's name: "cpu", "webgpu", "wasm", ... or "auto", the best there is. Default "auto". */
  device?: string
  /** Threads of one run. Default: the cores there are. */
  threads?: number
  /** Names of the classes. */
  classes?: readonly string[]
  /** Begin with zeros, for weights that are loaded next: saves the time of drawing fresh ones. Default false. */
  blank?: boolean
  /** How images become inputs, where it differs from the model's own way. */
  preprocessing?: Partial<Preprocessing>
}

/** Names of all options: a record, so that the compiler finds one that is missing. */
export const createModelOptionNames = {
  weights: true,
  numClasses: true,
  inChannels: true,
  inputSize: true,
  config: true,
  steps: true,
  dropPathRate: true,
  seed: true,
  device: true,
  threads: true,
  classes: true,
  preprocessing: true,
} satisfies Record<Exclude<keyof CreateModelOptions, "blank">, true>

/**
 * Throws a UsageError for an option of `createModel` that is not among the known ones: a misspelt one would go unnoticed
 * otherwise.
 */
export function checkOptionNames(options: object, known: Readonly<Record<string, true>>): void {
  const names = Object.keys(known)
  const unknown = Object.keys(options).find((name) => !names.includes(name))
  if (unknown === undefined) return
  const hint = unknown === "pretrained" ? `, did you mean weights: "pretrained"?` : suggestion(unknown, names)
  throw new UsageError(`createModel has no option ${unknown}${hint || `; it knows ${names.join(", ")}`}`)
}

/**
 * Makes a model.
 * @param name a registered model ("convnext_tiny"), or a family ("convnext") together with `config`
 * Throws a UsageError for an unknown name or an option that does not fit, an InputError for weights that do not fit.
 */
export async function createModel(name: string, options: CreateModelOptions = {}): Promise<Model> {
  const { weights, numClasses, inChannels, dropPathRate, steps, device = "auto", threads, classes } = options
  if (threads !== undefined) checkCount("threads", threads)
  checkClassNames(classes, numClasses)
  if (steps !== undefined && /^roadmap\/\d+\/./.test(name)) {
    throw new UsageError(`${name} has its steps already: give steps with ${name.split("/", 2).join("/")}`)
  }
  const given = { inChannels, dropPathRate, steps, numClasses: numClasses ?? classes?.length }
  const askedSize = options.inputSize ?? options.preprocessing?.inputSize
  if (askedSize !== undefined) checkCount(`inputSize of ${name}`, askedSize)
  const network = new Network(describeModel(name, { ...options.config, ...dropUndefined(given) }, askedSize))
  const { preprocessing, minimumSize, fixedSize, sizeField } = network.description
  if (fixedSize !== undefined && options.inputSize !== undefined && options.inputSize !== fixedSize) {
    throw new UsageError(
      `inputSize ${options.inputSize} and ${sizeField} ${fixedSize} in the config of ${name} disagree: give one of them`,
    )
  }
  const inputSize = fixedSize ?? askedSize ?? preprocessing.inputSize
  checkCount(`inputSize of ${name}`, inputSize, minimumSize)
  const model = new Model(
    network,
    weights || options.blank ? network.empty() : network.initialize(options.seed ?? 0),
    await backendFor(device),
    {
      threads,
      classes: classes && [...classes],
      dataConfig: {
        ...preprocessing,
        ...options.preprocessing,
        inputSize,
        channels: network.description.config.inChannels,
      },
    },
  )
  if (weights) model.loadStateDict(weights)
  return model
}

function checkClassNames(classes: readonly string[] | undefined, numClasses: number | undefined): void {
  if (classes && numClasses !== undefined && classes.length !== numClasses) {
    throw new UsageError(`${classes.length} class names were given for ${numClasses} classes`)
  }
}

function dropUndefined(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}

export interface LoadStateOptions {
  /** Every parameter must be there and nothing else. Default true. */
  strict?: boolean
  /** Keep the given arrays instead of copying them: whoever gives them must not use them any more. Default false. */
  adopt?: boolean
}

interface ModelSetup {
  threads: number | undefined
  classes: string[] | undefined
  dataConfig: Preprocessing & { channels: number }
}

/** Programs kept for images of different sizes. */
const PROGRAM_CACHE = 4

export class Model {
  readonly backend: Backend
  readonly threads: number | undefined
  /** How images become inputs. */
  readonly dataConfig: Preprocessing & { channels: number }
  /** Names of the classes, where they are known. */
  classes: string[] | undefined
  #network: Network
  #state: StateDict
  #revision = 0
  /** Brings the weights up to date where a trainer changed them on a device. */
  #pull: (() => Promise<void>) | undefined
  readonly #programs = new ProgramCache<Program>(PROGRAM_CACHE, (program) => program.dispose())

  /** Use {@link createModel}. */
  constructor(network: Network, state: StateDict, backend: Backend, setup: ModelSetup) {
    this.#network = network
    this.#state = state
    this.backend = backend
    this.threads = setup.threads
    this.classes = setup.classes
    this.dataConfig = setup.dataConfig
  }

  /** The name it was made by. */
  get name(): string {
    return this.network.description.name
  }

  /** The full config of the architecture. */
  get config(): Network["description"]["config"] {
    return this.network.description.config
  }

  get numClasses(): number {
    return this.config.numClasses
  }

  /** The symbolic network. */
  get network(): Network {
    return this.#network
  }

  get parameterCount(): number {
    return this.network.parameterCount
  }

  /** Multiply-accumulates for one image: convolutions and matrix products, as the paper counts. */
  macs(inputSize: number | readonly [number, number] = this.dataConfig.inputSize): number {
    const [height, width] = sides(inputSize)
    return this.network.macs(height, width)
  }

  /**
   * All layers with their output shapes, parameters, multiply-accumulates and activation bytes for one image: the rows
   * of what `summary` of `convnext/nn` gives.
   */
  summary(inputSize: number | readonly [number, number] = this.dataConfig.inputSize): LayerSummary[] {
    return summary(this, ["N", ...sides(inputSize), this.dataConfig.channels]).layers
  }

  /** Names of the parameters of each layer, the first layer first: for layer-wise learning rates and freezing. */
  layerGroups(): string[][] {
    const groups: string[][] = []
    for (const name of this.network.parameters.keys()) {
      const group = this.network.root.layerGroup(name)
      groups[group] ??= []
      groups[group].push(name)
    }
    return groups
  }

  /**
   * A copy of all weights by timm's names, in timm's layouts.
   * Throws a UsageError while a trainer's newer weights are on a device with a memory of its own.
   */
  stateDict(): StateDict {
    this.#requireOwn()
    return Object.fromEntries(Object.entries(this.#state).map(([name, value]) => [name, copyOf(value)]))
  }

  /**
   * The weights themselves, not a copy: for training in place. After a change call {@link invalidate}.
   */
  get weights(): StateDict {
    this.#requireOwn()
    return this.#state
  }

  #requireOwn(): void {
    if (this.#pull) throw new UsageError("the weights are on the device: await trainer.sync() first")
  }

  /** Counts the times that all weights were replaced: what was compiled with weights of an earlier one is stale. */
  get revision(): number {
    return this.#revision
  }

  /**
   * Forgets what was compiled with earlier weights.
   * @param pull brings the weights from where they were changed, and then calls this without one; called before they are
   *   read next
   */
  invalidate(pull?: () => Promise<void>): void {
    this.#pull = pull
    void this.#programs.clear()
  }

  /**
   * Takes over weights by timm's names; half-precision ones are widened. With `strict` (the default) every parameter
   * must be there and nothing else; without, what fits is taken. The result says which that is.
   * Throws an InputError for an array that does not fill its shape and, if strict, one that lists what is missing,
   * unexpected or of another shape. Nothing is changed then.
   */
  loadStateDict(given: Readonly<StateDict>, { strict = true, adopt = false }: LoadStateOptions = {}): LoadResult {
    this.#requireOwn()
    requireFilled(given)
    const dict = this.network.description.adapt(given)
    const result = compareStates(this.#state, dict)
    if (strict) this.#requireAll(result, dict)
    for (const name of result.loaded) {
      const value = dict[name]!
      const own = this.#state[name]!
      if (adopt && value.dtype === own.dtype) this.#state[name] = value
      else if (regionOf(own)) this.#state[name] = widened(value, own.dtype)
      else copyElements(value, own)
    }
    this.#revision++
    this.invalidate()
    return result
  }

  #requireAll({ missing, unexpected, mismatched }: LoadResult, dict: Readonly<StateDict>): void {
    const expected = (name: string) => printShape(this.#state[name]!.shape)
    const problems = [
      ...missing.map((name) => `${name} ${expected(name)} is missing`),
      ...mismatched.map((name) => `${name} is ${printShape(dict[name]!.shape)} where ${expected(name)} is expected`),
      ...unexpected.map((name) => `${name} is not in the model`),
    ]
    if (problems.length === 0) return
    const shown = problems.slice(0, 5).join("; ")
    const more = problems.length > 5 ? `; and ${problems.length - 5} more` : ""
    throw new InputError(`the weights do not fit ${this.name}: ${shown}${more}`)
  }

  /**
   * Puts a fresh classifier for another number of classes in the place of the old one.
   * Throws a UsageError unless `numClasses` is a whole number of at least 0, and that of `classes` where they are given.
   */
  resetClassifier(
    numClasses: number,
    { seed = 0, classes }: { seed?: number; classes?: readonly string[] } = {},
  ): void {
    this.#requireOwn()
    const { name, config } = this.network.description
    checkClassNames(classes, numClasses)
    const network = new Network(describeModel(name, { ...config, numClasses }))
    const fresh = network.initialize(seed)
    for (const [parameter, value] of Object.entries(this.#state)) {
      if (!network.isClassifier(parameter)) fresh[parameter] = value
    }
    this.#revision++
    this.#network = network
    this.#state = fresh
    this.classes = classes && [...classes]
    this.invalidate()
  }

  /** Logits. images [N, H, W, C] float32, normalised; result [N, numClasses]. */
  forward(images: NdArray): Promise<NdArray> {
    return this.#runOn("logits", images)
  }

  /** The last feature map, before pooling. images [N, H, W, C]. */
  forwardFeatures(images: NdArray): Promise<NdArray> {
    return this.#runOn("features", images)
  }

  /** Logits from a feature map; with `preLogits` what the classifier reads. */
  async forwardHead(features: NdArray, { preLogits = false }: { preLogits?: boolean } = {}): Promise<NdArray> {
    const [, ...rest] = features.shape
    const trace = () => {
      const x = input("features", ["N", ...rest])
      return { y: this.network.root.forwardHead(x, evaluation, { preLogits }) }
    }
    return (await this.#run(`head ${preLogits} ${rest}`, trace, { features })).y!
  }

  /** What {@link forwardPyramid} gives, the finest level first. */
  get featureInfo(): readonly FeatureInfo[] {
    return this.network.root.featureInfo
  }

  /** Feature maps [N, h, w, C] at the strides of `featureInfo`: timm's `features_only`. images [N, H, W, C]. */
  async forwardPyramid(images: NdArray): Promise<NdArray[]> {
    const [height, width] = this.#checkImages(images)
    const trace = () => {
      const levels = this.network.root.forwardPyramid(this.network.images("N", height, width), evaluation)
      return Object.fromEntries(levels.map((level, i) => [`level${i}`, level]))
    }
    const levels = await this.#run(`pyramid ${height}x${width}`, trace, { images })
    return this.featureInfo.map((_, i) => levels[`level${i}`]!)
  }

  /** Frees what the device holds. The model can be used again; it is compiled anew then. */
  dispose(): Promise<void> {
    return this.#programs.clear()
  }

  async #runOn(output: "logits" | "features", images: NdArray): Promise<NdArray> {
    const [height, width] = this.#checkImages(images)
    const trace = () => ({ y: this.network.trace("N", height, width)[output] })
    return (await this.#run(`${output} ${height}x${width}`, trace, { images })).y!
  }

  /** Height and width of the images. Throws a RangeError for what the network cannot take. */
  #checkImages({ shape, dtype }: NdArray): [number, number] {
    const { inChannels } = this.config
    const { minimumSize, fixedSize } = this.network.description
    const [count, height, width, channels] = shape as [number, number, number, number]
    const fits = (side: number) => (fixedSize === undefined ? side >= minimumSize : side === fixedSize)
    if (
      !(
        shape.length === 4 &&
        channels === inChannels &&
        dtype === "float32" &&
        count > 0 &&
        fits(height) &&
        fits(width)
      )
    ) {
      const sides = fixedSize === undefined ? `of at least ${minimumSize}` : `of ${fixedSize}`
      const hint = fixedSize === undefined ? "" : "; other sizes: createModel with inputSize"
      const expected = `float32 [N, H, W, ${inChannels}] with H and W ${sides}`
      throw new RangeError(`forward: images must be ${expected}, got ${dtype} ${printShape(shape)}${hint}`)
    }
    return [height, width]
  }

  async #run(key: string, trace: () => Graph, feeds: Record<string, NdArray>): Promise<Record<string, NdArray>> {
    const { backend, threads, name } = this
    // Bringing them clears the request; a training step that ended meanwhile makes a new one.
    while (this.#pull) await this.#pull()
    const create = () => Program.create(trace(), { name, backend, threads, constants: this.#state })
    return this.#programs.use(key, create, (program) => program.run(feeds))
  }
}

function sides(inputSize: number | readonly [number, number]): readonly [number, number] {
  return typeof inputSize === "number" ? [inputSize, inputSize] : inputSize
}
