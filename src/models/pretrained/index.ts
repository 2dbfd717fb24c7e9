/**
 * Weights that are published for the registered models: one entry for each, named as in timm, with what is needed to use
 * them. Adding one is a line in the table of its family.
 *
 * Names, repositories, preprocessing and licences are those of timm 1.0.31 (`pretrained_cfg`). Accuracies are those that timm
 * measured, results/results-imagenet.csv of its repository at commit 7479d451; for weights newer than that, those of the
 * model's card. They were taken on the validation images of ImageNet-1k, not on ReaL or V2.
 */

import { suggestion, UsageError } from "../../tensor/errors.ts"
import { imagenetPreprocessing, type Preprocessing } from "../family.ts"
import { convnextWeights } from "./convnext.ts"
import { efficientnetWeights } from "./efficientnet.ts"
import { regnetWeights } from "./regnet.ts"
import { resnetWeights } from "./resnet.ts"
import { swinWeights } from "./swin.ts"
import type { Accuracy, EvaluationSize, License, TableEntry, WeightsTable } from "./table.ts"
import { vitWeights } from "./vit.ts"

export { isNonCommercial, licenseNotice } from "./licenses.ts"
export type { Accuracy, EvaluationSize, License } from "./table.ts"

/** Sets of classes whose names come along. */
export type ImageNetSubset = "1k" | "12k" | "21k" | "22k"

/** Published weights of one model. */
export interface PretrainedWeights {
  /** Full name, as in timm: `model.tag`. */
  name: string
  model: string
  /** What tells them from other weights of the model: how they were trained. */
  tag: string
  /** On the hub, for example `timm/convnext_tiny.fb_in1k`. */
  repository: string
  license: License
  /** Outputs of the classifier, or 0 where there is none. */
  numClasses: number
  /** Whose classes they are; undefined for features and embeddings. */
  classes: ImageNetSubset | undefined
  /** How images become inputs, at the size of the training. */
  preprocessing: Preprocessing
  /** A larger size that the weights are better at. */
  test: EvaluationSize | undefined
  /** On the validation images of ImageNet-1k, by the side of the input: that of `preprocessing` or of `test`. */
  accuracy: Readonly<Record<number, Accuracy>>
}

const tables: readonly WeightsTable[] = [
  convnextWeights,
  efficientnetWeights,
  regnetWeights,
  resnetWeights,
  swinWeights,
  vitWeights,
]

/** ImageNet's subsets have different numbers of classes. */
const subsets: Readonly<Record<number, ImageNetSubset>> = { 1000: "1k", 11821: "12k", 21841: "22k", 21843: "21k" }

/** The set of classes that a classifier with so many outputs has, as far as the number tells. */
export function subsetOf(numClasses: number): ImageNetSubset | undefined {
  return subsets[numClasses]
}

function describe(name: string, entry: TableEntry): PretrainedWeights {
  const { license = "apache-2.0", numClasses = 1000, test, accuracy = {}, ...preprocessing } = entry
  const dot = name.indexOf(".")
  return {
    name,
    model: name.slice(0, dot),
    tag: name.slice(dot + 1),
    repository: `timm/${name}`,
    license,
    numClasses,
    classes: subsetOf(numClasses),
    preprocessing: { ...imagenetPreprocessing, ...preprocessing },
    test,
    accuracy,
  }
}

/** All published weights, by full name. */
const published: ReadonlyMap<string, PretrainedWeights> = new Map(
  tables.flatMap((table) => Object.entries(table)).map(([name, entry]) => [name, describe(name, entry)]),
)

/** Published weights of a model, its default first; none for a name that has none. */
export function pretrainedFor(model: string): PretrainedWeights[] {
  return [...published.values()].filter((weights) => weights.model === model)
}

/** Full names of all published weights. */
export function pretrainedNames(): string[] {
  return [...published.keys()]
}

/**
 * The published weights that a name means: the full name (`convnext_tiny.fb_in1k`), that of their repository
 * (`timm/convnext_tiny.fb_in1k`), a tag of the model (`fb_in1k`), or `pretrained` for the model's default.
 * Undefined for any other name.
 * @param model the model that tags belong to
 * Throws a UsageError for `pretrained` where the model has no published weights.
 */
export function findPretrained(name: string, model: string): PretrainedWeights | undefined {
  if (name === "pretrained") return defaultOf(model)
  return published.get(name.replace(/^timm\//, "")) ?? published.get(`${model}.${name}`)
}

function defaultOf(model: string): PretrainedWeights {
  const [weights] = pretrainedFor(model)
  if (weights === undefined) {
    throw new UsageError(`there are no published weights of ${model}; \`convnext models\` says which models have some`)
  }
  return weights
}

/** ", did you mean X?" with the published name nearest to one that nobody knows, or what the model has, or nothing. */
export function suggestPretrained(name: string, model: string): string {
  const near = suggestion(name.replace(/^timm\//, ""), pretrainedNames())
  if (near !== "") return near
  const tags = pretrainedFor(model).map(({ tag }) => tag)
  if (tags.length === 0) return ""
  return suggestion(name, tags) || `; published for ${model} are ${tags.join(", ")}`
}
