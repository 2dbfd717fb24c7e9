/** `config.json` of a model repository: what timm and transformers write there of use to us. */

import type { Preprocessing } from "../../models/family.ts"

/** What a repository says of its model; each field only where it says so. */
export interface ModelConfig {
  /** timm's name of the model. */
  architecture?: string
  /** Outputs of the classifier. */
  numClasses?: number
  /** Names of the classes, in the order of the logits. */
  classes?: string[]
  preprocessing?: Partial<Preprocessing>
  /** As the hub names it. */
  license?: string
}

/** timm's names for our fields of {@link Preprocessing}, each with what it has to look like. */
const preprocessingFields = [
  ["inputSize", "input_size", readSide],
  ["interpolation", "interpolation", oneOf("bicubic", "bilinear")],
  ["cropPct", "crop_pct", readShare],
  ["cropMode", "crop_mode", oneOf("center", "squash", "border")],
  ["mean", "mean", readColours],
  ["std", "std", readColours],
] as const

/** Reads a parsed config.json. What is missing or of another form is left out. */
export function readModelConfig(json: unknown): ModelConfig {
  const config = asObject(json)
  const pretrained = asObject(config.pretrained_cfg)
  const classes = readLabels(config.label_names ?? pretrained.label_names) ?? readIndexed(config.id2label)
  const preprocessing = Object.fromEntries(
    preprocessingFields
      .map(([field, theirs, read]) => [field, read(pretrained[theirs])] as const)
      .filter(([, value]) => value !== undefined),
  )
  const fields: ModelConfig = {
    architecture: asText(config.architecture),
    numClasses: asCount(config.num_classes ?? pretrained.num_classes) ?? classes?.length,
    classes,
    preprocessing: Object.keys(preprocessing).length > 0 ? preprocessing : undefined,
    license: asText(pretrained.license),
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {}
}

function asText(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined
}

function asCount(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined
}

/** [3, 224, 224] -> 224; only square inputs have a side. */
function readSide(value: unknown): number | undefined {
  if (!Array.isArray(value)) return undefined
  const [height, width] = value.slice(-2)
  return height === width ? asCount(height) : undefined
}

function readShare(value: unknown): number | undefined {
  return typeof value === "number" && value > 0 && value <= 1 ? value : undefined
}

function readColours(value: unknown): number[] | undefined {
  const isColour = Array.isArray(value) && value.length > 0 && value.every((each) => Number.isFinite(each))
  return isColour ? [...value] : undefined
}

function oneOf<T extends string>(...names: T[]): (value: unknown) => T | undefined {
  return (value) => names.find((name) => name === value)
}

function readLabels(value: unknown): string[] | undefined {
  const isList = Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === "string")
  return isList ? [...value] : undefined
}

/** transformers' `{ "0": "tench, Tinca tinca", ... }`, whole and without gaps. */
function readIndexed(value: unknown): string[] | undefined {
  const labels = asObject(value)
  return readLabels(Object.keys(labels).map((_, index) => labels[index]))
}
