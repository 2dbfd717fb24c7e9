/** What `convnext` exports on every platform; the entry points add what depends on it. */

export type { DataConfig } from "./data/config.ts"
export type { Image } from "./data/image.ts"
export { resize } from "./data/resample.ts"
export { evalTransform } from "./data/transform.ts"
export { defineModel, type ModelDefinition, type OwnNetwork } from "./models/custom.ts"
export type { BaseConfig, FeatureInfo, ImageModel, Preprocessing } from "./models/family.ts"
export type { FeatureExtractor, FeatureOptions } from "./models/features.ts"
export { listModels, type ModelInfo, modelSummary } from "./models/list.ts"
export type { Model } from "./models/model.ts"
export type { StateDict } from "./models/network.ts"
export { type PretrainedWeights, pretrainedFor as publishedWeights } from "./models/pretrained/index.ts"
export type { LoadResult } from "./models/state.ts"
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
export { InputError, UsageError } from "./tensor/errors.ts"
export type { DType, NdArray, TypedArray } from "./tensor/ndarray.ts"
export { NonFiniteError } from "./train/non-finite.ts"
export {
  createTrainer,
  type LossOptions,
  type OptimizerOptions,
  type StepResult,
  type Trainer,
  type TrainerOptions,
  type TrainingBatch,
} from "./train/trainer.ts"
export { type LoadOptions, type LoadReport, loadCheckpoint } from "./weights/load.ts"
export { convertStateDict } from "./weights/naming/convert.ts"
export { type Recognised, recognise } from "./weights/naming/recognise.ts"
export type { SchemeName } from "./weights/naming/schemes.ts"
