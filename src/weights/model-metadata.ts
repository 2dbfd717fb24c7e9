/** What our checkpoints say of their model, in the metadata of a safetensors file: enough to use it with nothing else at hand. */

import { z } from "zod"
import type { Preprocessing } from "../models/family.ts"
import { Network, type StateDict } from "../models/network.ts"
import { describeModel } from "../models/registry.ts"
import { InputError } from "../tensor/errors.ts"
import { sizeOf } from "../tensor/ndarray.ts"

const modelMetadata = z.object({
  model: z.string(),
  config: z.record(z.string(), z.unknown()),
  classes: z.array(z.string()),
  preprocessing: z.object({
    inputSize: z.number(),
    interpolation: z.enum(["bicubic", "bilinear"]),
    cropPct: z.number(),
    cropMode: z.enum(["center", "squash", "border"]),
    mean: z.array(z.number()),
    std: z.array(z.number()),
  }),
})

export type ModelMetadata = z.infer<typeof modelMetadata>

/** Key of our entry in the metadata of a safetensors file. */
const METADATA_KEY = "convnext"

/** A model as its metadata describes it. */
export interface SavedModel {
  name: string
  /** The full config. */
  config: Readonly<Record<string, unknown>>
  classes: readonly string[] | undefined
  dataConfig: Preprocessing
}

/** The entry that says of what model the tensors of a file are. */
export function writeMetadata({ name, config, classes = [], dataConfig }: SavedModel): Record<string, string> {
  const { inputSize, interpolation, cropPct, cropMode, mean, std } = dataConfig
  const description: ModelMetadata = {
    model: name,
    config,
    classes: [...classes],
    preprocessing: { inputSize, interpolation, cropPct, cropMode, mean: [...mean], std: [...std] },
  }
  return { [METADATA_KEY]: JSON.stringify(description) }
}

/**
 * What the metadata of a file says of its model; undefined where it says nothing.
 * Throws an InputError if our entry is damaged.
 */
export function readMetadata(file: string, metadata: Readonly<Record<string, string>>): ModelMetadata | undefined {
  const text = metadata[METADATA_KEY]
  if (text === undefined) return undefined
  try {
    return modelMetadata.parse(JSON.parse(text))
  } catch {
    throw new InputError(`${file} has a damaged description of its model`)
  }
}

/** Blocks that a model in a file may have. The deepest published ConvNeXt has 36. */
const MAX_BLOCKS = 1000

/** Fields of configs that count blocks: for each stage, or in all. */
const blockFields = ["depths", "layers", "depth"]

/**
 * Throws an InputError, before memory is taken, for a description of a model that is larger than the weights beside it; a
 * UsageError if it describes no model at all.
 */
export function checkClaims(
  file: string,
  { model, config }: { model: string; config: Readonly<Record<string, unknown>> },
  weights: Readonly<StateDict>,
): void {
  const depths = blockFields.flatMap((field) => config[field] ?? [])
  const blocks = depths.reduce((sum: number, depth) => sum + Math.abs(Number(depth)), 0)
  if (blocks > MAX_BLOCKS) {
    throw new InputError(`${file} describes a model of ${blocks} blocks: more than ${MAX_BLOCKS} are not read`)
  }
  const { parameterCount } = new Network(describeModel(model, config))
  const held = Object.values(weights).reduce((sum, { shape }) => sum + sizeOf(shape), 0)
  if (parameterCount > held) {
    throw new InputError(`${file} describes a model of ${parameterCount} parameters, but holds ${held} values`)
  }
}
