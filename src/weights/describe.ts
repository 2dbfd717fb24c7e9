/** What comes with weights, in the words of whoever wrote them: our metadata, timm's and transformers' files. */

import type { Preprocessing } from "../models/family.ts"
import { InputError } from "../tensor/errors.ts"
import { readModelConfig } from "./hub/model-config.ts"
import { readMetadata } from "./model-metadata.ts"
import { configFromHuggingFace } from "./naming/huggingface-config.ts"

/** What is known of weights besides their values; each field only where something says so. */
export interface WeightsDescription {
  /** The model that they are of, or the family of which `config` makes it. */
  architecture?: string
  /** What differs from the architecture's registered config, or all of it; in timm's names, camelCase. */
  config?: Readonly<Record<string, unknown>>
  /** Outputs of their classifier, 0 if they have none. */
  numClasses?: number
  /** Names of the classes, in the order of the logits. */
  classes?: string[]
  /** How images become inputs. */
  preprocessing?: Partial<Preprocessing>
  /** As the hub names it. */
  license?: string
  /** What a person should know of the description itself: one that cannot be followed. */
  warning?: string
}

/** What lies in a file of weights and beside it. */
export interface Sidecars {
  /** The metadata of a safetensors file. */
  metadata?: Readonly<Record<string, string>>
  /** The parsed `config.json` of timm or transformers. */
  config?: unknown
  /** The parsed `preprocessor_config.json` of transformers. */
  preprocessor?: unknown
}

/**
 * What is said of weights. Our own metadata comes first: it is written with the tensors, into the same file.
 * @param source what messages call the weights
 * Throws an InputError if our metadata is damaged. What others wrote and cannot be read is left out.
 */
export function describeSource(source: string, { metadata = {}, config, preprocessor }: Sidecars): WeightsDescription {
  const own = readMetadata(source, metadata)
  if (own !== undefined) {
    const { model, classes, preprocessing } = own
    const named = classes.length > 0 ? { classes, numClasses: classes.length } : {}
    return { architecture: model, config: own.config, ...named, preprocessing }
  }
  return isFromTransformers(config) ? readTransformers(source, config, preprocessor) : readModelConfig(config)
}

/** timm writes `architecture`, also where its `model_type` makes transformers load it. */
function isFromTransformers(config: unknown): boolean {
  return typeof config === "object" && config !== null && "model_type" in config && !("architecture" in config)
}

function readTransformers(source: string, json: unknown, preprocessor: unknown): WeightsDescription {
  try {
    const { family, config, classes, preprocessing } = configFromHuggingFace(json, preprocessor)
    const description = { architecture: family, config, numClasses: config.numClasses as number, preprocessing }
    return classes === undefined ? description : { ...description, classes }
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    // The weights may be of use all the same.
    return { ...readModelConfig(json), warning: `${source}: ${error.message}; nothing but its labels was read` }
  }
}
