/**
 * Writes src/roadmap/paper-activations.ts: the activation memory of every network of the roadmap's plan, so that the plan
 * need not differentiate each. Reads dist/: run it after `npm run build` when networks, gradients or passes changed; a test
 * says when it is due.
 */

import { writeFileSync } from "node:fs"
import { activationBytes } from "../dist/roadmap/activations.js"
import { PLAN_IMAGE_SIZE, roadmapReferences, roadmapSteps } from "../dist/roadmap/steps.js"

const names = [50, 200].flatMap((regime) =>
  [...roadmapSteps(regime), ...roadmapReferences(regime)].map(({ model }) => model),
)
const rows = names.map((name) => {
  const key = /^\w+$/.test(name) ? name : JSON.stringify(name)
  return `  ${key}: ${activationBytes(name, { imageSize: PLAN_IMAGE_SIZE })},\n`
})

const source = `/** Written by scripts/count-activations.mjs. */

/** Bytes of the activations of one image of 224 pixels that a training step keeps, by the names of the models. */
export const paperActivations: Readonly<Record<string, number>> = {
${rows.join("")}}
`
writeFileSync(new URL("../src/roadmap/paper-activations.ts", import.meta.url), source)
