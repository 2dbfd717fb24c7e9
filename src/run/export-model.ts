/** Export of a model to other programs. A new target is a line here, one in export-targets.ts, and a file beside. */

import { readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import type { Model } from "../models/model.ts"
import { suggestion, UsageError } from "../tensor/errors.ts"
import { exportOnnx } from "./export.ts"
import type { CardFacts } from "./export-card.ts"
import { exportHuggingFace } from "./export-huggingface.ts"
import { exportPyTorch } from "./export-pytorch.ts"
import { type ExportTarget, exportTargets, foreignSuffix, targetFiles } from "./export-targets.ts"
import { exportTimm } from "./export-timm.ts"

/** What a writer tells of its work. */
interface Written {
  /** Python that loads what was written, line by line. */
  usage: string[]
  /** Of ONNX, as in `ExportResult`: the file with the weights, where they are in one of their own. */
  dataPath?: string
  /** Of ONNX: the largest difference of a logit from the model's own, over some random batches. */
  maxDifference?: number
}

const writers: Record<ExportTarget, (model: Model, path: string, facts: CardFacts) => Promise<Written>> = {
  onnx: writeOnnxModel,
  safetensors: exportTimm,
  torchvision: (model, path) => exportPyTorch(model, path, "torchvision"),
  huggingface: exportHuggingFace,
  facebook: (model, path) => exportPyTorch(model, path, "facebook"),
}

export interface ExportModelOptions {
  /** Whose file format and names. Default "onnx". */
  to?: ExportTarget
  /** What the model card of a Hugging Face folder shall tell beside the model. */
  facts?: CardFacts
}

/** What was written. */
export interface ExportedModel extends Written {
  target: ExportTarget
  path: string
  /** Bytes of all files. */
  bytes: number
}

/**
 * Writes a model for other programs:
 *
 *     onnx          a file for ONNX Runtime and all else that runs ONNX, see `exportOnnx`
 *     safetensors   a checkpoint by timm's names
 *     torchvision   a state dict for torchvision's networks, as `torch.save` writes it
 *     huggingface   a folder for transformers: config, preprocessing, weights, model card
 *     facebook      a checkpoint for the networks of ConvNeXt's authors, as `torch.save` writes it
 *
 * State dicts for torchvision and facebook are safetensors where the path ends so. What is at `path` is replaced as a whole
 * once everything is written; a folder is replaced only if it is such an export.
 *
 * ```ts
 * const { usage } = await exportModel(model, "pets-hf", { to: "huggingface" })
 * console.log(usage.join("\n")) // the Python that loads it
 * ```
 *
 * Throws a UsageError for an unknown target, a path with the ending of another one, and a model that the target does not
 * have; an InputError if it cannot be written.
 */
export async function exportModel(
  model: Model,
  path: string,
  { to = "onnx", facts = {} }: ExportModelOptions = {},
): Promise<ExportedModel> {
  if (!exportTargets.includes(to)) {
    const hint = suggestion(to, exportTargets) || `; known are ${exportTargets.join(", ")}`
    throw new UsageError(`there is no export to ${to}${hint}`)
  }
  const foreign = foreignSuffix(path, to)
  if (foreign !== undefined) {
    const { label, suffixes } = targetFiles[to]
    const endings =
      suffixes.length > 0 ? `whose name ends with ${suffixes.join(" or ")}` : "whose name has no such ending"
    throw new UsageError(`${path} ends with ${foreign}, but an export to ${to} is ${label}, ${endings}`)
  }
  const written = await writers[to](model, path, facts)
  return { target: to, path, bytes: await sizeOnDisk(path, written), ...written }
}

async function writeOnnxModel(model: Model, path: string): Promise<Written> {
  const { dataPath, maxDifference } = await exportOnnx(model, path)
  const usage = [
    "import onnxruntime",
    `session = onnxruntime.InferenceSession(${JSON.stringify(path)})`,
    '[logits] = session.run(None, {"images": images})  # float32 [N, C, H, W]',
  ]
  return { usage, maxDifference, ...(dataPath === undefined ? {} : { dataPath }) }
}

async function sizeOnDisk(path: string, { dataPath }: Written): Promise<number> {
  const isFolder = (await stat(path)).isDirectory()
  const files = isFolder
    ? (await readdir(path)).map((name) => join(path, name))
    : [path, ...(dataPath ? [dataPath] : [])]
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}
