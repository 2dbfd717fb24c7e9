/** `convnext roadmap`: the steps from ResNet to ConvNeXt. */

import { z } from "zod"
import { type Regime, regimes } from "../../models/roadmap-steps.ts"
import { formatBytes, formatInteger, thin } from "../../report/format.ts"
import type { Timing } from "../../roadmap/measure.ts"
import { planRoadmap, type RoadmapPlan } from "../../roadmap/plan.ts"
import type { PaperResult } from "../../roadmap/steps.ts"
import { UsageError } from "../../tensor/errors.ts"
import { defineCommand } from "../command.ts"
import { loadLibrary } from "../library.ts"
import { type Column, formatTable } from "../table.ts"

/** A plan, and by the names of the models what they take here, where that was measured. */
interface TimedPlan extends RoadmapPlan {
  timings?: Record<string, Timing>
}

export default defineCommand({
  details:
    "The paper's way from ResNet to ConvNeXt, step by step. Each step is also a model: convnext train DATA --model roadmap/50/depthwise.",
  options: z.object({
    plan: z.boolean().default(false).describe("Show every step with its costs and what the paper reports"),
    regime: z
      .enum(regimes.map(String))
      .optional()
      .describe("From ResNet-50 to ConvNeXt-T or from ResNet-200 to ConvNeXt-B, by default both"),
    scale: z.number().positive().default(1).describe("Factor on all widths and depths of the steps"),
    measure: z.boolean().default(false).describe("Time inference and a training step of each network here"),
    threads: z.int().min(1).max(1024).optional().describe("Threads for --measure; by default one for each core"),
  }),
  positionals: [],
  examples: [
    ["convnext roadmap --plan", "All steps of both regimes: parameters, MACs, memory, the paper's results"],
    ["convnext roadmap --plan --regime 50 --json", "One regime, for a program"],
    ["convnext roadmap --plan --regime 50 --scale 0.25 --measure", "Small versions of the networks, timed here"],
  ],
  async run({ plan, regime, scale, measure, threads }, { note }) {
    if (!plan) throw new UsageError("say what to do: convnext roadmap --plan shows the steps and their costs")
    const asked = regime === undefined ? regimes : [Number(regime) as Regime]
    const plans: TimedPlan[] = asked.map((one) => planRoadmap(one, { scale }))
    if (measure) for (const one of plans) one.timings = await timeNetworks(one, { threads, note })
    return { json: plans, text: () => plans.map(planText).join("\n\n") }
  },
})

interface TimingOptions {
  threads: number | undefined
  note(line: string): void
}

async function timeNetworks(plan: RoadmapPlan, { threads, note }: TimingOptions): Promise<Record<string, Timing>> {
  await loadLibrary()
  const { measureModel } = await import("../../roadmap/measure.ts")
  const timings: Record<string, Timing> = {}
  const config = plan.scale === 1 ? {} : { scale: plan.scale }
  for (const { model } of [...plan.steps, ...plan.references]) {
    note(`timing ${model}`)
    timings[model] = await measureModel(model, { imageSize: plan.imageSize, config, threads })
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
    paperGflops(paper),
    paperTop1(paper),
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

const paperGflops = ({ gflops, misprint }: PaperResult) => `${gflops.toFixed(2)}${misprint ? "*" : " "}`

const paperTop1 = ({ top1, top1Deviation }: PaperResult) =>
  `${top1.toFixed(2)}${top1Deviation === undefined ? "" : ` +- ${top1Deviation.toFixed(2)}`}`

const timeCells = ({ inference, trainingStep }: Timing) =>
  [inference, trainingStep].map((seconds) => `${(seconds * 1000).toFixed(1)} ms`)
