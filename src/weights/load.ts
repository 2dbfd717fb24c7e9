/**
 * Checkpoints into models: names of any scheme, images with other channels, another number of classes, and an error that
 * says which model the checkpoint is of.
 */

import type { Model } from "../models/model.ts"
import type { StateDict } from "../models/network.ts"
import { compareStates, isCounter, type LoadResult, requireFilled } from "../models/state.ts"
import { printShape } from "../tensor/dim.ts"
import { InputError, UsageError } from "../tensor/errors.ts"
import { toFloat32 } from "../tensor/float16.ts"
import { type NdArray, zeros } from "../tensor/ndarray.ts"
import { regionOf } from "../tensor/stored.ts"
import { fittingModels } from "./match.ts"
import { toTimm } from "./naming/convert.ts"
import { type FoundNaming, findNaming } from "./naming/recognise.ts"
import { pickRows } from "./naming/rows.ts"
import type { SchemeName } from "./naming/schemes.ts"

export interface LoadOptions {
  /**
   * Whether every parameter must be there and nothing else; the classifier excepted, see {@link loadCheckpoint}. Without,
   * what fits is taken. Default true.
   */
  strict?: boolean
  /**
   * For each class of the model its row in the checkpoint's classifier, as from the 21,841 classes of ImageNet-22K to the
   * 1,000 of ImageNet-1K; or "fresh" where the checkpoint knows other classes, even if they are as many. Default: the
   * classifier is taken if it has as many classes as the model.
   */
  classes?: readonly number[] | "fresh"
  /** Keep the given arrays instead of copying them: they must not be used any more. Default false. */
  adopt?: boolean
  /** What messages call the weights: the name of their file. Default "the weights". */
  source?: string
}

/** What became of a checkpoint. Names are timm's. */
export interface LoadReport extends LoadResult {
  /** Whose names the checkpoint has. */
  scheme: SchemeName
  /** Tensors of its classifier that are of no use: the model has other classes, or none. */
  dropped: string[]
  /** Names, as in the checkpoint, of what is no parameter: buffers that follow from the config. */
  ignored: string[]
  /** Classes that the checkpoint's classifier knows; undefined where it has none. */
  checkpointClasses: number | undefined
  /** What a person should know: one sentence for each thing that is not as in the checkpoint. */
  messages: string[]
}

/** A checkpoint on its way into a model. */
interface Cargo {
  scheme: SchemeName
  /** Families that its names are those of; undefined where no scheme was needed to read them. */
  families?: readonly string[]
  tensors: StateDict
  dropped: string[]
  ignored: string[]
  checkpointClasses?: number
  messages: string[]
}

/**
 * Loads weights by the names of any known scheme, and fits them to the model:
 *
 * - position embeddings and relative positions are resampled for its image size;
 * - the first convolution takes other channels than 3 as in timm: one is the sum of the three, more repeat them, scaled;
 * - a classifier for another number of classes is left out, also one that is not there: the model keeps its own.
 *
 * The report says what was loaded, and its `messages` what was changed or left out.
 *
 * @param given values by name, as `loadTensors` gives them
 * Throws an InputError, if strict, that lists what is missing, unexpected or of another shape, and says which registered
 * model the weights fit; also if nothing fits, for names that are in no known scheme, and for an array that does not fill
 * its shape. A UsageError for `classes` that
 * do not fit model or checkpoint. Nothing is changed then.
 */
export function loadCheckpoint(
  model: Model,
  given: Readonly<StateDict>,
  { strict = true, classes, adopt = false, source = "the weights" }: LoadOptions = {},
): LoadReport {
  const cargo = readNames(model, given, source)
  fitChannels(model, cargo)
  fitClassifier(model, cargo, classes)
  const tensors = model.network.description.adapt(cargo.tensors)
  const result = compareStates(model.weights, tensors)
  const { scheme, dropped, ignored, checkpointClasses, messages } = cargo
  const problems = strict ? withoutMissingClassifier(model, result) : result
  const { missing, unexpected, mismatched } = problems
  const misfits = strict && missing.length + unexpected.length + mismatched.length > 0
  if (misfits || result.loaded.length === 0) {
    throw new InputError(describeMisfit(model, problems, tensors, { cargo, source }))
  }
  requireFilled(given)
  model.loadStateDict(tensors, { strict: false, adopt: adopt && !haveSharedMemory(tensors) })
  if (!strict) messages.push(...describePartial(result))
  return { ...result, scheme, dropped, ignored, checkpointClasses, messages }
}

