/**
 * Writes src/roadmap/paper-costs.ts: parameters, multiply-accumulates and activation memory of every network of the
 * roadmap's plan, so that the plan need not build and differentiate each. Reads dist/: run it after `npm run build` when networks, gradients or passes changed; a test
 * says when it is due.
 */

import { writeFileSync } from "node:fs"
import { activationBytes } from "../dist/roadmap/activations.js"
import { countCosts, PLAN_IMAGE_SIZE, roadmapReferences, roadmapSteps } from "../dist/roadmap/steps.js"

const names = [50, 200].flatMap((regime) =>
  [...roadmapSteps(regime), ...roadmapReferences(regime)].map(({ model }) => model),
)
const rows = names.map((name) => {
  const key = /^\w+$/.test(name) ? name : JSON.stringify(name)
  const { parameters, macs } = countCosts(name)
  return `  ${key}: [${parameters}, ${macs}, ${activationBytes(name, { imageSize: PLAN_IMAGE_SIZE })}],\n`
})

const source = `/** Written by scripts/count-roadmap.mjs. */

/**
 * Of every network of the roadmap's plan, by the names of the models, for images of 224 pixels: parameters,
 * multiply-accumulates of an image, and the bytes of its activations that a training step keeps.
 */
export const paperCosts: Readonly<
  Record<string, readonly [parameters: number, macs: number, activationBytes: number]>
> = {
${rows.join("")}}
`
writeFileSync(new URL("../src/roadmap/paper-costs.ts", import.meta.url), source)
