/** `convnext bench`: how fast is a model here? */

import { z } from "zod"
import type { BenchResult } from "../../run/bench.ts"
import { describeUnseen } from "../../run/doubts.ts"
import { UsageError } from "../../tensor/errors.ts"
import { defineCommand } from "../command.ts"
import { loadLibrary } from "../library.ts"
import { modelOptions, runOf } from "../model-source.ts"
import { formatCount, formatTable } from "../table.ts"

export default defineCommand({
  details:
    "Times inference and training steps on random images, in turns, beside a large matrix product: what the machine reaches at best. Nothing else should run meanwhile. Nothing is downloaded and nothing is changed: a model by name has fresh weights.",
  options: z.object({
    model: modelOptions.model.default("convnext_tiny").meta({
      placeholder: "MODEL",
      description: "Name of a model, or folder of a run; by default convnext_tiny",
    }),
    batchSizes: z
      .string()
      .default("1,8")
      .meta({ placeholder: "N,N", description: "Images of a batch, for each measurement" }),
    imageSize: z.int().min(1).optional().describe("Side of the images, in pixels; by default the model's"),
    rounds: z.int().min(1).default(5).describe("Times that each measurement is repeated"),
    train: z.boolean().default(true).describe("Time training steps too"),
    device: modelOptions.device,
    threads: modelOptions.threads,
  }),
  positionals: ["model"],
  examples: [
    ["convnext bench", "convnext_tiny on all cores"],
    ["convnext bench resnet50 --batch-sizes 1,32 --no-train", "Inference alone"],
    ["convnext bench runs/pets --threads 1", "A model of your own on one thread"],
  ],
  async run({ model: name, batchSizes, imageSize, rounds, train, device, threads }, { note }) {
    const sizes = parseSizes(batchSizes)
    const library = await loadLibrary()
    const isRun = (await runOf(name)) !== undefined
    if (isRun && imageSize !== undefined)
      throw new UsageError(`--image-size goes with the name of a model: ${name} is a run`)
    const model = isRun
      ? await library.loadRun(name, { device, threads })
      : await library.createModel(name.split(".")[0]!, { device, threads, inputSize: imageSize })
    note(`computing on ${model.backend.device}: ${model.backend.reason}`)
    for (const unseen of describeUnseen(model)) note(unseen)
    try {
      const result = await library.bench(model, { batchSizes: sizes, rounds, train })
      return { json: result, text: () => describe(result) }
    } finally {
      await model.dispose()
    }
  },
})

function parseSizes(text: string): number[] {
  return text.split(",").map((part) => {
    const size = Number(part)
    if (part.trim() !== "" && Number.isInteger(size) && size > 0) return size
    throw new UsageError(`--batch-sizes must be whole numbers of at least 1 with commas between them, got ${text}`)
  })
}

function describe({ model, parameters, imageSize, cpu, device, threads, ceiling, rows }: BenchResult): string {
  const right = { align: "right" as const }
  const number = (value: number) => value.toLocaleString("en-US", { maximumFractionDigits: value < 10 ? 2 : 0 })
  return [
    `${model} (${formatCount(parameters)} parameters) at ${imageSize} px on ${device}, ${cpu}, ${threads} ${threads === 1 ? "thread" : "threads"}`,
    `a matrix product of 1,536 x 1,536 x 1,536 reaches ${number(ceiling)} GFLOP/s here`,
    "",
    formatTable(
      [
        { header: "work" },
        { header: "batch", ...right },
        { header: "ms", ...right },
        { header: "from", ...right },
        { header: "to", ...right },
        { header: "images/s", ...right },
        { header: "GFLOP/s", ...right },
        { header: "of the product's", ...right },
      ],
      rows.map(({ work, batchSize, milliseconds: { median, min, max }, imagesPerSecond, gflops, shareOfCeiling }) => [
        work,
        String(batchSize),
        number(median),
        number(min),
        number(max),
        number(imagesPerSecond),
        number(gflops),
        `${(100 * shareOfCeiling).toFixed(0)}%`,
      ]),
    ),
  ].join("\n")
}
