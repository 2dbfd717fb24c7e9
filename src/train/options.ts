/** Options of a training run: the one place where their names, types, ranges, defaults and descriptions are. */

import { z } from "zod"
import type { OptimizerName } from "../optim/index.ts"
import { checkOptions } from "./option-fields.ts"

/** Names that `--device` takes; whether the device is there is seen when it is used. */
export const devices = ["auto", "cpu", "webgpu", "cuda", "coreml", "dml", "wasm"] as const

/** A record, so that the compiler finds one that is missing. */
const optimizers = { adamw: true, sgd: true } satisfies Record<OptimizerName, true>

const path = (placeholder: string, description: string) =>
  z.string().min(1).optional().meta({ placeholder, description })
const number = (schema: z.ZodNumber, description: string) => schema.optional().meta({ description })

/** `{ decay }` is the form that `createTrainer` takes too. */
function decayOf(ema: number | { decay: number }): unknown {
  const isForm = typeof ema === "object" && ema !== null && Object.keys(ema).join() === "decay"
  return isForm ? ema.decay : ema
}

/** Where no default is given, the recipe for the data and the model decides. */
export const trainOptions = z.object({
  data: path(
    "DATA",
    "Folder of images with one subfolder per class, or with train/ and val/ in it; by default the small dataset that comes along",
  ),
  model: path(
    "NAME",
    "Model to train, see `convnext models`, also with a tag of published weights (NAME.TAG); by default one that suits the size of the images",
  ),
  weights: path(
    "WEIGHTS",
    "Weights to start from instead of random ones: published ones (pretrained, or a tag), a checkpoint, a run, or a repository of the Hugging Face hub",
  ),

  epochs: number(z.int().min(1), "Passes over the training images"),
  batchSize: number(z.int().min(1), "Images per batch"),
  accumulate: z.int().min(1).default(1).describe("Batches whose gradients are added up for one optimizer step"),
  optimizer: z
    .enum(Object.keys(optimizers) as OptimizerName[])
    .default("adamw")
    .describe("What updates the weights: AdamW, or SGD with Nesterov momentum of 0.9"),
  lr: number(z.number().positive(), "Learning rate at its highest, after warm-up"),
  minLr: number(z.number().min(0), "Learning rate at the end of the cosine"),
  warmupEpochs: number(z.number().min(0), "Epochs over which the learning rate rises; fractions count"),
  weightDecay: number(z.number().min(0), "Weight decay; norms and biases have none"),
  clipGrad: number(z.number().min(0), "Largest norm of the gradients, 0 for no clipping"),
  labelSmoothing: number(z.number().min(0).lt(1), "Share of the target that is spread over all classes"),
  dropPath: number(z.number().min(0).lt(1), "Stochastic depth: how often the last block is skipped"),
  ema: z
    .preprocess(decayOf, z.number().min(0).lt(1))
    .optional()
    .describe("Decay of the moving average of the weights, 0 for none; it rises to that in the first updates"),
  freeze: z
    .union([z.string().min(1), z.int().min(0), z.array(z.string().min(1)).min(1).readonly()])
    .optional()
    .meta({
      placeholder: "WHAT",
      description:
        "What is left as it is: `backbone` (all but the classifier), a number of first layer groups, or modules by name, such as stem,stages.0",
    }),
  recompute: z
    .enum(["none", "cheap", "block"])
    .default("none")
    .describe("What the backward pass computes again to save memory: nothing, all but the products, or whole blocks"),

  imageSize: number(z.int().min(8).max(4096), "Height and width of the images that the model sees, in pixels"),
  crop: z
    .enum(["auto", "random-resized", "shift", "none"])
    .default("auto")
    .describe(
      "How training images are cut: a random part resized, shifted by a few pixels, or whole; auto: by the data",
    ),
  scale: number(z.number().positive().max(1), "Least share of the image's area that random-resized keeps"),
  shift: number(z.int().min(0).max(256), "Pixels by which the shift crop moves an image at most, to each side"),
  flip: z
    .boolean()
    .optional()
    .describe(
      "Mirror half of the training images; by default for folders of images, not for IDX files, which mostly hold signs",
    ),
  valFraction: number(z.number().positive().lt(1), "Share of the images held out where the data has no val/ folder"),

  out: path("FOLDER", "Folder of the run; by default runs/NAME, numbered if it exists"),
  name: path("NAME", "Name of the run; by default the data and the model"),
  resume: path("RUN", "Go on with the run in this folder from its last checkpoint"),
  patience: z.int().min(0).default(0).describe("Stop after so many epochs without a better top-1, 0 for never"),
  seed: z.int().min(0).default(0).describe("Seed of all randomness: the same seed gives the same run"),

  device: z.enum(devices).default("auto").describe("Where the model runs"),
  threads: number(z.int().min(1).max(1024), "Threads for the model; by default one for each core"),
  workers: number(z.int().min(0).max(256), "Threads that decode and augment images, 0 for none of their own"),
  strict: z.boolean().default(false).describe("Stop at an unreadable image instead of skipping and counting it"),
  limitBatches: number(z.int().min(1), "Use only the first batches of each epoch"),
  fastDevRun: z.boolean().default(false).describe("One epoch of two batches, to see that everything works"),
})

/** Options as given: all may be left out. */
export type TrainOptions = z.input<typeof trainOptions>

/** Options with their defaults filled in; those that the recipe decides may still be undefined. */
export type CheckedTrainOptions = z.output<typeof trainOptions>

/** Checks options and fills in defaults. Throws a UsageError that names the option, its range and the value. */
export function checkTrainOptions(options: TrainOptions): CheckedTrainOptions {
  return checkOptions(trainOptions, options)
}
