/** The model that a person means: the folder of a run, or the name of a model with weights from a file. */

import { stat } from "node:fs/promises"
import { z } from "zod"
import type { Model } from "../models/model.ts"
import { InputError, UsageError } from "../tensor/errors.ts"
import { suggestion } from "../train/option-fields.ts"
import type { Library } from "./library.ts"

/** Options of every command that works with a trained model. */
export const modelOptions = {
  model: z.string().min(1).meta({
    placeholder: "RUN",
    description: "Folder of a run, as `convnext train` makes it, or the name of a model together with --weights",
  }),
  weights: z
    .string()
    .min(1)
    .optional()
    .meta({ placeholder: "FILE", description: "Weights for a model given by name: a safetensors file" }),
  checkpoint: z.enum(["best", "last"]).default("best").describe("Which checkpoint of the run to use"),
  device: z.enum(["auto", "cpu"]).default("auto").describe("Where the model runs"),
  threads: z.int().min(1).max(1024).optional().describe("Threads for the model; by default one for each core"),
}

export interface ModelSource {
  model: string
  device?: string
  threads?: number
  weights?: string
  checkpoint: "best" | "last"
}

/**
 * Loads the model that `source` means.
 * @throws UsageError for an unknown model (with the nearest names) or one without weights.
 * @throws InputError for a folder that is not there.
 */
export async function openModel(library: Library, source: ModelSource): Promise<Model> {
  const { model, weights, checkpoint, device, threads } = source
  if ((await isFolder(model)) || model.endsWith(".safetensors"))
    return library.loadRun(model, { device, threads, checkpoint })
  const known = library.listModels().map(({ name }) => name)
  if (!known.includes(model.split(".")[0]!)) {
    if (/[\\/]/.test(model)) throw new InputError(`there is no run folder ${model}; \`convnext train\` makes one`)
    throw new UsageError(
      `there is no run folder and no model named ${model}${suggestion(model, known) || "; see convnext models"}`,
    )
  }
  if (weights === undefined) {
    throw new UsageError(`${model} has no trained weights: give the folder of a run instead, or add --weights FILE`)
  }
  return library.createModel(model, { device, threads, weights })
}

async function isFolder(path: string): Promise<boolean> {
  const info = await stat(path).catch(() => undefined)
  return info?.isDirectory() ?? false
}
