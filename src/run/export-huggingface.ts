/** Export as a folder that transformers loads, in the layout of its `save_pretrained`. */

import { join } from "node:path"
import type { Model } from "../models/model.ts"
import { convertStateDict } from "../weights/naming/convert.ts"
import { configToHuggingFace } from "../weights/naming/huggingface-config.ts"
import { writeFileAtomic } from "../weights/node/atomic-file.ts"
import { saveSafetensors } from "../weights/node/files.ts"
import { type CardFacts, modelCard } from "./export-card.ts"
import { findNetworkClass } from "./export-codebases.ts"
import { writeFolderAtomic } from "./export-folder.ts"
import { writeJson } from "./folder.ts"

const files = {
  config: "config.json",
  preprocessor: "preprocessor_config.json",
  weights: "model.safetensors",
  card: "README.md",
} as const

/** Fields of `config.json` that are floats in Python: since version 5, transformers refuses to read them from integers. */
const floatFields = [
  "layer_scale_init_value",
  "drop_path_rate",
  "layer_norm_eps",
  "mlp_ratio",
  "hidden_dropout_prob",
  "attention_probs_dropout_prob",
]

/** JSON in which floats look like some, as Python writes them: 0.0, where JavaScript writes 0. */
function configText(config: Readonly<Record<string, unknown>>): string {
  const whole = new RegExp(`^  "(${floatFields.join("|")})": -?\\d+(?=,?$)`, "gm")
  return `${JSON.stringify(config, null, 2).replace(whole, "$&.0")}\n`
}

/**
 * Writes a folder with the model's config, weights and preprocessing by the names of transformers, and a model card.
 * @returns the Python that loads it
 * Throws a UsageError for a model that transformers does not have, an InputError if the folder cannot be written or what
 * is there is no such folder.
 */
export async function exportHuggingFace(model: Model, path: string, facts: CardFacts): Promise<{ usage: string[] }> {
  const { network, config, classes, dataConfig } = model
  const { family } = network.description
  findNetworkClass("huggingface", family, config)
  const described = configToHuggingFace({ family, config, classes, preprocessing: dataConfig })
  const tensors = convertStateDict(model.stateDict(), { to: "huggingface" })
  const [auto, task] =
    model.numClasses > 0
      ? ["AutoModelForImageClassification", "image-classification"]
      : ["AutoModel", "image-feature-extraction"]
  const card = modelCard(model, facts, [
    "from transformers import pipeline",
    `print(pipeline(${JSON.stringify(task)}, model="FOLDER")("image.jpg"))`,
  ])
  await writeFolderAtomic(path, Object.values(files), async (folder) => {
    await saveSafetensors(join(folder, files.weights), tensors, { format: "pt" })
    await writeFileAtomic(join(folder, files.config), [configText(described.config)])
    await writeJson(join(folder, files.preprocessor), described.preprocessor)
    await writeFileAtomic(join(folder, files.card), [card])
  })
  const source = JSON.stringify(path)
  return {
    usage: [
      `from transformers import AutoImageProcessor, ${auto}`,
      `processor = AutoImageProcessor.from_pretrained(${source})`,
      `model = ${auto}.from_pretrained(${source})`,
    ],
  }
}
