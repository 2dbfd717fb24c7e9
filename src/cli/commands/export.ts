/** `convnext export`: a model for other programs. */

import { stat } from "node:fs/promises"
import { resolve } from "node:path"
import { z } from "zod"
import { runPaths } from "../../run/folder.ts"
import { InputError } from "../../tensor/errors.ts"
import { defineCommand } from "../command.ts"
import { loadLibrary } from "../library.ts"
import { modelOptions, openModel } from "../model-source.ts"
import { formatCount } from "../table.ts"

export default defineCommand({
  details:
    "The file takes images of any number, normalised as in training, and gives logits; what they are normalised with and the classes are in its metadata.",
  options: z.object({
    model: modelOptions.model,
    out: z.string().min(1).optional().meta({
      placeholder: "FILE",
      description: "File to write; by default model.onnx in the run, which `train` wrote too, or NAME.onnx here",
    }),
    force: z.boolean().default(false).describe("Overwrite the file if it exists and is not the run's own model.onnx"),
    weights: modelOptions.weights,
    checkpoint: modelOptions.checkpoint,
    device: modelOptions.device,
    threads: modelOptions.threads,
  }),
  positionals: ["model"],
  examples: [
    ["convnext export runs/pets", "Write runs/pets/model.onnx, once more if it is there"],
    ["convnext export runs/pets --out pets.onnx --force", "Write another file, whether it exists or not"],
  ],
  async run(options, { note }) {
    const library = await loadLibrary()
    const source = await stat(options.model).catch(() => undefined)
    const own = source?.isDirectory() ? runPaths(options.model).onnx : undefined
    const path = options.out ?? own ?? `${options.model}.onnx`
    const exists = await stat(path).catch(() => undefined)
    // The run's own file is this very export, of its best weights.
    const again = own !== undefined && resolve(path) === resolve(own) && options.checkpoint !== "last"
    if (exists && !again && !options.force) {
      throw new InputError(`${path} exists; choose another file with --out, or overwrite it with --force`)
    }
    const model = await openModel(library, options)
    try {
      const result = await library.exportOnnx(model, path)
      if (exists) note(`${path} was ${again ? "written again" : "overwritten"}`)
      return {
        json: { model: model.name, ...result },
        text: () =>
          `${result.path}: ${formatCount(result.bytes)}B, logits within ${result.maxDifference.toExponential(1)} of the model's`,
      }
    } finally {
      await model.dispose()
    }
  },
})
