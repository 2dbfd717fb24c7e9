/** `convnext roadmap --plan`: every step with its costs, and what the paper reports. */

import { formatBytes, formatInteger, thin } from "../report/format.ts"
import { misprintMark, paperDeviation, paperGflops, paperTop1 } from "../report/roadmap/paper.ts"
import type { Timing } from "../roadmap/measure.ts"
import type { RoadmapPlan } from "../roadmap/plan.ts"
import type { PaperResult } from "../roadmap/steps.ts"
import { loadLibrary } from "./library.ts"
import { type Column, formatTable } from "./table.ts"

/** A plan, and by the names of the models what they take here, where that was measured. */
export interface TimedPlan extends RoadmapPlan {
  timings?: Record<string, Timing>
}

interface TimingOptions {
  device: string
  threads: number | undefined
  note(line: string): void
}

/** Times the networks of a plan, one after the other. */
export async function timeNetworks(
  plan: RoadmapPlan,
  { device, threads, note }: TimingOptions,
): Promise<Record<string, Timing>> {
  await loadLibrary()
  const { measureModel } = await import("../roadmap/measure.ts")
  const timings: Record<string, Timing> = {}
  const config = plan.scale === 1 ? {} : { scale: plan.scale }
  for (const { model } of [...plan.steps, ...plan.references]) {
    note(`timing ${model}`)
    timings[model] = await measureModel(model, { imageSize: plan.imageSize, config, device, threads })
  }
  return timings
}

/** A regime's table, and under it what its marks mean. */
export function planText(plan: TimedPlan): string {
  const { regime, imageSize, scale, steps, references, timings } = plan
  const scaled = scale === 1 ? "" : `, steps scaled by ${scale}; the paper's figures are those of the full networks`
  const networks = [
    ...steps.map((step) => ({ ...step, name: step.sideBranch ? `(${step.id})` : step.id })),
    ...references.map((reference) => ({ ...reference, name: reference.title })),
  ]
  const rows = networks.map(({ name, model, parameters, macs, paper, activationBytes }) => [
    name,
    formatInteger(parameters),
    (macs / 1e9).toFixed(4),
    gflopsCell(paper),
    top1Cell(paper),
    formatBytes(activationBytes).replace(thin, " "),
    ...(timings ? timeCells(timings[model]!) : []),
  ])
  return [
    `From ResNet-${regime} to ConvNeXt-${regime === 50 ? "T" : "B"}: one image of ${imageSize} pixels${scaled}`,
    "",
    formatTable([...columns, ...(timings ? timeColumns : [])], rows),
    "",
    "(in brackets) tried by the paper and not kept",
    ...steps.flatMap(({ id, paper }) => (paper.misprint ? [`* misprint, ${id}: ${paper.misprint}`] : [])),
  ].join("\n")
}

const columns: readonly Column[] = [
  { header: "step" },
  { header: "parameters", align: "right" },
  { header: "GMACs", align: "right" },
  { header: "paper's", align: "right" },
  { header: "paper's top-1", align: "right" },
  { header: "activations", align: "right" },
]

const timeColumns: readonly Column[] = [
  { header: "inference", align: "right" },
  { header: "training step", align: "right" },
]

/** A place is kept for the mark, so that the digits stand under each other. */
const gflopsCell = (paper: PaperResult) => paperGflops(paper) + misprintMark(paper).padEnd(1)

function top1Cell(paper: PaperResult): string {
  const deviation = paperDeviation(paper)
  return `${paperTop1(paper)}${deviation === undefined ? "" : ` +- ${deviation}`}`
}

const timeCells = ({ inference, trainingStep }: Timing) =>
  [inference, trainingStep].map((seconds) => `${(seconds * 1000).toFixed(1)} ms`)
