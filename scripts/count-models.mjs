/**
 * Writes src/models/counts.ts: parameters and multiply-accumulates of every registered model, so that a list of them
 * need not build each. Reads dist/: run it after `npm run build` when a model was added; a test says when it is due.
 */

import { writeFileSync } from "node:fs"
import { countModel } from "../dist/models/list.js"
import { modelNames } from "../dist/models/registry.js"

const rows = modelNames().map((name) => {
  const key = /^\w+$/.test(name) ? name : JSON.stringify(name)
  return `  ${key}: [${countModel(name).join(", ")}],\n`
})

const source = `/** Written by scripts/count-models.mjs. */

/** Parameters, and multiply-accumulates of one image of the registered size, by the names of the models. */
export const counts: Readonly<Record<string, readonly [parameters: number, macs: number]>> = {
${rows.join("")}}
`
writeFileSync(new URL("../src/models/counts.ts", import.meta.url), source)
