/** Train, evaluate, use and export modern image models, in Node. */

import { type CreateModelOptions as BaseOptions, createModel as createBaseModel, type Model } from "./models/model.ts"
import type { StateDict } from "./models/network.ts"
import { registerBackends } from "./runtime/backend.ts"
import { createNodeBackend } from "./runtime/node/ort.ts"
import { loadTensors } from "./weights/node/files.ts"

registerBackends(createNodeBackend)

export type CreateModelOptions = Omit<BaseOptions, "weights"> & {
  /** Weights by timm's names, or the path of a checkpoint. Default: fresh ones from `seed`. */
  weights?: string | StateDict
}

/**
 * Makes a model.
 * @param name a registered model ("convnext_tiny"), or a family ("convnext") together with `config`
 * @example
 * const model = await createModel("convnext_tiny", { numClasses: 37 })
 * const logits = await model.forward({ shape: [1, 224, 224, 3], dtype: "float32", data: pixels })
 *
 * Throws a UsageError for an unknown name or an option that does not fit, an InputError for weights that do not fit.
 */
export async function createModel(name: string, options: CreateModelOptions = {}): Promise<Model> {
  const { weights, ...rest } = options
  return createBaseModel(name, { ...rest, weights: typeof weights === "string" ? await loadTensors(weights) : weights })
}

export type { DataConfig } from "./data/config.ts"
export type { Image } from "./data/image.ts"
export { decodeImage } from "./data/node/decode.ts"
export { resize } from "./data/resample.ts"
export { evalTransform } from "./data/transform.ts"
export { defineModel, type ModelDefinition, type OwnNetwork } from "./models/custom.ts"
export type { BaseConfig, FeatureInfo, ImageModel, Preprocessing } from "./models/family.ts"
export { type LoadOptions, type LoadReport, loadCheckpoint } from "./models/load.ts"
export { type LoadResult, listModels, type Model, type ModelInfo, modelSummary } from "./models/model.ts"
export type { StateDict } from "./models/network.ts"
export type { ActivationBytes, LayerSummary, ModelSummary } from "./nn/summary.ts"
export {
  type AdamWOptions,
  type CosineOptions,
  cosineSchedule,
  type EmaOptions,
  type MultiStepOptions,
  multiStepSchedule,
  type OptimizerSpec,
  type PolyOptions,
  polySchedule,
  type Schedule,
  type SgdOptions,
  type StepScheduleOptions,
  stepSchedule,
  type TanhOptions,
  tanhSchedule,
} from "./optim/index.ts"
export { type BlockRow, type BlockSource, describeBlock } from "./roadmap/describe.ts"
export { type RoadmapModelOptions, roadmapModel } from "./roadmap/model.ts"
export { planRoadmap, type RoadmapPlan } from "./roadmap/plan.ts"
export {
  type PaperResult,
  type RoadmapNetwork,
  type RoadmapStep,
  type RoadmapStepId,
  roadmapReferences,
  roadmapSteps,
} from "./roadmap/steps.ts"
export { type LoadRunOptions, loadRun } from "./run/checkpoint.ts"
export { type EvaluateOptions, type Evaluation, evaluate } from "./run/evaluate.ts"
export { type ExportResult, exportOnnx } from "./run/export.ts"
export { type FilePrediction, type Prediction, type PredictOptions, predict } from "./run/predict.ts"
export { type TrainEvents, type TrainResult, type TrainStart, type TrainStep, train } from "./run/train.ts"
export { InputError, UsageError } from "./tensor/errors.ts"
export type { DType, NdArray, TypedArray } from "./tensor/ndarray.ts"
export { NonFiniteError } from "./train/non-finite.ts"
export type { TrainOptions } from "./train/options.ts"
export type { EpochRecord } from "./train/record.ts"
export {
  createTrainer,
  type LossOptions,
  type OptimizerOptions,
  type StepResult,
  type Trainer,
  type TrainerOptions,
  type TrainingBatch,
} from "./train/trainer.ts"
export { convertStateDict } from "./weights/naming/convert.ts"
export { type Recognised, recognise } from "./weights/naming/recognise.ts"
export type { SchemeName } from "./weights/naming/schemes.ts"
export { loadTensors, saveSafetensors } from "./weights/node/files.ts"
