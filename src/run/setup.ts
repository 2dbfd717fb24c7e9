/** How a run begins: data, settings, model and folder, for a new run or for one that was stopped. */

import type { DataSplits } from "../data/dataset.ts"
import { openDataset, openEmbedded } from "../data/node/open.ts"
import { createModel, type Model } from "../models/model.ts"
import { parseModelName } from "../models/registry.ts"
import { InputError, UsageError } from "../tensor/errors.ts"
import { type CheckedTrainOptions, checkTrainOptions, type TrainOptions } from "../train/options.ts"
import { createModelFrom } from "../weights/create.ts"
import { resolveWeights } from "../weights/node/resolve.ts"
import { loadState, type SavedState } from "./checkpoint.ts"
import { readRunConfig } from "./config.ts"
import { describeChange, recordData } from "./data-record.ts"
import { createRunFolder, defaultName, openRunFolder, type RunPaths } from "./folder.ts"
import { type RunSettings, resolveSettings } from "./settings.ts"

export interface RunSetup {
  paths: RunPaths
  settings: RunSettings
  splits: DataSplits
  model: Model
  /** The model was given by a program: options cannot make it. */
  modelGiven: boolean
  /** Where a run that is resumed stands. */
  saved?: SavedState
}

/** A new run. */
export async function prepareRun(
  model: Model | undefined,
  options: TrainOptions,
  onMessage?: (message: string) => void,
): Promise<RunSetup> {
  const checked = nameWeights(checkTrainOptions(options))
  if (model) checkOptionsBeside(model, options)
  const splits = await openSplits(checked)
  const settings = resolveSettings(model ? { ...checked, ...settingsOf(model) } : checked, splits)
  const { classes } = splits
  if (model && model.numClasses !== classes.length) {
    throw new UsageError(
      `the model has ${model.numClasses} classes and the data ${classes.length}: call model.resetClassifier(${classes.length})`,
    )
  }
  const trained = model ?? (await createRunModel(settings, splits, onMessage))
  const data = settings.data ?? "fashion-mnist"
  const paths = await createRunFolder(options.name ?? defaultName(data, settings.model), options.out)
  trained.classes = [...classes]
  return { paths, settings, splits, model: trained, modelGiven: model !== undefined }
}

/** A model named with its weights, `convnext_tiny.fb_in1k`, as a model and weights. Others that are given come first. */
function nameWeights(options: CheckedTrainOptions): CheckedTrainOptions {
  if (options.model === undefined) return options
  const { model, tag } = parseModelName(options.model)
  return tag === undefined ? options : { ...options, model, weights: options.weights ?? options.model }
}

/** Options that belong to a model that is given, and were decided when it was made. */
const modelOptions = ["model", "weights", "imageSize", "dropPath", "device", "threads"] as const

function checkOptionsBeside(model: Model, options: TrainOptions): void {
  const double = modelOptions.find((name) => options[name] !== undefined)
  if (double) throw new UsageError(`${double} is the model's own: give it to createModel, not to train (${model.name})`)
}

function settingsOf({ name, dataConfig, config, threads }: Model) {
  return { model: name, imageSize: dataConfig.inputSize, dropPath: config.dropPathRate, threads }
}

/** A run that was stopped. Only how it is computed may be changed, not what. */
export async function reopenRun(options: TrainOptions): Promise<RunSetup> {
  const changeable = ["resume", "threads", "workers", "device"]
  const fixed = Object.entries(options)
    .filter(([name, value]) => value !== undefined && !changeable.includes(name))
    .map(([name]) => name)
  if (fixed.length > 0) {
    throw new UsageError(`a resumed run keeps its own settings: ${fixed.join(", ")} cannot be changed`)
  }
  checkTrainOptions(options)
  const paths = await openRunFolder(options.resume!)
  const { threads, workers, device } = options
  const overrides = Object.fromEntries(Object.entries({ threads, workers, device }).filter(([, v]) => v !== undefined))
  const config = await readRunConfig(paths.config, overrides)
  const splits = await openSplits(config.options)
  const settings = resolveSettings(config.options, splits)
  const saved = await loadState(paths, { device, threads: settings.threads })
  const { model } = saved
  if (model.classes?.join("\n") !== splits.classes.join("\n")) {
    throw new InputError(`the data has other classes than when ${paths.folder} began: ${splits.description}`)
  }
  const change = describeChange(saved.state.data, recordData(splits, settings.data))
  if (change) {
    throw new InputError(`the data has changed since ${paths.folder} began: ${change}. Put it back, or train anew`)
  }
  return { paths, settings, splits, model, modelGiven: config.modelGiven, saved }
}

function openSplits({ data, valFraction, seed }: Pick<RunSettings, "data" | "seed"> & { valFraction?: number }) {
  return data === undefined ? openEmbedded() : openDataset(data, { valFraction, seed })
}

async function createRunModel(
  settings: RunSettings,
  { classes, channels }: DataSplits,
  onMessage?: (message: string) => void,
): Promise<Model> {
  const { model: name, dropPath, seed, device, threads, imageSize, weights } = settings
  const options = {
    inChannels: channels,
    classes,
    inputSize: imageSize,
    dropPathRate: dropPath,
    seed,
    device,
    threads,
  }
  if (weights === undefined) return createModel(name, options)
  const found = await resolveWeights(weights, name)
  return createModelFrom(name, { ...options, onMessage: (text) => onMessage?.(text) }, { ...found, owned: true })
}
