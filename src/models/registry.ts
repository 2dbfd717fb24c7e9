/** All models by name. A new architecture is one file and one line here. */

import { nearestNames, UsageError } from "../tensor/errors.ts"
import { convnext } from "./convnext.ts"
import {
  type BaseConfig,
  check,
  type ImageModel,
  imagenetPreprocessing,
  isCount,
  type ModelFamily,
  type Preprocessing,
} from "./family.ts"

const families = [convnext] as unknown as readonly ModelFamily<BaseConfig>[]

/** A model that is fully described and not built yet. */
export interface ModelDescription {
  name: string
  family: string
  config: BaseConfig & Readonly<Record<string, unknown>>
  preprocessing: Preprocessing
  /** Side of the smallest image that the network can take. */
  minimumSize: number
  build(): ImageModel
}

/** Names of all registered models. */
export function modelNames(): string[] {
  return families.flatMap(({ models }) => Object.keys(models))
}

/**
 * Describes a registered model, or any member of a family by its config.
 * @param name a registered model ("convnext_tiny") or a family ("convnext")
 * @param config what differs from the registered config, in timm's names, camelCase
 * Throws a UsageError for an unknown name, an unknown field of the config or a value that does not fit.
 */
export function describeModel(name: string, config: Readonly<Record<string, unknown>> = {}): ModelDescription {
  const family = families.find((f) => f.name === name || Object.hasOwn(f.models, name))
  if (!family) {
    const near = nearestNames(name, [...modelNames(), ...families.map((f) => f.name)])
    const hint = near.length > 0 ? `did you mean ${near.join(" or ")}?` : "`convnext models` lists all."
    throw new UsageError(`there is no model ${name}: ${hint}`)
  }
  const known = Object.keys(family.defaults)
  for (const field of Object.keys(config)) {
    const near = nearestNames(field, known, 1)
    const hint = near.length > 0 ? `did you mean ${near[0]}?` : `it knows ${known.join(", ")}.`
    check(known.includes(field), `${family.name} has no option ${field}: ${hint}`)
  }
  const given = Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined))
  const registered = family.models[name]
  const full = { ...family.defaults, ...registered?.config, ...given }
  checkBase(full)
  family.validate(full)
  return {
    name,
    family: family.name,
    config: full as ModelDescription["config"],
    preprocessing: { ...imagenetPreprocessing, ...registered?.preprocessing },
    minimumSize: family.stride(full),
    build: () => family.build(full),
  }
}

function checkBase({ inChannels, numClasses, dropPathRate }: BaseConfig): void {
  check(isCount(inChannels), `inChannels must be a whole number of at least 1, got ${inChannels}`)
  check(
    Number.isInteger(numClasses) && numClasses >= 0,
    `numClasses must be a whole number of at least 0, got ${numClasses}`,
  )
  check(
    Number.isFinite(dropPathRate) && dropPathRate >= 0 && dropPathRate < 1,
    `dropPathRate must be at least 0 and below 1, got ${dropPathRate}`,
  )
}
