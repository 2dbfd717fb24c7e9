/** Models from weights of any origin: names, classes, channels and sizes are fitted, and what is left out is said. */

import { type CreateModelOptions, createModel, createModelOptionNames, type Model } from "../models/model.ts"
import type { StateDict } from "../models/network.ts"
import { describeModel, type ModelDescription } from "../models/registry.ts"
import { InputError, UsageError } from "../tensor/errors.ts"
import type { WeightsDescription } from "./describe.ts"
import { type LoadReport, loadCheckpoint } from "./load.ts"
import { checkClaims } from "./model-metadata.ts"
import { recognise } from "./naming/recognise.ts"

/** Weights, and what is known about them. */
export interface GivenWeights extends Omit<WeightsDescription, "license" | "warning"> {
  tensors: StateDict
  /** What messages call them. */
  source: string
  /** To be shown before they are used: how their licence restricts that. */
  notice?: string
  /** The tensors may be kept instead of copied. */
  owned: boolean
}

export type CreateFromOptions = Omit<CreateModelOptions, "weights" | "blank"> & {
  /** Told what a person should know of the weights: a licence that restricts them, a classifier that was left out. */
  onMessage?(message: string): void
  /** Refuse weights without a classifier for the model's classes: it would be a random one. Default false. */
  trained?: boolean
}

/** Names of all options, for {@link checkOptionNames}. */
export const createFromOptionNames = {
  ...createModelOptionNames,
  onMessage: true,
  trained: true,
} satisfies Record<keyof CreateFromOptions | "weights", true>

/**
 * Makes a model and loads weights into it, see {@link loadCheckpoint}. What the options leave open is as in the weights:
 * the number of classes and their names, the channels, how images are prepared; where `name` is a family, its config. What
 * the weights do not have gets fresh values; so does the classifier if they are known to be for other classes.
 * Throws as `createModel` and `loadCheckpoint` do, an InputError also for weights that claim to be of a far larger model.
 */
export async function createModelFrom(name: string, options: CreateFromOptions, weights: GivenWeights): Promise<Model> {
  const { onMessage = console.warn, trained = false, ...given } = options
  const { tensors, source, notice, owned } = weights
  if (notice !== undefined) onMessage(notice)
  const model = await createModel(name, { ...given, ...fillIn(name, given, weights), blank: true })
  const known = weights.classes
  const others = known !== undefined && given.classes !== undefined && known.join("\n") !== given.classes.join("\n")
  const report = loadCheckpoint(model, tensors, { source, adopt: owned, classes: others ? "fresh" : undefined })
  if (trained && report.missing.some((parameter) => model.network.isClassifier(parameter))) {
    const known =
      report.checkpointClasses === undefined ? "no classifier" : `one for ${report.checkpointClasses} classes`
    throw new InputError(`${source} has ${known}: that of ${name}, for ${model.numClasses}, would be a random one`)
  }
  const fresh = model.network.initialize(given.seed ?? 0, report.missing)
  if (report.missing.length > 0) model.loadStateDict(fresh, { strict: false, adopt: true })
  if (!model.classes && known?.length === model.numClasses) model.classes = [...known]
  for (const message of report.messages) onMessage(message)
  if (known === undefined && given.classes !== undefined && keepsClassifier(report)) {
    onMessage(
      `no class names come with ${source}: the classifier is kept, and the names that were given are taken to be in its order`,
    )
  }
  return model
}

function keepsClassifier({ checkpointClasses, dropped }: LoadReport): boolean {
  return checkpointClasses !== undefined && dropped.length === 0
}

/** What the options leave open, from the weights. */
function fillIn(name: string, given: CreateFromOptions, weights: GivenWeights): CreateModelOptions {
  const described = describeOwn(weights)
  const target = describeModel(name)
  const isFamily = target.family === name
  const config = { ...(isFamily && described ? configFor(target, described) : {}), ...given.config }
  if (
    given.inputSize !== undefined &&
    target.sizeField !== undefined &&
    given.config?.[target.sizeField] === undefined
  ) {
    delete config[target.sizeField]
  }
  return {
    config,
    inChannels: given.inChannels ?? countIn(given.config, "inChannels") ?? described?.config.inChannels,
    numClasses: given.numClasses ?? given.classes?.length ?? countIn(given.config, "numClasses") ?? classesIn(weights),
    preprocessing: { ...weights.preprocessing, ...given.preprocessing },
  }
}

/** The model that weights say they are of; undefined where they say nothing, or one that nobody knows. */
function describeOwn({ architecture, config, tensors, source }: GivenWeights): ModelDescription | undefined {
  if (architecture === undefined) return undefined
  try {
    const withoutClasses = { ...config, numClasses: 0 }
    if (config !== undefined) checkClaims(source, { model: architecture, config: withoutClasses }, tensors)
    return describeModel(architecture, withoutClasses)
  } catch (error) {
    if (error instanceof UsageError) return undefined
    throw error
  }
}

/** The config of the weights for a family that has the same options; what is for training alone is not taken over. */
function configFor(target: ModelDescription, { config }: ModelDescription): Record<string, unknown> {
  const { inChannels: _channels, numClasses: _classes, dropPathRate: _rate, ...architecture } = config
  const known = Object.keys(architecture).every((field) => Object.hasOwn(target.config, field))
  return known ? architecture : {}
}

function countIn(config: CreateModelOptions["config"], field: string): number | undefined {
  const value = config?.[field]
  return typeof value === "number" ? value : undefined
}

function classesIn({ numClasses, tensors }: GivenWeights): number | undefined {
  if (numClasses !== undefined) return numClasses
  try {
    return recognise(tensors).numClasses
  } catch (error) {
    // Networks of a person's own have names that nobody else knows.
    if (error instanceof InputError) return undefined
    throw error
  }
}
