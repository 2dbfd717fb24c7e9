/** `convnext roadmap`: the steps from ResNet to ConvNeXt, trained and compared. */

import { z } from "zod"
import { type Regime, regimes } from "../../models/roadmap-steps.ts"
import { planRoadmap } from "../../roadmap/plan.ts"
import { recipeNames } from "../../roadmap/study.ts"
import type { RoadmapResult } from "../../run/roadmap/study.ts"
import { trainOptions } from "../../train/options.ts"
import { type CommandResult, defineCommand } from "../command.ts"
import { loadLibrary } from "../library.ts"
import { createProgress } from "../progress.ts"
import { checkRoadmapFlags, resolutionOptions } from "../roadmap-flags.ts"
import { planText, type TimedPlan, timeNetworks } from "../roadmap-plan.ts"
import { studySummary } from "../roadmap-study.ts"
import { listenForStop } from "../signals.ts"

const { data, epochs, batchSize, lr, imageSize, workers, threads, device } = trainOptions.shape

const options = z.object({
  data,
  steps: z
    .string()
    .optional()
    .meta({ placeholder: "STEP,STEP,...", description: "Steps to train, by their ids in --plan; by default all" }),
  regime: z
    .enum(regimes.map(String))
    .optional()
    .describe(
      "From ResNet-50 to ConvNeXt-T or from ResNet-200 to ConvNeXt-B; by default 50, and for --plan both of them",
    ),
  scale: z
    .number()
    .positive()
    .optional()
    .describe("Factor on all widths and depths of the steps; by default 0.25, and for --plan 1"),
  imageSize,
  seeds: z.int().min(1).optional().describe("Runs of each step, from the seeds 0, 1, ...; by default 1"),
  recipe: z
    .enum(recipeNames)
    .optional()
    .describe(
      "How all steps are trained: quick for small networks and few epochs, or as in the paper's section 2; by default quick",
    ),
  epochs,
  batchSize,
  lr,
  out: z.string().min(1).optional().meta({
    placeholder: "FOLDER",
    description: "Folder of the study, new or to go on with; by default runs/DATA-roadmap",
  }),
  device,
  threads,
  workers,
  plan: z.boolean().default(false).describe("Train nothing: show every step with its costs and what the paper reports"),
  measure: z.boolean().default(false).describe("With --plan: time inference and a training step of each network here"),
  ...resolutionOptions,
})

type Options = z.output<typeof options>

export default defineCommand({
  details:
    "The paper's way from ResNet to ConvNeXt, step by step, trained on your images or on those that come along: the same recipe and the same order of images for all, both ends of the road first. The folder of the study holds roadmap.html, roadmap.svg and a run for each step and seed. It can be stopped at any moment, and goes on when it is started again; what was given at first need not be given again. Each step is also a model: convnext train DATA --model roadmap/50/depthwise.",
  options,
  positionals: ["data"],
  examples: [
    ["convnext roadmap", "All steps, small, on the images that come along: about 12 minutes on 2 cores"],
    ["convnext roadmap pets/ --scale 0.5 --image-size 128 --seeds 3", "Your own images, with the spread over seeds"],
    ["convnext roadmap pets/ --steps resnet,depthwise,separate-downsampling", "Some of the steps"],
    ["convnext roadmap --out runs/pets-roadmap", "Go on with a study, or draw its figures again"],
    ["convnext roadmap --plan --regime 50", "All steps with parameters, MACs, memory and the paper's results"],
    ["convnext roadmap --plan --regime 50 --scale 0.25 --measure", "Small versions of the networks, timed here"],
    [
      "convnext roadmap --resolution --svg resolution.svg",
      "What ResNet, ViT, Swin and ConvNeXt cost from 224 to 1,024 pixels",
    ],
  ],
  async run(values, { given, note }) {
    checkRoadmapFlags(given)
    if (values.resolution) {
      const { runResolution } = await import("../roadmap-resolution.ts")
      return runResolution(values, note)
    }
    return values.plan ? showPlan(values, note) : trainStudy(given, note)
  },
})

async function showPlan(
  { regime, scale, measure, device, threads }: Options,
  note: (line: string) => void,
): Promise<CommandResult> {
  const asked = regime === undefined ? regimes : [Number(regime) as Regime]
  const plans: TimedPlan[] = asked.map((one) => planRoadmap(one, { scale }))
  if (measure) for (const one of plans) one.timings = await timeNetworks(one, { device, threads, note })
  return { json: plans, text: () => plans.map(planText).join("\n\n") }
}

async function trainStudy(given: z.input<typeof options>, note: (line: string) => void): Promise<CommandResult> {
  const { runRoadmap } = await loadLibrary()
  const progress = await createProgress(process.stderr)
  const stop = listenForStop(
    () => progress.message("stopping after this step of the training; press Ctrl-C again to exit at once"),
    () => progress.stop(),
  )
  const { plan, measure, regime, steps, ...rest } = given
  try {
    const result = await runRoadmap({
      ...rest,
      regime: regime === undefined ? undefined : (Number(regime) as Regime),
      steps: steps?.split(",").map((step) => step.trim()),
      signal: stop.signal,
      onRun({ title, seed, index, count, resumed }) {
        progress.stop()
        note(`[${index}/${count}] ${title}, seed ${seed}${resumed ? ": goes on" : ""}`)
      },
      onStart: (start) => progress.start(start),
      onStep: (step) => progress.step(step),
      onEpoch: (record) => progress.epoch(record),
      onMessage: (text) => progress.message(text),
      onFailure: ({ step, seed, message }) => progress.message(`${step}, seed ${seed}, failed: ${message}`),
    })
    progress.stop()
    return finish(result, stop.exitCode())
  } finally {
    progress.stop()
    stop.release()
  }
}

function finish(result: RoadmapResult, signalCode: number | undefined): CommandResult {
  const exitCode = result.stopped === "signal" ? (signalCode ?? 1) : result.failures.length > 0 ? 1 : 0
  return { json: result, text: () => studySummary(result), exitCode }
}
