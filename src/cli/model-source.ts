/** The model that a person means: the folder of a run, or the name of a model with weights from a file. */

import { stat } from "node:fs/promises"
import { dirname } from "node:path"
import { z } from "zod"
import type { Model } from "../models/model.ts"
import { isModelName, parseModelName, suggestModel } from "../models/registry.ts"
import { runPaths } from "../run/folder.ts"
import { InputError, UsageError } from "../tensor/errors.ts"
import { devices } from "../train/options.ts"
import type { Library } from "./library.ts"

/** Options of every command that works with a trained model. */
export const modelOptions = {
  model: z.string().min(1).meta({
    placeholder: "RUN",
    description:
      "Folder of a run, as `convnext train` makes it, or the name of a model, by default with its published weights; NAME.TAG is a model with the weights of that tag",
  }),
  weights: z.string().min(1).optional().meta({
    placeholder: "WEIGHTS",
    description:
      "Weights for a model given by name: published ones (a tag, see `convnext models`), a file, or a repository of the Hugging Face hub; by default the first published ones",
  }),
  checkpoint: z.enum(["best", "last"]).optional().describe("Which checkpoint of the run to use, best by default"),
  device: z.enum(devices).default("auto").describe("Where the model runs"),
  threads: z.int().min(1).max(1024).optional().describe("Threads for the model; by default one for each core"),
}

export interface ModelSource {
  model: string
  device?: string
  threads?: number
  weights?: string
  checkpoint?: "best" | "last"
  /** Refuse weights that lack the classifier: what the model says would mean nothing. Default false. */
  trained?: boolean
}

/** The folder of the run that `model` belongs to, if it belongs to one. */
export async function runOf(model: string): Promise<string | undefined> {
  const folder = model.endsWith(".safetensors") ? dirname(model) : model
  const config = await stat(runPaths(folder).config).catch(() => undefined)
  return config && folder
}

/**
 * Loads the model that `source` means.
 * @throws UsageError for an unknown model (with the nearest names), one without weights, or an option that does not
 * go with what `model` is.
 * @throws InputError for a folder that is not there.
 */
export async function openModel(library: Library, source: ModelSource): Promise<Model> {
  const { model, weights, checkpoint, device, threads, trained } = source
  const isFile = model.endsWith(".safetensors")
  if (isFile || (await isFolder(model))) {
    if (weights !== undefined) {
      throw new UsageError(`--weights goes with the name of a model: ${model} has weights of its own`)
    }
    if (isFile && checkpoint !== undefined) {
      throw new UsageError(`--checkpoint goes with the folder of a run: ${model} is a checkpoint itself`)
    }
    return library.loadRun(model, { device, threads, checkpoint })
  }
  const { model: name, tag } = parseModelName(model)
  if (!isModelName(name)) {
    if (/[\\/]/.test(model)) throw new InputError(`there is no run folder ${model}; \`convnext train\` makes one`)
    throw new UsageError(
      `there is no run folder and no model named ${model}${suggestModel(model) || "; see convnext models"}`,
    )
  }
  if (checkpoint !== undefined) {
    throw new UsageError(`--checkpoint goes with the folder of a run: ${model} is the name of a model`)
  }
  if (weights === undefined && library.publishedWeights(name).length === 0) {
    throw new UsageError(`${model} has no published weights: give the folder of a run instead, or add --weights FILE`)
  }
  return library.createModel(name, {
    device,
    threads,
    trained,
    weights: weights ?? (tag === undefined ? "pretrained" : model),
  })
}

async function isFolder(path: string): Promise<boolean> {
  const info = await stat(path).catch(() => undefined)
  return info?.isDirectory() ?? false
}
