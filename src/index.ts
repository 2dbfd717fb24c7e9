/** Train, evaluate, use and export modern image models, in Node. */

import {
  createWithFeatures,
  type FeatureExtractor,
  type FeatureOptions,
  featureOptionNames,
} from "./models/features.ts"
import { checkOptionNames, createModel as createBaseModel, type Model } from "./models/model.ts"
import type { StateDict } from "./models/network.ts"
import { parseModelName } from "./models/registry.ts"
import { registerBackends } from "./runtime/backend.ts"
import { createNodeBackend } from "./runtime/node/ort.ts"
import { UsageError } from "./tensor/errors.ts"
import { type CreateFromOptions, createFromOptionNames, createModelFrom } from "./weights/create.ts"
import { type ResolveOptions, resolveWeights } from "./weights/node/resolve.ts"

registerBackends(createNodeBackend)

export type CreateModelOptions = CreateFromOptions &
  ResolveOptions & {
    /**
     * Published weights by name ("pretrained", a tag such as "fb_in1k", "timm/convnext_tiny.fb_in1k"), the path of a
     * checkpoint in any known naming or of a folder that has one, a repository of the hub ("organisation/name"), or
     * values by name. Default: those of the tag in the model's name, or fresh ones from `seed`. Large weights of a file are
     * read when they are needed: it must not be written to in place while the model is used; to replace or remove it does
     * no harm.
     */
    weights?: string | StateDict
  }

const optionNames = {
  ...createFromOptionNames,
  ...featureOptionNames,
  onProgress: true,
} satisfies Record<Exclude<keyof (CreateModelOptions & FeatureOptions), "blank">, true>

/**
 * Makes a model.
 * @param name a registered model ("convnext_tiny"), also with a tag of its weights ("convnext_tiny.fb_in1k"), or a family
 *   ("convnext") together with `config` or with weights that say theirs
 * @example
 * const model = await createModel("convnext_tiny", { weights: "pretrained", numClasses: 37 })
 * const logits = await model.forward({ shape: [1, 224, 224, 3], dtype: "float32", data: pixels })
 *
 * const backbone = await createModel("swin_tiny_patch4_window7_224", { featuresOnly: true })
 * const [c2, c3, c4, c5] = await backbone.forward(images)
 *
 * Throws a UsageError for an unknown name or an option that does not fit, an InputError for weights that do not fit or
 * cannot be had.
 */
export async function createModel(name: string, options: CreateModelOptions & FeatureOptions): Promise<FeatureExtractor>
export async function createModel(name: string, options?: CreateModelOptions): Promise<Model>
export async function createModel(
  name: string,
  given: CreateModelOptions & Partial<FeatureOptions> = {},
): Promise<Model | FeatureExtractor> {
  checkOptionNames(given, optionNames)
  return createWithFeatures(given, (options) => createWithWeights(name, options))
}

async function createWithWeights(name: string, options: CreateModelOptions): Promise<Model> {
  const { model, tag } = parseModelName(name)
  const { weights = tag === undefined ? undefined : name, onProgress, ...rest } = options
  if (weights === undefined) {
    const { onMessage: _, ...plain } = rest
    return createBaseModel(model, plain)
  }
  if (typeof weights === "string") {
    const found = await resolveWeights(weights, model, { onProgress, config: rest.config })
    return createModelFrom(model, rest, { ...found, owned: true })
  }
  if (typeof weights !== "object" || weights === null) {
    throw new UsageError(`weights must be a name, a path or values by name, got ${weights}`)
  }
  return createModelFrom(model, rest, { tensors: weights, source: "the weights", owned: false })
}

export { decodeImage } from "./data/node/decode.ts"
export { type BlockRow, type BlockSource, describeBlock } from "./roadmap/describe.ts"
export { type InspectOptions, inspectModel, type StepInspection } from "./roadmap/inspect.ts"
export { type RoadmapModelOptions, roadmapModel } from "./roadmap/model.ts"
export {
  type MeasureResolutionOptions,
  measureResolution,
  type ResolutionMeasurement,
} from "./roadmap/node/measure-resolution.ts"
export { planRoadmap, type RoadmapPlan } from "./roadmap/plan.ts"
export { type ReceptiveField, receptiveField } from "./roadmap/receptive-field.ts"
export type { ResolutionRow, SkippedResolution } from "./roadmap/resolution.ts"
export {
  type ShiftConsistency,
  type ShiftConsistencyOptions,
  shiftConsistency,
} from "./roadmap/shift-consistency.ts"
export {
  type PaperResult,
  type RoadmapNetwork,
  type RoadmapStep,
  type RoadmapStepId,
  roadmapReferences,
  roadmapSteps,
} from "./roadmap/steps.ts"
export type { RoadmapStudy, StudyFailure, StudyRun, StudySettings } from "./roadmap/study.ts"
export { type BenchOptions, type BenchResult, type BenchRow, bench } from "./run/bench.ts"
export { type LoadRunOptions, loadRun } from "./run/checkpoint.ts"
export { type EvaluateOptions, type Evaluation, evaluate } from "./run/evaluate.ts"
export { type ExportResult, exportOnnx } from "./run/export.ts"
export { type ExportedModel, type ExportModelOptions, exportModel } from "./run/export-model.ts"
export type { ExportTarget } from "./run/export-targets.ts"
export { type FilePrediction, type Prediction, type PredictOptions, predict } from "./run/predict.ts"
export { type InspectRunOptions, inspectRun } from "./run/roadmap/inspect-run.ts"
export {
  type RoadmapEvents,
  type RoadmapOptions,
  type RoadmapResult,
  type RoadmapRunStart,
  runRoadmap,
} from "./run/roadmap/study.ts"
export { type TrainEvents, type TrainResult, type TrainStart, type TrainStep, train } from "./run/train.ts"
export * from "./shared.ts"
export type { TrainOptions } from "./train/options.ts"
export type { EpochRecord } from "./train/record.ts"
export { loadTensors, saveSafetensors } from "./weights/node/files.ts"
export { imagenetClasses } from "./weights/node/imagenet-classes.ts"
