/** Weights from one codebase's names and layouts to another's, by way of timm's. */

import { printShape } from "../../tensor/dim.ts"
import { InputError } from "../../tensor/errors.ts"
import type { NdArray } from "../../tensor/ndarray.ts"
import { findNaming } from "./recognise.ts"
import { joinRows, splitRows } from "./rows.ts"
import { namingsOf, type SchemeName } from "./schemes.ts"
import { type Naming, reshaped, type TimmName } from "./table.ts"

type Tensors = Readonly<Record<string, NdArray>>

/** Weights by timm's names, and what has none. */
export interface Converted {
  tensors: Record<string, NdArray>
  /** Names that the scheme does not have. */
  unknown: string[]
  /** Names of buffers that follow from the config, and of weights that classification does not need. */
  unused: string[]
}

/**
 * Gives weights the names and layouts of another codebase.
 *
 * ```ts
 * const weights = await loadTensors("convnext_tiny_1k_224_ema.pth")
 * await saveSafetensors("model.safetensors", convertStateDict(weights, { to: "huggingface" }))
 * ```
 *
 * There and back again gives the same names, shapes and bits, with one exception: no other codebase has timm's `convMlp`,
 * whose linear weights [out, in, 1, 1] become [out, in]; a model with `convMlp` takes either. Arrays may share memory with
 * those given.
 *
 * @param options.from whose names they have. Default: told by the names
 * @param options.to whose names they shall have
 * Throws a UsageError for an unknown scheme, an InputError for weights that are not of the one or cannot be said in the
 * other.
 */
export function convertStateDict(
  tensors: Tensors,
  { from, to }: { from?: SchemeName; to: SchemeName },
): Record<string, NdArray> {
  const targets = namingsOf(to)
  const { scheme, naming } = findNaming(tensors, from && [from])
  const converted = toTimm(tensors, naming)
  if (converted.unknown.length > 0) {
    const { length } = converted.unknown
    throw new InputError(
      `${length} of ${Object.keys(tensors).length} tensors have no name that ${scheme} gives those of a ` +
        `${naming.architecture.name}: ${some(converted.unknown)}`,
    )
  }
  if (to === "timm") return converted.tensors
  return fromTimm(converted.tensors, findTarget(converted.tensors, targets, naming, to))
}

/**
 * Weights by timm's names. Throws an InputError if two tensors would have one name, a part of one is missing, or the parts
 * are of different types or shapes.
 */
export function toTimm(tensors: Tensors, naming: Naming): Converted {
  const found = new Map<string, { parts: (string | undefined)[]; place: TimmName }>()
  const unknown: string[] = []
  const unused: string[] = []
  for (const name of Object.keys(tensors)) {
    if (naming.isUnused(name)) {
      unused.push(name)
      continue
    }
    const place = naming.toTimm(name)
    if (place === undefined) {
      unknown.push(name)
      continue
    }
    const { parts } = found.get(place.name) ?? { parts: new Array<string | undefined>(place.parts).fill(undefined) }
    if (parts.length !== place.parts || parts[place.part] !== undefined) {
      const other = parts.find((part) => part !== undefined)
      throw new InputError(`${name} and ${other} are two names of one tensor, ${place.name}`)
    }
    parts[place.part] = name
    found.set(place.name, { parts, place })
  }
  const converted = [...found].map(([name, { parts, place }]): [string, NdArray] => {
    const value = parts.length === 1 ? tensors[parts[0]!]! : joinParts(name, parts, tensors)
    return [name, place.layout ? reshaped(value, place.layout.toTimm) : value]
  })
  return { tensors: Object.fromEntries(converted), unknown, unused }
}

function joinParts(name: string, parts: readonly (string | undefined)[], tensors: Tensors): NdArray {
  const present = parts.filter((part) => part !== undefined)
  if (present.length < parts.length) {
    throw new InputError(`${name} has ${parts.length} parts, of which there are only ${present.join(", ")}`)
  }
  const values = present.map((part) => tensors[part]!)
  const kind = ({ dtype, shape }: NdArray) => `${dtype} ${printShape(shape)}`
  const kinds = values.map(kind)
  if (kinds.some((one) => one !== kinds[0]) || values[0]!.shape.length === 0) {
    throw new InputError(`the parts of ${name} do not fit together: ${present.map((p, i) => `${p} is ${kinds[i]}`)}`)
  }
  return joinRows(values)
}

/** The table that has all names, of the architecture that the weights are of. */
function findTarget(tensors: Tensors, targets: readonly Naming[], { architecture }: Naming, to: SchemeName): Naming {
  const fitting = targets.filter((naming) => naming.architecture === architecture && naming.fitsTimm(tensors))
  if (fitting.length === 0) {
    const known = [...new Set(targets.map((naming) => naming.architecture.name))]
    throw new InputError(`${to} has no names for a ${architecture.name}; it has those of ${known.join(", ")}`)
  }
  const names = Object.keys(tensors)
  const lacking = fitting.map((naming) => names.filter((name) => naming.fromTimm(name) === undefined))
  const complete = lacking.findIndex((list) => list.length === 0)
  if (complete >= 0) return fitting[complete]!
  const shortest = lacking.reduce((best, list) => (list.length < best.length ? list : best))
  throw new InputError(`${to} has no name for ${some(shortest)} of this ${architecture.name}`)
}

function fromTimm(tensors: Tensors, naming: Naming): Record<string, NdArray> {
  return Object.fromEntries(
    Object.entries(tensors).flatMap(([name, value]) => {
      const { names, layout } = naming.fromTimm(name)!
      if (names.length > 1 && !((value.shape[0] ?? 1) % names.length === 0)) {
        throw new InputError(`${name} ${printShape(value.shape)} does not part into ${names.length}`)
      }
      const parts = names.length === 1 ? [value] : splitRows(value, names.length)
      return parts.map((part, i): [string, NdArray] => [names[i]!, layout ? reshaped(part, layout.fromTimm) : part])
    }),
  )
}

/** "a, b, c, ..." */
function some(names: readonly string[]): string {
  return names.slice(0, 3).join(", ") + (names.length > 3 ? ", ..." : "")
}
