/** All naming schemes. A new one is a file of tables and a line here. */

import { suggestion, UsageError } from "../../tensor/errors.ts"
import { convnextSubmission } from "./convnext-submission.ts"
import { deit } from "./deit.ts"
import { facebook } from "./facebook.ts"
import { huggingface } from "./huggingface.ts"
import { microsoft } from "./microsoft.ts"
import { type NameTable, Naming } from "./table.ts"
import { timm } from "./timm.ts"
import { torchvision } from "./torchvision.ts"

/** Where names of two schemes are the same, the first one counts. */
const tables = {
  timm,
  facebook,
  torchvision,
  huggingface,
  microsoft,
  deit,
  "convnext-submission": convnextSubmission,
} as const satisfies Record<string, readonly NameTable[]>

/** Whose names the tensors of a checkpoint have. */
export type SchemeName = keyof typeof tables

export const schemeNames = Object.keys(tables) as SchemeName[]

/** Tables that were made ready. */
const ready = new Map<SchemeName, readonly Naming[]>()

/** The names of each architecture that a scheme knows. Throws a UsageError for an unknown scheme. */
export function namingsOf(scheme: SchemeName): readonly Naming[] {
  if (!schemeNames.includes(scheme)) {
    const hint = suggestion(scheme, schemeNames) || `; known are ${schemeNames.join(", ")}`
    throw new UsageError(`there is no naming scheme ${scheme}${hint}`)
  }
  const namings = ready.get(scheme) ?? tables[scheme].map((table) => new Naming(table))
  ready.set(scheme, namings)
  return namings
}
