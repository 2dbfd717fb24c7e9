/** Models from weights of any origin: names, classes, channels and sizes are fitted, and what is left out is said. */

import type { Preprocessing } from "../models/family.ts"
import { type CreateModelOptions, createModel, type Model } from "../models/model.ts"
import type { StateDict } from "../models/network.ts"
import { InputError } from "../tensor/errors.ts"
import { loadCheckpoint } from "./load.ts"
import { recognise } from "./naming/recognise.ts"

/** Weights, and what is known about them. */
export interface GivenWeights {
  tensors: StateDict
  /** What messages call them. */
  source: string
  /** Outputs of their classifier, 0 if they have none. Default: read from the tensors. */
  numClasses?: number
  /** Names of the classes, in the order of the logits. */
  classes?: readonly string[]
  /** How images become inputs. */
  preprocessing?: Partial<Preprocessing>
  /** To be shown before they are used: how their licence restricts that. */
  notice?: string
  /** The tensors may be kept instead of copied. */
  owned: boolean
}

export type CreateFromOptions = Omit<CreateModelOptions, "weights" | "blank"> & {
  /** Told what a person should know of the weights: a licence that restricts them, a classifier that was left out. */
  onMessage?(message: string): void
}

/**
 * Makes a model and loads weights into it, see {@link loadCheckpoint}. What the options leave open is as in the weights:
 * the number of classes and their names, how images are prepared. What the weights do not have gets fresh values.
 * Throws as `createModel` and `loadCheckpoint` do.
 */
export async function createModelFrom(name: string, options: CreateFromOptions, weights: GivenWeights): Promise<Model> {
  const { onMessage = console.warn, ...given } = options
  const { tensors, source, notice, preprocessing, owned } = weights
  if (notice !== undefined) onMessage(notice)
  const numClasses = given.numClasses ?? given.classes?.length ?? classesOf(given.config) ?? classesIn(weights)
  const model = await createModel(name, {
    ...given,
    numClasses,
    preprocessing: { ...preprocessing, ...given.preprocessing },
    blank: true,
  })
  const { missing, messages } = loadCheckpoint(model, tensors, { source, adopt: owned })
  const fresh = model.network.initialize(given.seed ?? 0, missing)
  if (missing.length > 0) model.loadStateDict(fresh, { strict: false, adopt: true })
  if (!model.classes && weights.classes?.length === model.numClasses) model.classes = [...weights.classes]
  for (const message of messages) onMessage(message)
  return model
}

function classesOf(config: CreateModelOptions["config"]): number | undefined {
  return typeof config?.numClasses === "number" ? config.numClasses : undefined
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
