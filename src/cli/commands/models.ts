/** `convnext models`: what can be built, and what a file is made of. */

import { z } from "zod"
import type { ModelInfo } from "../../models/model.ts"
import { printSummary } from "../../nn/summary.ts"
import { suggestion, UsageError } from "../../tensor/errors.ts"
import { defineCommand } from "../command.ts"
import { loadLibrary } from "../library.ts"
import { isOnnxFile, onnxSummary } from "../onnx-summary.ts"
import { formatCount, formatTable } from "../table.ts"

export default defineCommand({
  options: z.object({
    filter: z
      .string()
      .min(1)
      .optional()
      .meta({ placeholder: "FILTER", description: "Name or pattern, for example 'convnextv2*'; or an ONNX file" }),
  }),
  positionals: ["filter"],
  examples: [
    ["convnext models", "All models"],
    ["convnext models 'convnext*'", "One family; the quotes keep the shell from reading the star"],
    ["convnext models convnext_tiny", "Its layers: shapes, parameters, MACs, bytes of activations"],
    ["convnext models model.onnx", "Operators, layers, parameters and MACs of an ONNX file, whatever wrote it"],
    ["convnext models --json", "For a program"],
  ],
  async run({ filter }) {
    if (filter !== undefined && isOnnxFile(filter)) return onnxSummary(filter)
    const { listModels, modelSummary } = await loadLibrary()
    const models = listModels(filter)
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
      { header: "input size", align: "right" },
    ],
    models.map(({ name, family, parameters, macs, inputSize }) => [
      name,
      family,
      formatCount(parameters),
      formatCount(macs),
      String(inputSize),
    ]),
  )
}
