/** Checkpoints of a run: weights to use, and the state to go on from. */

import { readdir, rm } from "node:fs/promises"
import { join } from "node:path"
import { z } from "zod"
import { createModel, type Model } from "../models/model.ts"
import type { StateDict } from "../models/network.ts"
import { InputError, UsageError } from "../tensor/errors.ts"
import type { Trainer } from "../train/trainer.ts"
import { checkClaims, type ModelMetadata, readMetadata, writeMetadata } from "../weights/model-metadata.ts"
import { loadFile, loadSafetensors, saveSafetensors } from "../weights/node/files.ts"
import { dataRecord } from "./data-record.ts"
import { exists, openRunFolder, type RunPaths, readJson, writeJson } from "./folder.ts"

/** Writes weights with all that is needed to use them. The tensors have timm's names, so that timm reads them too. */
export async function saveModel(path: string, model: Model, weights: StateDict = model.weights): Promise<void> {
  await saveSafetensors(path, weights, { format: "pt", ...writeMetadata(model) })
}

export interface LoadRunOptions {
  /** Which weights to take. Default "best". */
  checkpoint?: "best" | "last"
  device?: string
  threads?: number
}

/**
 * The model of a run.
 * @param path the run's folder, or one of its checkpoints
 * Throws an InputError if it is no run, or has no checkpoint yet.
 */
export async function loadRun(
  path: string,
  { checkpoint = "best", device, threads }: LoadRunOptions = {},
): Promise<Model> {
  const file = path.endsWith(".safetensors") ? path : (await openRunFolder(path))[checkpoint]
  if (!(await exists(file))) {
    throw new InputError(`there is no ${file}: a run has checkpoints once its first epoch is done`)
  }
  const { tensors, metadata } = await loadFile(file, { store: true })
  return rebuildModel(file, requireMetadata(file, metadata), tensors, { device, threads })
}

async function rebuildModel(
  file: string,
  metadata: ModelMetadata,
  weights: StateDict,
  { device, threads }: Pick<LoadRunOptions, "device" | "threads">,
): Promise<Model> {
  const { model, config, preprocessing } = metadata
  // A model whose classes have no names has none in its file.
  const classes = metadata.classes.length > 0 ? metadata.classes : undefined
  try {
    checkClaims(file, { model, config: classes ? { ...config, numClasses: classes.length } : config }, weights)
    const built = await createModel(model, { config, classes, preprocessing, blank: true, device, threads })
    built.loadStateDict(weights, { adopt: true })
    return built
  } catch (error) {
    // The mistake is in the file, not in the call.
    if (error instanceof UsageError)
      throw new InputError(`${file} describes no model that can be built: ${error.message}`)
    throw error
  }
}

/** What a file says of its model. Throws an InputError if it says nothing. */
function requireMetadata(file: string, metadata: Readonly<Record<string, string>>): ModelMetadata {
  const description = readMetadata(file, metadata)
  if (description !== undefined) return description
  throw new InputError(`${file} does not say what model it belongs to: it was not written by a run`)
}

/** Where a run stands. Everything here and in the tensors is exact, so that a resumed run reaches the same bits. */
const runState = z.object({
  version: z.literal(1),
  /** File of the tensors: weights, average, optimizer. Never one outside the run's folder. */
  tensors: z.string().regex(/^state-\d+-\d+\.safetensors$/, "tensors is no file of a state"),
  /** The epoch under way or next, from 1, and the batches of it that are done. */
  epoch: z.number(),
  batch: z.number(),
  updates: z.number(),
  batches: z.number(),
  /** Learning rate of the last update. */
  lr: z.number(),
  /** The data that it began with. */
  data: dataRecord,
  /** Sums over the epoch so far. */
  lossSum: z.number(),
  gradNormSum: z.number(),
  best: z.object({ epoch: z.number(), top1: z.number() }),
  /** Seconds of training so far. */
  seconds: z.number(),
  /** The run has reached its end. */
  finished: z.boolean(),
  skipped: z.array(z.object({ source: z.string(), reason: z.string() })),
})

export type RunState = z.infer<typeof runState>
export type RunProgress = Omit<RunState, "version" | "tensors" | "updates" | "batches" | "lr">

/**
 * Writes the state to go on from. The tensors go to a new file, and only then state.json is made to name it: whenever
 * the process ends, state.json names a whole file that belongs to it.
 */
export async function saveState(paths: RunPaths, model: Model, trainer: Trainer, progress: RunProgress): Promise<void> {
  await trainer.sync()
  const { tensors, ...counters } = trainer.state()
  const file = `state-${progress.epoch}-${progress.batch}.safetensors`
  const weights = Object.fromEntries(Object.entries(model.weights).map(([name, value]) => [`model/${name}`, value]))
  await saveSafetensors(join(paths.folder, file), { ...weights, ...tensors }, writeMetadata(model))
  // What belongs to the tensors comes last: the progress of a resumed run still holds that of its earlier state.
  const state: RunState = { ...progress, version: 1, tensors: file, ...counters }
  await writeJson(paths.state, state)
  for (const name of await readdir(paths.folder)) {
    if (/^state-\d+-\d+\.safetensors(\.tmp)?$/.test(name) && name !== file)
      await rm(join(paths.folder, name), { force: true })
  }
}

/** A state that was read back: the model as it was, and the rest for its trainer. */
export interface SavedState {
  state: RunState
  model: Model
  /** What {@link Trainer.loadState} takes. */
  tensors: StateDict
}

/** Reads the state that `saveState` wrote. Throws an InputError if it is not there or damaged. */
export async function loadState(
  paths: RunPaths,
  options: Pick<LoadRunOptions, "device" | "threads">,
): Promise<SavedState> {
  const state = await readState(paths)
  const file = join(paths.folder, state.tensors)
  const { tensors, metadata } = await loadSafetensors(file)
  const weights: StateDict = {}
  for (const [name, value] of Object.entries(tensors)) {
    if (name.startsWith("model/")) weights[name.slice("model/".length)] = value
  }
  const description = requireMetadata(file, metadata)
  return { state, model: await rebuildModel(file, description, weights, options), tensors }
}

/** The counters of a run's state, without its tensors. Throws an InputError if they are not there or damaged. */
export async function readState(paths: RunPaths): Promise<RunState> {
  const parsed = runState.safeParse(await readJson(paths.state))
  if (!parsed.success) throw new InputError(`${paths.state} is damaged: ${parsed.error.issues[0]!.message}`)
  return parsed.data
}