/** True if two tensors lie in the same place: training would change both. */
function haveSharedMemory(tensors: Readonly<StateDict>): boolean {
  const all = Object.values(tensors)
  if (new Set(all).size < all.length) return true
  const read = all.filter((tensor) => regionOf(tensor) === undefined)
  const places = read.filter(({ data }) => data.length > 0)
  const starts = new Map<ArrayBufferLike, Set<number>>()
  return places.some(({ data }) => {
    const known = starts.get(data.buffer) ?? new Set()
    if (known.has(data.byteOffset)) return true
    starts.set(data.buffer, known.add(data.byteOffset))
    return false
  })
}

/** Gives the tensors timm's names. Names that nobody knows stay. */
function readNames(model: Model, given: Readonly<StateDict>, source: string): Cargo {
  const own = Object.keys(given).filter((name) => Object.hasOwn(model.weights, name))
  const base = { dropped: [], ignored: [], messages: [] }
  if (own.length > 0 && own.length === Object.keys(given).length) {
    return { ...base, scheme: "timm", tensors: { ...given } }
  }
  let found: FoundNaming
  try {
    found = findNaming(given)
  } catch (error) {
    // A family may have names of its own.
    if (own.length > 0) return { ...base, scheme: "timm", tensors: { ...given } }
    if (!(error instanceof InputError)) throw error
    throw new InputError(`cannot load ${source} into ${model.name}: ${error.message}`, { cause: error })
  }
  const { tensors, unknown, unused } = toTimm(given, found.naming)
  for (const name of unknown) tensors[name] = given[name]!
  const { families } = found.naming.architecture
  return { ...base, scheme: found.scheme, families, tensors, ignored: unused }
}

/** Fits the first convolution to the channels of the model's images. */
function fitChannels({ network, config }: Model, cargo: Cargo): void {
  const name = `${network.root.firstConv}.weight`
  const weight = cargo.tensors[name]
  const { inChannels } = config
  if (weight?.shape.length !== 4 || weight.shape[1] !== 3 || inChannels === 3) return
  cargo.tensors[name] = adaptChannels(weight, inChannels)
  cargo.messages.push(`the first convolution is for images of 3 channels: it was adapted to ${inChannels}`)
}

/**
 * The weight [out, 3, h, w] for images of other channels [out, channels, h, w]: their sum for one, else repeated and scaled
 * by 3 / channels, so that the outputs stay as large. As timm's `adapt_input_conv` (timm/models/_manipulate.py).
 */
function adaptChannels(weight: NdArray, channels: number): NdArray {
  const [out, , height, width] = weight.shape as [number, number, number, number]
  const values = toFloat32(weight)
  const adapted = zeros([out, channels, height, width])
  const size = height * width
  const scale = Math.fround(3 / channels)
  for (let i = 0; i < adapted.data.length; i++) {
    const filter = Math.floor(i / (size * channels)) * 3 * size
    const [channel, tap] = [Math.floor(i / size) % channels, i % size]
    const at = (c: number) => values[filter + c * size + tap]!
    adapted.data[i] = channels === 1 ? Math.fround(at(0) + at(1)) + at(2) : at(channel % 3) * scale
  }
  return adapted
}

/** Picks the model's classes from the checkpoint's classifier, or leaves it out where it is for others. */
function fitClassifier(model: Model, cargo: Cargo, classes: LoadOptions["classes"]): void {
  const { network, numClasses, name: modelName } = model
  const { tensors, messages } = cargo
  const names = Object.keys(tensors).filter((name) => network.isClassifier(name))
  const weights = names.filter((name) => name.endsWith(".weight"))
  const known = weights[0] === undefined ? undefined : tensors[weights[0]]!.shape[0]
  cargo.checkpointClasses = known
  if (Array.isArray(classes)) {
    checkClassMap(classes, numClasses, known)
    for (const name of names) tensors[name] = pickRows(tensors[name]!, classes)
    messages.push(`the classifier is made of ${numClasses} of the ${known} classes that the checkpoint knows`)
    return
  }
  if (numClasses > 0 && known === undefined && names.length === 0) {
    messages.push(`the checkpoint has no classifier: ${modelName} gets a new one, for ${numClasses} classes`)
    return
  }
  const others = classes === "fresh" || weights.some((name) => isForOthers(model, name, tensors[name]!))
  if (names.length === 0 || !others) return
  cargo.dropped.push(...names)
  for (const name of names) delete tensors[name]
  const fresh = numClasses > 0 ? `${modelName} gets a new one, for ${numClasses} classes` : "it is left out"
  const those = classes === "fresh" ? "other classes" : `${known} classes`
  messages.push(`the checkpoint's classifier knows ${those}: ${fresh}`)
}

