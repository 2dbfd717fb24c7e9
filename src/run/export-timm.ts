/** Export as a checkpoint by timm's names. */

import type { Model } from "../models/model.ts"
import { pretrainedFor } from "../models/pretrained/index.ts"
import { describeModel } from "../models/registry.ts"
import { saveModel } from "./checkpoint.ts"

/**
 * Writes a safetensors file that timm reads, with what the model is, its classes and its preprocessing in the metadata.
 * @returns the Python that loads it
 * Throws an InputError if the file cannot be written.
 */
export async function exportTimm(model: Model, path: string): Promise<{ usage: string[] }> {
  await saveModel(path, model, model.stateDict())
  const file = JSON.stringify(path)
  const given = timmArguments(model)
  return {
    usage: given
      ? ["import timm", `model = timm.create_model(${[...given, `checkpoint_path=${file}`].join(", ")})`]
      : ["from safetensors.torch import load_file", `state_dict = load_file(${file})`],
  }
}

/** What makes timm build the same network; undefined where a name of timm and a few arguments do not. */
function timmArguments({ name, config }: Model): string[] | undefined {
  // Weights are published for timm's models alone.
  if (pretrainedFor(name).length === 0) return undefined
  const { inChannels, numClasses, imgSize } = config
  const registered = describeModel(name)
  const same = describeModel(name, { inChannels, numClasses, ...(imgSize === undefined ? {} : { imgSize }) })
  if (structure(same.config) !== structure(config)) return undefined
  return [
    JSON.stringify(name),
    ...(inChannels === registered.config.inChannels ? [] : [`in_chans=${inChannels}`]),
    ...(imgSize === registered.config.imgSize ? [] : [`img_size=${JSON.stringify(imgSize)}`]),
    `num_classes=${numClasses}`,
  ]
}

/** A config without what matters in training alone. */
function structure(config: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(Object.entries(config).filter(([field]) => !/Rate$|InitScale$/.test(field)))
}
