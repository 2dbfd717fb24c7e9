/** Export as what `torch.load` reads: state dicts by the names of torchvision and of ConvNeXt's authors. */

import type { Model } from "../models/model.ts"
import type { StateDict } from "../models/network.ts"
import { relativePositionIndex } from "../models/swin/relative-position.ts"
import { convertStateDict } from "../weights/naming/convert.ts"
import { writeFileAtomic } from "../weights/node/atomic-file.ts"
import { saveSafetensors } from "../weights/node/files.ts"
import { layoutTorchArchive } from "../weights/pytorch/write.ts"
import { findNetworkClass } from "./export-codebases.ts"

/** Key under which a codebase's files have their state dict. */
const wrappers = { torchvision: undefined, facebook: "model" } as const

/**
 * Writes a state dict that a network of the codebase takes with all keys matching: as a safetensors file where `path` says
 * so, else as an archive of `torch.save`.
 * @returns the Python that loads it
 * Throws a UsageError for a model that the codebase does not have, an InputError if the file cannot be written.
 */
export async function exportPyTorch(
  model: Model,
  path: string,
  codebase: keyof typeof wrappers,
): Promise<{ usage: string[] }> {
  const { family } = model.network.description
  const { python } = findNetworkClass(codebase, family, model.config)
  const converted = convertStateDict(model.stateDict(), { to: codebase })
  const tensors = codebase === "torchvision" ? withIndices(converted, model) : converted
  const isSafetensors = path.endsWith(".safetensors")
  const wrapper = wrappers[codebase]
  if (isSafetensors) await saveSafetensors(path, tensors, { format: "pt" })
  else await writeFileAtomic(path, layoutTorchArchive(tensors, { wrapper }))
  const { imports, make } = python!(model.config)
  const file = JSON.stringify(path)
  const key = wrapper === undefined ? "" : `[${JSON.stringify(wrapper)}]`
  return {
    usage: [
      isSafetensors ? "from safetensors.torch import load_file" : "import torch",
      ...imports,
      `model = ${make}`,
      `model.load_state_dict(${isSafetensors ? `load_file(${file})` : `torch.load(${file}, weights_only=True)${key}`})`,
    ],
  }
}

/** torchvision keeps beside each table of relative positions which of its rows belong to which pairs. */
function withIndices(tensors: StateDict, { config }: Model): StateDict {
  const tables = Object.keys(tensors).filter((name) => name.endsWith(".relative_position_bias_table"))
  if (tables.length === 0) return tensors
  const side = config.windowSize as number
  const index = relativePositionIndex([side, side])
  const indices = tables.map((name) => [name.replace(/bias_table$/, "index"), index])
  return { ...tensors, ...Object.fromEntries(indices) }
}