/** Whether a classifier's weight differs from the model's in nothing but the number of classes. */
function isForOthers({ weights, numClasses }: Model, name: string, { shape }: NdArray): boolean {
  if (numClasses === 0) return true
  const own = weights[name]?.shape
  return own?.[0] !== shape[0] && own?.slice(1).join() === shape.slice(1).join()
}

function checkClassMap(classes: readonly number[], numClasses: number, known: number | undefined): void {
  if (known === undefined) throw new UsageError("classes cannot be picked: the checkpoint has no classifier")
  if (classes.length !== numClasses) {
    throw new UsageError(`classes names ${classes.length} classes of the checkpoint for ${numClasses} of the model`)
  }
  const wrong = classes.find((row) => !(Number.isInteger(row) && row >= 0 && row < known))
  if (wrong !== undefined) {
    throw new UsageError(`classes has ${wrong}, which is none of the checkpoint's classes 0 to ${known - 1}`)
  }
}

/** What is wrong with the weights. A classifier may be missing, unless half of it or everything else is. */
function withoutMissingClassifier({ network }: Model, result: LoadResult): LoadResult {
  const { loaded, mismatched, missing } = result
  const isPart = (name: string) => network.isClassifier(name)
  if (loaded.length === 0 || [...loaded, ...mismatched].some(isPart)) return result
  return { ...result, missing: missing.filter((name) => !isPart(name)) }
}

/** Names that an error lists of each kind. */
const LISTED = 5

function describeMisfit(
  { name, weights }: Model,
  { missing, unexpected, mismatched }: LoadResult,
  tensors: Readonly<StateDict>,
  { cargo, source }: { cargo: Cargo; source: string },
): string {
  const total = Object.keys(weights).filter((parameter) => !isCounter(parameter)).length
  const count = (names: readonly string[]) => `${names.length} of ${total} parameters`
  const shape = (values: Readonly<StateDict>, parameter: string) => printShape(values[parameter]!.shape)
  const listed = (names: readonly string[], describe: (name: string) => string) =>
    names.slice(0, LISTED).map(describe).join(", ") +
    (names.length > LISTED ? ` and ${names.length - LISTED} more` : "")
  const problems = [
    missing.length > 0 &&
      `${count(missing)} are missing: ${listed(missing, (parameter) => `${parameter} ${shape(weights, parameter)}`)}`,
    mismatched.length > 0 &&
      `${count(mismatched)} have other shapes: ` +
        listed(mismatched, (one) => `${one} ${shape(tensors, one)} where ${shape(weights, one)} is expected`),
    unexpected.length > 0 &&
      `${unexpected.length} tensors are not in the model: ${listed(unexpected, (one) => `${one} ${shape(tensors, one)}`)}`,
  ].filter((problem) => problem !== false)
  return `cannot load ${source} into ${name}: ${problems.join("; ")}.${describeOrigin(name, cargo)}`
}

/** Says of which model the weights are, if it is known and another one. */
function describeOrigin(name: string, { tensors, families }: Cargo): string {
  const models = fittingModels(tensors, families)
  const [first] = models
  if (first === undefined || models.includes(name)) return ""
  return ` The file looks like ${models.slice(0, 3).join(" or ")}; try --model ${first}.`
}

function describePartial({ loaded, missing, unexpected, mismatched }: LoadResult): string[] {
  const list = (names: readonly string[]) =>
    names.slice(0, 5).join(", ") + (names.length > 5 ? ` and ${names.length - 5} more` : "")
  return [
    missing.length > 0 &&
      `${missing.length} parameters are not in the checkpoint and stay as they were: ${list(missing)}`,
    mismatched.length > 0 && `${mismatched.length} have other shapes there and stay as they were: ${list(mismatched)}`,
    unexpected.length > 0 && `${unexpected.length} of the checkpoint are not in the model: ${list(unexpected)}`,
    `${loaded.length} parameters were loaded`,
  ].filter((message) => message !== false)
}
