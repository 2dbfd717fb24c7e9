/** Whose names a checkpoint has, and of which architecture, told by the names alone. */

import { InputError } from "../../tensor/errors.ts"
import type { NdArray } from "../../tensor/ndarray.ts"
import { namingsOf, type SchemeName, schemeNames } from "./schemes.ts"
import type { Naming, Shapes } from "./table.ts"

/** What the names of a checkpoint tell. */
export interface Recognised {
  scheme: SchemeName
  /** The architecture, as people call it: "ConvNeXt", "ViT". */
  architecture: string
  /** Families of models that have it. */
  families: readonly string[]
  /** Classes that its classifier knows; undefined where it has none. */
  numClasses: number | undefined
  /** Whether it has DeiT's second token. */
  distilled: boolean
}

/** A table, and the scheme that it belongs to. */
export interface FoundNaming {
  scheme: SchemeName
  naming: Naming
}

/**
 * Tells scheme and architecture of weights by their names.
 * @param tensors values by names of any scheme; only names and shapes are looked at
 *
 * ```ts
 * recognise(await loadTensors("swin_tiny_patch4_window7_224.pth"))
 * // { scheme: "microsoft", architecture: "Swin", families: ["swin"], numClasses: 1000, distilled: false }
 * ```
 *
 * Where the names of two schemes are the same, as those of torchvision and timm for a ResNet, timm's it is.
 * Throws an InputError, which lists some of the names, if less than half of them are those of one scheme.
 */
export function recognise(tensors: Readonly<Record<string, Pick<NdArray, "shape">>>): Recognised {
  const { scheme, naming } = findNaming(tensors)
  const { name, families, classifiers } = naming.architecture
  const shapes = new Map<string, readonly number[]>()
  for (const [name, { shape }] of Object.entries(tensors)) {
    const timm = naming.toTimm(name)
    if (timm) shapes.set(timm.name, shape)
  }
  const numClasses = classifiers.map((path) => shapes.get(`${path}.weight`)?.[0]).find((rows) => rows !== undefined)
  return { scheme, architecture: name, families, numClasses, distilled: shapes.has("dist_token") }
}

/**
 * The table that knows most of the names, and at least half of them.
 * @param among schemes that come into question. Default: all
 * Throws an InputError if there is none.
 */
export function findNaming(tensors: Shapes, among: readonly SchemeName[] = schemeNames): FoundNaming {
  const names = Object.keys(tensors)
  const needed = names.length / 2
  let best: (FoundNaming & { known: number }) | undefined
  for (const scheme of among) {
    for (const naming of namingsOf(scheme)) {
      const known = names.filter((name) => naming.toTimm(name) !== undefined || naming.isUnused(name)).length
      if (known > (best?.known ?? 0) && naming.fits(tensors)) best = { scheme, naming, known }
    }
  }
  if (best === undefined || best.known < needed) {
    const shown = names.slice(0, 5).join(", ") + (names.length > 5 ? ", ..." : "")
    const found = names.length === 0 ? "there are no tensors" : `the names of the tensors are ${shown}`
    throw new InputError(`the weights are not in a known naming scheme (${among.join(", ")}): ${found}`)
  }
  return best
}
