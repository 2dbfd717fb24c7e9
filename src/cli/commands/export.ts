/** `convnext export`: a model for other programs. */

import { stat } from "node:fs/promises"
import { join, resolve } from "node:path"
import { z } from "zod"
import { parseModelName } from "../../models/registry.ts"
import type { ExportedModel } from "../../run/export-model.ts"
import { exportTargets, targetFiles } from "../../run/export-targets.ts"
import { runPaths } from "../../run/folder.ts"
import { InputError } from "../../tensor/errors.ts"
import { defineCommand } from "../command.ts"
import { loadLibrary } from "../library.ts"
import { modelOptions, openModel } from "../model-source.ts"
import { formatCount } from "../table.ts"

/** What a person may mean by a model. */
type SourceKind = "run" | "checkpoint" | "name"

async function kindOf(source: string): Promise<SourceKind> {
  const info = await stat(source).catch(() => undefined)
  if (info?.isDirectory()) return "run"
  return source.endsWith(".safetensors") ? "checkpoint" : "name"
}

/** A name that has the tag of weights in it. */
function taggedName(name: string): string | undefined {
  return parseModelName(name).tag === undefined ? undefined : name
}

/** What the path of an export begins with. */
const bases: Record<SourceKind, (source: string) => string> = {
  run: (folder) => join(folder, "model"),
  checkpoint: (file) => file.slice(0, -".safetensors".length),
  name: (name) => name.replaceAll("/", "-"),
}

export default defineCommand({
  details:
    "An ONNX file takes images of any number, normalised as in training, and gives logits; what they are normalised with and the classes are in its metadata. For the other targets the command prints the Python that loads them.",
  options: z.object({
    model: modelOptions.model,
    to: z.enum(exportTargets).default("onnx").describe("Whose file format and names"),
    out: z.string().min(1).optional().meta({
      placeholder: "PATH",
      description:
        "File or folder to write; by default model.onnx in the run, which `train` wrote too, or NAME.onnx here; NAME-torchvision.pth and so on for other targets",
    }),
    force: z.boolean().default(false).describe("Overwrite what exists and is not the run's own model.onnx"),
    weights: modelOptions.weights,
    checkpoint: modelOptions.checkpoint,
    device: modelOptions.device,
    threads: modelOptions.threads,
  }),
  positionals: ["model"],
  examples: [
    ["convnext export runs/pets", "Write runs/pets/model.onnx, once more if it is there"],
    ["convnext export runs/pets --out pets.onnx --force", "Write another file, whether it exists or not"],
    ["convnext export runs/pets --to huggingface --out pets", "Write a folder for transformers, with a model card"],
    ["convnext export runs/pets --to torchvision", "Write runs/pets/model-torchvision.pth"],
  ],
  async run(options, { note }) {
    const library = await loadLibrary()
    const { exportModel } = await import("../../run/export-model.ts")
    const { publishedFacts, runFacts } = await import("../../run/export-facts.ts")
    const { to, model: source, weights, checkpoint } = options
    const kind = await kindOf(source)
    const isRun = kind === "run"
    const path = options.out ?? `${bases[kind](source)}${targetFiles[to].ending}`
    const exists = await stat(path).catch(() => undefined)
    // The run's own file is this very export, of its best weights.
    const isOwn = isRun && to === "onnx" && resolve(path) === resolve(runPaths(source).onnx)
    const again = isOwn && checkpoint !== "last"
    if (exists && !again && !options.force) {
      throw new InputError(`${path} exists; choose another file with --out, or overwrite it with --force`)
    }
    const model = await openModel(library, options)
    try {
      const ofBest = isRun && checkpoint !== "last"
      const facts =
        kind === "name" ? publishedFacts(model, weights ?? taggedName(source)) : ofBest ? await runFacts(source) : {}
      const result = await exportModel(model, path, { to, facts })
      if (exists) note(`${path} was ${again ? "written again" : "overwritten"}`)
      return { json: { model: model.name, ...result }, text: () => describe(result) }
    } finally {
      await model.dispose()
    }
  },
})

/** What was written, and how to use it. */
function describe({ target, path, dataPath, bytes, maxDifference, usage }: ExportedModel): string {
  const files = dataPath === undefined ? path : `${path} and, to be kept beside it, ${dataPath}`
  if (maxDifference !== undefined) {
    return `${files}: ${formatCount(bytes)}B, logits within ${maxDifference.toExponential(1)} of the model's`
  }
  const lines = usage.map((line) => `  ${line}`)
  return [`${files}: ${formatCount(bytes)}B, ${targetFiles[target].label}. In Python:`, ...lines].join("\n")
}
