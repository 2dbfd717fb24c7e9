/** Which parameters a training leaves as they are. */

import type { Network } from "../models/network.ts"
import { UsageError } from "../tensor/errors.ts"
import { sizeOf } from "../tensor/ndarray.ts"

/**
 * "backbone": all but the classifier. A number: that many of the first layer groups (`model.layerGroups()`). A list:
 * parameters by name or by the path of a module that holds them (`stem`, `stages.0`), with `*` for any part of a name.
 */
export type Freeze = "backbone" | number | readonly string[]

/** What `--freeze` says: "backbone", a number, or names with commas between them. */
export function parseFreeze(text: string): Freeze {
  if (text === "backbone") return text
  const count = Number(text)
  return text.trim() !== "" && Number.isFinite(count) ? count : text.split(",").map((name) => name.trim())
}

/**
 * Names of the parameters that train, in the network's order.
 * Throws a UsageError for an entry that fits no parameter, and if nothing is left to train.
 */
export function trainedParameters(network: Network, freeze: Freeze | undefined): string[] {
  const names = [...network.parameters.keys()]
  const frozen = freeze === undefined ? () => false : frozenRule(network, names, freeze)
  const trained = names.filter((name) => !frozen(name))
  if (trained.length === 0) throw new UsageError(`freeze ${describe(freeze)} leaves nothing to train`)
  return trained
}

/** How many values the parameters that train have, see {@link trainedParameters}. */
export function countTrained(network: Network, freeze: Freeze | undefined): number {
  return trainedParameters(network, freeze).reduce(
    (count, name) => count + sizeOf(network.parameters.get(name)!.size),
    0,
  )
}

function frozenRule(network: Network, names: readonly string[], freeze: Freeze): (name: string) => boolean {
  if (freeze === "backbone") return (name) => !network.isClassifier(name)
  if (typeof freeze === "number") {
    if (!Number.isInteger(freeze) || freeze < 0) {
      throw new UsageError(`freeze must be a whole number of layer groups, got ${freeze}`)
    }
    return (name) => network.root.layerGroup(name) < freeze
  }
  if (!Array.isArray(freeze))
    throw new UsageError(`freeze must be "backbone", a number or a list of names, got ${freeze}`)
  const rules = (freeze as readonly string[]).map((entry) => {
    const escaped = entry.replace(/[.+^${}()|[\]\\?]/g, "\\$&").replace(/\*/g, ".*")
    const pattern = new RegExp(`^${escaped}(\\.|$)`)
    if (!names.some((name) => pattern.test(name))) {
      throw new UsageError(
        `freeze: ${network.description.name} has no parameter ${entry}, for example it has ${names[0]}`,
      )
    }
    return pattern
  })
  return (name) => rules.some((pattern) => pattern.test(name))
}

function describe(freeze: Freeze | undefined): string {
  return typeof freeze === "object" ? freeze.join(", ") : String(freeze)
}
