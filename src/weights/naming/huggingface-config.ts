/**
 * What a folder of transformers says of a model besides its weights, in both directions: `config.json` and
 * `preprocessor_config.json`.
 */

import { z } from "zod"
import type { Preprocessing } from "../../models/family.ts"
import { InputError, UsageError } from "../../tensor/errors.ts"
import { count, type Json, modelTypes } from "./huggingface-models.ts"
import { preprocessingFromHuggingFace, preprocessingToHuggingFace } from "./huggingface-preprocessor.ts"

/** A model as `createModel(family, { config, classes, preprocessing })` takes it. */
export interface HuggingFaceModel {
  family: string
  /** In timm's names, camelCase. */
  config: Json
  /** Names of the classes, where there are other ones than LABEL_0, LABEL_1, ... */
  classes: string[] | undefined
  preprocessing: Partial<Preprocessing>
}

const commonSchema = z.object({
  model_type: z.string(),
  architectures: z.array(z.string()).nullish(),
  num_channels: count.default(3),
  id2label: z.record(z.string().regex(/^\d+$/), z.string()).optional(),
  num_labels: z.int().nonnegative().optional(),
})

/**
 * Reads what transformers' files say of a model.
 * @param config content of `config.json`
 * @param preprocessor content of `preprocessor_config.json`. Default: inputs are of the config's `image_size`
 *
 * ```ts
 * const { family, config, classes, preprocessing } = configFromHuggingFace(JSON.parse(text))
 * const model = await createModel(family, { config, classes, preprocessing, weights: "folder" })
 * ```
 *
 * Throws an InputError for a `model_type` that is none of convnext, convnextv2, resnet, swin, vit and deit, and for values
 * that are none of such a config or have no counterpart here.
 */
export function configFromHuggingFace(config: unknown, preprocessor?: unknown): HuggingFaceModel {
  const common = parse("config.json", () => commonSchema.parse(config))
  const type = Object.hasOwn(modelTypes, common.model_type) ? modelTypes[common.model_type] : undefined
  if (type === undefined) {
    const known = Object.keys(modelTypes).join(", ")
    throw new InputError(`config.json has model_type ${common.model_type}; only ${known} can be read`)
  }
  const [architecture = type.architecture] = common.architectures ?? []
  if (architecture === "DeiTForImageClassification") {
    throw new InputError("config.json is of a DeiTForImageClassification, which leaves one of two classifiers away")
  }
  const labels = Object.entries(common.id2label ?? {}).sort(([a], [b]) => Number(a) - Number(b))
  const classes = labels.map(([, label]) => label)
  // transformers does not write the labels of a model with its default of two classes.
  const numClasses = architecture.includes("ForImageClassification") ? classes.length || (common.num_labels ?? 2) : 0
  const read = parse("config.json", () => type.read(config as Json))
  const imageSize = z.object({ image_size: count }).safeParse(config)
  return {
    family: type.family,
    config: { ...read, inChannels: common.num_channels, numClasses },
    classes: numClasses === 0 || classes.every((label) => /^LABEL_\d+$/.test(label)) ? undefined : classes,
    preprocessing: {
      ...(imageSize.success ? { inputSize: imageSize.data.image_size } : {}),
      ...(preprocessor === undefined
        ? {}
        : parse("preprocessor_config.json", () => preprocessingFromHuggingFace(preprocessor))),
    },
  }
}

/** Values of transformers' files, where `read` throws a ZodError for wrong ones. */
function parse<T>(file: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error
    const [issue] = error.issues
    throw new InputError(`${file} cannot be used: ${issue!.path.join(".") || "its content"}: ${issue!.message}`, {
      cause: error,
    })
  }
}

/** What is to be said of a model in transformers' words; a `Model` has it all. */
export interface DescribedModel {
  family: string
  /** The full config, in timm's names, camelCase. */
  config: Readonly<Json>
  classes?: readonly string[]
  preprocessing: Preprocessing
}

/**
 * Writes what transformers' files say of a model: the contents of `config.json` and `preprocessor_config.json`. The weights
 * beside them are those of `convertStateDict(..., { to: "huggingface" })`.
 * Throws a UsageError for a model that transformers does not have, which says what differs.
 */
export function configToHuggingFace({ family, config, classes, preprocessing }: DescribedModel): {
  config: Json
  preprocessor: Json
} {
  // ViT and DeiT are one architecture, whose two forms transformers tells apart by the second token.
  const kinds = Object.entries(modelTypes).filter(
    ([, type]) => type.family === family || (family === "deit" && type.family === "vit"),
  )
  const differing = kinds.map(([, { fixed }]) =>
    Object.keys(fixed).filter((field) => !allows(fixed[field]!, config[field])),
  )
  const index = differing.findIndex((fields) => fields.length === 0)
  const [modelType, type] = kinds[index] ?? []
  if (type === undefined || modelType === undefined) throw cannotSay(family, config, differing)
  const numClasses = config.numClasses as number
  const labels = Array.from({ length: numClasses }, (_, i) => classes?.[i] ?? `LABEL_${i}`)
  return {
    config: {
      architectures: [numClasses > 0 ? type.architecture : type.base],
      model_type: modelType,
      num_channels: config.inChannels,
      image_size: preprocessing.inputSize,
      ...type.write(config),
      id2label: Object.fromEntries(labels.map((label, i) => [i, label])),
      label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
    },
    preprocessor: preprocessingToHuggingFace(preprocessing),
  }
}

/** Whether a field may have this value. A list of equal values, one for each stage, is as good as one of them. */
function allows(values: readonly unknown[], value: unknown): boolean {
  return Array.isArray(value) ? value.every((one) => values.includes(one)) : values.includes(value)
}

function cannotSay(family: string, config: Readonly<Json>, differing: readonly string[][]): UsageError {
  const [fewest] = [...differing].sort((a, b) => a.length - b.length)
  const why = fewest?.map((field) => `${field} ${JSON.stringify(config[field])}`).join(", ")
  return new UsageError(
    why === undefined ? `transformers has no model of family ${family}` : `transformers has no ${family} with ${why}`,
  )
}
