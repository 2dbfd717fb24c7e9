/** The model card of an export: README.md of a repository on the Hugging Face hub. https://huggingface.co/docs/hub/model-cards */

import type { Model } from "../models/model.ts"

/** What a card tells and the model itself does not know. */
export interface CardFacts {
  /** Share of images that were classified right, from 0 to 1, and which images those were. */
  accuracy?: { top1: number; images: string }
  /** Licence of the weights, as the hub names it. */
  license?: string
  /** Whose weights they are: a name on the hub. */
  weights?: string
}

/** Licences that the hub knows by this name, of those that published weights have; it calls all others "other". */
const hubLicenses = ["apache-2.0", "bsd-3-clause", "mit", "cc-by-nc-4.0"]

/** Classes that are listed; of more only the number is told. */
const listedClasses = 50

/**
 * The text of a model card.
 * @param usage Python that loads the model
 */
export function modelCard(model: Model, { accuracy, license, weights }: CardFacts, usage: readonly string[]): string {
  const { name, numClasses, classes, parameterCount, dataConfig } = model
  const task = numClasses > 0 ? "image-classification" : "image-feature-extraction"
  const { inputSize, interpolation, cropPct, cropMode, mean, std, channels } = dataConfig
  const resized = Math.floor(inputSize / cropPct)
  const resize = {
    center: `the shorter side is resized to ${resized} pixels`,
    squash: `both sides are resized to ${resized} pixels`,
    border: `the longer side is resized to ${resized} pixels and the rest filled up`,
  }[cropMode]
  const listed = numClasses <= listedClasses ? `: ${classes?.join(", ")}` : ", whose names are in `config.json`"
  const sections = [
    [
      "---",
      "library_name: transformers",
      `pipeline_tag: ${task}`,
      ...licenseLines(license),
      ...(weights === undefined ? [] : [`base_model: ${weights}`]),
      "---",
    ],
    [`# ${name}`],
    [
      `A model of ${parameterCount.toLocaleString("en")} parameters, written by convnext.`,
      ...(weights === undefined ? [] : [`Its weights are those of ${weights}.`]),
    ],
    ["## Classes"],
    [numClasses > 0 ? `${numClasses} classes${classes ? listed : ""}.` : "None: the output are pooled features."],
    ["## Preprocessing"],
    [
      `An image of ${channels === 1 ? "one channel" : `${channels} channels`} becomes an input of ${inputSize} x ${inputSize} pixels:`,
      `${resize} (${interpolation}), the centre is cut out, and each channel is \`(value / 255 - mean) / std\` with`,
      `mean ${mean.join(", ")} and std ${std.join(", ")}.`,
      "`preprocessor_config.json` says the same to transformers.",
    ],
    ["## Accuracy"],
    [accuracy ? `Top-1 ${(100 * accuracy.top1).toFixed(1)} % of ${accuracy.images}.` : "Not known."],
    ["## Licence"],
    [license ?? "None is stated."],
    ["## Use"],
    ["```python", ...usage, "```"],
  ]
  return `${sections.map((lines) => lines.join("\n")).join("\n\n")}\n`
}

function licenseLines(license: string | undefined): string[] {
  if (license === undefined) return []
  return hubLicenses.includes(license) ? [`license: ${license}`] : ["license: other", `license_name: ${license}`]
}
