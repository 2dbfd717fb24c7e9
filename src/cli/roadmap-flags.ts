/** Which options of `convnext roadmap` go together: it trains a study, shows a plan, or measures what resolution costs. */

import { z } from "zod"
import { UsageError } from "../tensor/errors.ts"
import { toKebab } from "../train/option-fields.ts"

/** The options of `--resolution` alone. */
export const resolutionOptions = {
  resolution: z
    .boolean()
    .optional()
    .describe("Measure here how MACs, time and memory of models grow with the side of the images"),
  models: z.string().min(1).optional().meta({
    placeholder: "A,B",
    description: "Models for --resolution; by default a ResNet, ViT, Swin and ConvNeXt of about the same cost",
  }),
  sizes: z
    .string()
    .min(1)
    .optional()
    .meta({ placeholder: "N,N", description: "Sides for --resolution, in pixels; by default 224,384,512,768,1024" }),
  svg: z.string().min(1).optional().meta({ placeholder: "FILE", description: "File for the chart of --resolution" }),
}

/** What says how networks run, wherever some are run. */
const machineNames: readonly string[] = ["device", "threads"]
const resolutionNames: readonly string[] = Object.keys(resolutionOptions)
const planNames: readonly string[] = ["plan", "regime", "scale", "measure"]

type Given = Readonly<Record<string, unknown>>

/** Throws a UsageError for an option that has no meaning with the others that are given. */
export function checkRoadmapFlags(given: Given): void {
  if (given.resolution) {
    refuseOthers("--resolution", [...resolutionNames, ...machineNames], given)
    return
  }
  const stray = resolutionNames.find((name) => name !== "resolution" && given[name] !== undefined)
  if (stray !== undefined) throw new UsageError(`--${stray} belongs to --resolution: add that, or leave it out`)
  if (given.plan) {
    refuseOthers("--plan", [...planNames, ...machineNames], given)
    const idle = given.measure ? undefined : machineNames.find((name) => given[name] !== undefined)
    if (idle === undefined) return
    throw new UsageError(`--plan alone runs no network, so --${idle} has no meaning: add --measure, or leave it out`)
  }
  if (given.measure) throw new UsageError("--measure belongs to --plan: convnext roadmap --plan --measure")
}

/** Throws for an option that only training has a use for. */
function refuseOthers(mode: string, names: readonly string[], given: Given): void {
  const useless = Object.keys(given).find((name) => !names.includes(name))
  if (useless === undefined) return
  const flag = useless === "data" ? "DATA" : `--${toKebab(useless)}`
  throw new UsageError(`${mode} trains nothing, so ${flag} has no meaning with it: leave one of them out`)
}
