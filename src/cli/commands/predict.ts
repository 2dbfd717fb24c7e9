/** `convnext predict`: what is on these images? */

import { z } from "zod"
import type { FilePrediction } from "../../run/predict.ts"
import { defineCommand } from "../command.ts"
import { expandImageFiles } from "../image-files.ts"
import { loadLibrary } from "../library.ts"
import { modelOptions, openModel } from "../model-source.ts"
import { formatPercent, formatTable } from "../table.ts"

export default defineCommand({
  details: "Files that cannot be read are listed and counted; the exit code is 1 if none could be read.",
  options: z.object({
    model: modelOptions.model,
    files: z.array(z.string()).min(1).meta({
      placeholder: "FILE",
      description: "Images, folders of images, or quoted patterns such as 'photos/*.jpg'",
    }),
    topK: z.int().min(1).default(5).describe("Guesses for each image"),
    csv: z.boolean().default(false).describe("Print comma-separated values: file, rank, label, probability"),
    batchSize: z.int().min(1).default(32).describe("Images per batch"),
    strict: z.boolean().default(false).describe("Stop at the first file that cannot be read"),
    weights: modelOptions.weights,
    checkpoint: modelOptions.checkpoint,
    device: modelOptions.device,
    threads: modelOptions.threads,
  }),
  positionals: ["model", "files"],
  examples: [
    ["convnext predict runs/pets photo.jpg", "The five most likely classes of one image"],
    ["convnext predict runs/pets photos/ --top-k 1 --csv > labels.csv", "A label for each image of a folder"],
    ["convnext predict runs/pets 'photos/**/*.jpg' --json", "All that match a pattern, for a program"],
  ],
  async run(options, { note }) {
    const { topK, batchSize, strict, csv } = options
    const files = await expandImageFiles(options.files)
    const library = await loadLibrary()
    const model = await openModel(library, { ...options, trained: true })
    try {
      const results = await library.predict(model, files, { topK, batchSize, strict })
      const failed = results.filter(({ error }) => error !== undefined)
      for (const { error } of failed) note(error!)
      const allFailed = failed.length === results.length
      if (allFailed) note("convnext: no file could be read")
      else if (failed.length > 0) note(`${failed.length} of ${results.length} files could not be read`)
      return {
        json: { model: model.name, count: results.length, failed: failed.length, results },
        text: () => (csv ? predictionCsv(results) : predictionTable(results)),
        exitCode: allFailed ? 1 : 0,
      }
    } finally {
      await model.dispose()
    }
  },
})

/** A line for each image with its guesses beside each other. */
export function predictionTable(results: readonly FilePrediction[]): string {
  const readable = results.filter(({ error }) => error === undefined)
  if (readable.length === 0) return ""
  const guesses = Math.max(0, ...readable.map(({ predictions }) => predictions.length))
  const columns = Array.from({ length: guesses }, (_, i) => [
    { header: `${i + 1}.` },
    { header: "", align: "right" as const },
  ]).flat()
  const rows = readable.map(({ file, predictions }) => [
    file,
    ...predictions.flatMap(({ label, probability }) => [label, formatPercent(probability)]),
  ])
  return formatTable([{ header: "file" }, ...columns], rows)
}

/** A line for each guess, with a header (RFC 4180). */
export function predictionCsv(results: readonly FilePrediction[]): string {
  const rows = results.flatMap(({ file, predictions }) =>
    predictions.map(({ label, probability }, i) => [file, String(i + 1), label, probability.toFixed(6)]),
  )
  return [["file", "rank", "label", "probability"], ...rows].map((row) => row.map(csvCell).join(",")).join("\n")
}

function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
