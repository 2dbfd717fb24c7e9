/** config.yaml of a run: the resolved options. */

import { resolve } from "node:path"
import { parse, stringify } from "yaml"
import { InputError, UsageError } from "../tensor/errors.ts"
import { type CheckedTrainOptions, checkTrainOptions, type TrainOptions } from "../train/options.ts"
import { writeFileAtomic } from "../weights/node/atomic-file.ts"
import { absoluteWeights } from "../weights/node/resolve.ts"
import { readText } from "./folder.ts"
import type { RunSettings } from "./settings.ts"

/** First line of the config.yaml of a run whose model no options can make. */
const givenModelMark =
  "# The model of this run was given by a program: `train --config` cannot make it, `train --resume` goes on with it.\n"

/** Writes the resolved options. Its paths hold wherever the run is resumed from. */
export async function writeRunConfig(path: string, settings: RunSettings, modelGiven: boolean): Promise<void> {
  const { data, weights, model } = settings
  const resolved = {
    ...settings,
    data: data && resolve(data),
    weights: weights && (await absoluteWeights(weights, model)),
  }
  const known = Object.fromEntries(Object.entries(resolved).filter(([, value]) => value !== undefined))
  await writeFileAtomic(path, [modelGiven ? givenModelMark : "", stringify(known)])
}

/** Whether the text of a config.yaml says that the run's model was given by a program. */
export function isModelGiven(text: string): boolean {
  return text.startsWith(givenModelMark)
}

export interface RunConfig {
  options: CheckedTrainOptions
  modelGiven: boolean
}

/** Reads the options of a run, `overrides` in place of its own. Throws an InputError if the file is damaged. */
export async function readRunConfig(path: string, overrides: TrainOptions = {}): Promise<RunConfig> {
  const { text, value: options } = await readText<unknown>(path, (yaml) => parse(yaml))
  if (typeof options !== "object" || options === null) throw new InputError(`${path} is damaged: it holds no settings`)
  try {
    return { options: checkTrainOptions({ ...options, ...overrides }), modelGiven: isModelGiven(text) }
  } catch (error) {
    // The mistake is in the file, not in the call.
    if (error instanceof UsageError) throw new InputError(`${path} is damaged: ${error.message}`)
    throw error
  }
}
