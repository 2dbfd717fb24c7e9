/** How a run begins: data, settings, model and folder, for a new run or for one that was stopped. */

import type { DataSplits } from "../data/dataset.ts"
import { openDataset, openEmbedded } from "../data/node/open.ts"
import { createModel, type Model } from "../models/model.ts"
import { InputError, UsageError } from "../tensor/errors.ts"
import { checkTrainOptions, type TrainOptions } from "../train/options.ts"
import { loadCheckpoint } from "../weights/load.ts"
import { loadState, loadWeights, type SavedState } from "./checkpoint.ts"
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
  const checked = checkTrainOptions(options)
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
  const found = await loadWeights(weights, name)
  const { preprocessing, notice, source, tensors } = found
  if (notice) onMessage?.(notice)
  const model = await createModel(name, { ...options, preprocessing: { ...preprocessing, inputSize: imageSize } })
  const others = found.classes !== undefined && found.classes.join("\n") !== classes.join("\n")
  const { messages } = loadCheckpoint(model, tensors, { source, classes: others ? "fresh" : undefined, adopt: true })
  for (const message of messages) onMessage?.(message)
  return model
}
