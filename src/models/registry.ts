/** All models by name. A new architecture is one file and one line here. */

import { checkCount, suggestion, UsageError } from "../tensor/errors.ts"
import type { NdArray } from "../tensor/ndarray.ts"
import { convnext } from "./convnext-family.ts"
import { isotropicConvNeXt } from "./convnext-isotropic.ts"
import { deit } from "./deit.ts"
import { efficientnet } from "./efficientnet.ts"
import {
  type BaseConfig,
  check,
  checkRate,
  type ImageModel,
  imagenetPreprocessing,
  type ModelFamily,
  type Preprocessing,
} from "./family.ts"
import { formerNames } from "./former-names.ts"
import { mobilenetV2 } from "./mobilenet-v2.ts"
import { regnet } from "./regnet.ts"
import { resnet } from "./resnet.ts"
import { roadmap } from "./roadmap.ts"
import { swin } from "./swin.ts"
import { vit } from "./vit.ts"

const families = [
  convnext,
  isotropicConvNeXt,
  efficientnet,
  mobilenetV2,
  regnet,
  resnet,
  roadmap,
  swin,
  vit,
  deit,
] as unknown as ModelFamily<BaseConfig>[]

/** A model that is fully described and not built yet. */
export interface ModelDescription {
  name: string
  family: string
  config: BaseConfig & Readonly<Record<string, unknown>>
  preprocessing: Preprocessing
  /** Side of the smallest image that the network can take. */
  minimumSize: number
  /** Side of the only images that the network can take; undefined where it takes any. */
  fixedSize: number | undefined
  /** Name of the config's field that says this size. */
  sizeField: string | undefined
  build(): ImageModel
  /** Weights of the same architecture for images of another size, fitted to this one. */
  adapt(weights: Readonly<Record<string, NdArray>>): Record<string, NdArray>
}

/** Adds a family. Throws a UsageError if one of its names is taken. */
export function registerFamily(family: ModelFamily<BaseConfig>): void {
  const isTaken = (name: string) => families.some((other) => other.name === name || Object.hasOwn(other.models, name))
  const taken = [family.name, ...Object.keys(family.models)].find(isTaken)
  if (taken !== undefined) throw new UsageError(`there is a model ${taken} already: choose another name`)
  families.push(family)
}

/** Names of all registered models, without those of families that keep theirs out of lists. */
export function modelNames(): string[] {
  return families.flatMap(({ models, listed = true }) => (listed ? Object.keys(models) : []))
}

/**
 * Describes a registered model, or any member of a family by its config.
 * @param name a registered model ("convnext_tiny") or a family ("convnext")
 * @param config what differs from the registered config, in timm's names, camelCase
 * @param inputSize side of the images, for networks that are made for one size, where the config does not say it.
 *   Default: the registered one
 * Throws a UsageError for an unknown name, an unknown field of the config or a value that does not fit.
 */
export function describeModel(
  name: string,
  config: Readonly<Record<string, unknown>> = {},
  inputSize?: number,
): ModelDescription {
  const family = families.find((f) => f.name === name || Object.hasOwn(f.models, name))
  if (!family) {
    const hint = suggestModel(name)
    throw new UsageError(
      `there is no model ${name}${hint || "; `convnext models` lists all, and defineModel adds one of your own"}`,
    )
  }
  const known = Object.keys(family.defaults)
  for (const field of Object.keys(config)) {
    const hint = suggestion(field, known) || `; it knows ${known.join(", ")}`
    check(known.includes(field), `${family.name} has no option ${field}${hint}`)
  }
  const given = Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined))
  const registered = family.models[name]
  const preprocessing = { ...imagenetPreprocessing, ...registered?.preprocessing }
  const { sizeField } = family
  const sized = sizeField === undefined ? {} : { [sizeField]: inputSize ?? preprocessing.inputSize }
  const full = { ...family.defaults, ...registered?.config, ...sized, ...given }
  checkBase(full)
  family.validate(full)
  const fixedSize = sizeField === undefined ? undefined : (full[sizeField as keyof BaseConfig] as number)
  return {
    name,
    family: family.name,
    config: full as ModelDescription["config"],
    preprocessing: { ...preprocessing, inputSize: fixedSize ?? preprocessing.inputSize },
    minimumSize: family.minimumSize(full),
    fixedSize,
    sizeField,
    build: () => family.build(full),
    adapt: (weights) => family.adapt?.(weights, full) ?? { ...weights },
  }
}

/** ", did you mean X?" with today's name of what timm used to call so, or the nearest name, or nothing. */
export function suggestModel(name: string): string {
  const renamed = Object.hasOwn(formerNames, name) ? formerNames[name] : undefined
  if (renamed !== undefined) return `, did you mean ${renamed}?`
  const known = families.flatMap((family) => [family.name, ...Object.keys(family.models)])
  return suggestion(name, known)
}

/** Whether a name is that of a registered model or of a family. */
export function isModelName(name: string): boolean {
  return families.some((family) => family.name === name || Object.hasOwn(family.models, name))
}

/** Parts of a name in timm's form, `model.tag`. */
export interface ModelName {
  model: string
  /** Weights of the model; undefined where the name has none. */
  tag: string | undefined
}

/** Parts `convnext_tiny.fb_in1k` into the model and the tag of its weights. Other names are returned as they are. */
export function parseModelName(name: string): ModelName {
  const dot = name.indexOf(".")
  const model = name.slice(0, dot)
  return dot !== -1 && isModelName(model) ? { model, tag: name.slice(dot + 1) } : { model: name, tag: undefined }
}

function checkBase({ inChannels, numClasses, dropPathRate }: BaseConfig): void {
  checkCount("inChannels", inChannels)
  checkCount("numClasses", numClasses, 0)
  checkRate("dropPathRate", dropPathRate)
}
