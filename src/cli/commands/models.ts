/** `convnext models`: what can be built, and what a file is made of. */

import { z } from "zod"
import type { ModelInfo } from "../../models/list.ts"
import { printSummary } from "../../nn/summary.ts"
import { suggestion, UsageError } from "../../tensor/errors.ts"
import { defineCommand } from "../command.ts"
import { isOnnxFile, onnxSummary } from "../onnx-summary.ts"
import { formatCount, formatTable } from "../table.ts"

const sortKeys = ["name", "parameters", "macs", "input-size", "top1"] as const
type SortKey = (typeof sortKeys)[number]

export default defineCommand({
  options: z.object({
    filter: z
      .string()
      .min(1)
      .optional()
      .meta({ placeholder: "FILTER", description: "Name or pattern, for example 'convnextv2*'; or an ONNX file" }),
    sort: z.enum(sortKeys).optional().describe("Order of the list; by default as registered"),
  }),
  positionals: ["filter"],
  examples: [
    ["convnext models", "All models"],
    ["convnext models 'convnext*'", "One family; the quotes keep the shell from reading the star"],
    ["convnext models convnext_tiny", "Its layers: shapes, parameters, MACs, bytes of activations"],
    ["convnext models model.onnx", "Operators, layers, parameters and MACs of an ONNX file, whatever wrote it"],
    ["convnext models --sort top1", "The best first, by published accuracy"],
    ["convnext models --json", "For a program"],
  ],
  async run({ filter, sort }) {
    if (filter !== undefined && isOnnxFile(filter)) return onnxSummary(filter)
    // The models alone: the engine and the decoders would take longer to load than the list to print.
    const { listModels, modelSummary } = await import("../../models/list.ts")
    const models = sorted(listModels(filter), sort)
    if (filter !== undefined && models.length === 0) {
      const names = listModels().map(({ name }) => name)
      throw new UsageError(`no model matches ${filter}${suggestion(filter, names) || "; convnext models lists all"}`)
    }
    const named = models.find(({ name }) => name === filter)
    if (!named) return { json: models, text: () => modelTable(models) }
    const summary = modelSummary(named.name)
    return {
      json: [{ ...named, summary }],
      text: () => [modelTable([named]), "", printSummary(summary), "", ...legend].join("\n"),
    }
  },
})

/** Names by the alphabet, numbers by their size, accuracies the best first. */
function sorted(models: readonly ModelInfo[], key: SortKey | undefined): readonly ModelInfo[] {
  if (key === undefined) return models
  const compare: Record<SortKey, (a: ModelInfo, b: ModelInfo) => number> = {
    name: (a, b) => a.name.localeCompare(b.name, "en", { numeric: true }),
    parameters: (a, b) => a.parameters - b.parameters,
    macs: (a, b) => a.macs - b.macs,
    "input-size": (a, b) => a.inputSize - b.inputSize,
    top1: (a, b) => (b.top1 ?? 0) - (a.top1 ?? 0),
  }
  return [...models].sort(compare[key])
}

/** What the columns of the layers mean. */
const legend = [
  "Bytes are those of one image in float32: what a layer hands on, and what training keeps of it for the backward pass",
  "with --recompute none, cheap and block. Weights, gradients and the optimizer's state come on top.",
]

/** One line for each model. */
function modelTable(models: readonly ModelInfo[]): string {
  return formatTable(
    [
      { header: "model" },
      { header: "family" },
      { header: "parameters", align: "right" },
      { header: "MACs", align: "right" },
      { header: "input", align: "right" },
      { header: "top-1", align: "right" },
      { header: "licence" },
      { header: "weights" },
    ],
    models.map(({ name, family, parameters, macs, inputSize, top1, license, weights }) => [
      name,
      family,
      formatCount(parameters),
      formatCount(macs),
      String(inputSize),
      top1 === undefined ? "" : top1.toFixed(1),
      license ?? "",
      weights.length > 3 ? `${weights.slice(0, 2).join(", ")} and ${weights.length - 2} more` : weights.join(", "),
    ]),
  )
}
