/** `convnext eval`: how good is a trained model on labelled images? */

import { z } from "zod"
import type { Evaluation } from "../../run/evaluate.ts"
import { defineCommand } from "../command.ts"
import { loadLibrary } from "../library.ts"
import { modelOptions, openModel, runOf } from "../model-source.ts"
import { formatPercent, formatTable } from "../table.ts"

/** A confusion matrix of more classes does not fit on a terminal. */
const MAX_CONFUSION_CLASSES = 12

export default defineCommand({
  options: z.object({
    model: modelOptions.model,
    data: z.string().min(1).meta({
      placeholder: "DATA",
      description:
        "Folder of images with one subfolder per class; if it has a val/ folder, that one; of the images that the run learned from, those that it held out",
    }),
    batchSize: z.int().min(1).default(64).describe("Images per batch"),
    limit: z.int().min(1).optional().describe("Use only N images, evenly spaced over all"),
    all: z.boolean().default(false).describe("Measure all images, also those that the run learned from"),
    strict: z.boolean().default(false).describe("Stop at an unreadable image instead of skipping and counting it"),
    weights: modelOptions.weights,
    checkpoint: modelOptions.checkpoint,
    device: modelOptions.device,
    threads: modelOptions.threads,
  }),
  positionals: ["model", "data"],
  examples: [
    ["convnext eval runs/pets pets/", "Accuracy, and precision and recall of each class, on what the run held out"],
    ["convnext eval runs/pets pets/ --checkpoint last", "The last checkpoint instead of the best"],
    ["convnext eval runs/pets pets/ --json > metrics.json", "All numbers, with the confusion matrix"],
  ],
  async run(options, { note }) {
    const { batchSize, limit, strict, all } = options
    const library = await loadLibrary()
    const model = await openModel(library, { ...options, trained: true })
    try {
      const result = await library.evaluate(model, options.data, {
        batchSize,
        limit,
        strict,
        run: all ? undefined : await runOf(options.model),
      })
      for (const warning of result.warnings) note(warning)
      for (const { source, reason } of result.skipped) note(`skipped ${source}: ${reason}`)
      const { length } = result.skipped
      if (length > 0) note(`not counted: ${length} unreadable ${length === 1 ? "image" : "images"}`)
      return { json: { model: model.name, data: options.data, ...result }, text: () => evaluationText(result) }
    } finally {
      await model.dispose()
    }
  },
})

/** Accuracy, a table of the classes, and the confusion matrix if the classes are few. */
export function evaluationText(result: Evaluation): string {
  const { top1, top5, loss, count, classes, confusion } = result
  const parts = [
    `top-1 ${formatPercent(top1)}  top-5 ${formatPercent(top5)}  loss ${loss.toFixed(4)}  ${count} images`,
    classTable(result),
  ]
  if (classes.length <= MAX_CONFUSION_CLASSES) parts.push(confusionTable(classes, confusion))
  return parts.join("\n\n")
}

function classTable({ perClass }: Evaluation): string {
  return formatTable(
    [
      { header: "class" },
      { header: "precision", align: "right" },
      { header: "recall", align: "right" },
      { header: "F1", align: "right" },
      { header: "images", align: "right" },
    ],
    perClass.map(({ name, precision, recall, f1, support }) => [
      name,
      formatPercent(precision),
      formatPercent(recall),
      formatPercent(f1),
      String(support),
    ]),
  )
}

/** Rows are the true classes, columns the guesses in the same order. */
function confusionTable(classes: readonly string[], confusion: readonly (readonly number[])[]): string {
  return formatTable(
    [{ header: "truth \\ guess" }, ...classes.map((header) => ({ header, align: "right" as const }))],
    confusion.map((row, i) => [classes[i]!, ...row.map(String)]),
  )
}
