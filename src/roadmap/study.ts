/**
 * A study of the roadmap: every step trained in the same way, from several seeds. This file says what a study is; src/run/
 * trains it, src/report/ draws it.
 */

import { z } from "zod"
import { regimes } from "../models/roadmap-steps.ts"
import { suggestion, UsageError } from "../tensor/errors.ts"
import type { TrainOptions } from "../train/options.ts"
import type { EpochRecord } from "../train/record.ts"
import type { StepInspection } from "./inspect.ts"
import { type RoadmapStep, type RoadmapStepId, roadmapSteps } from "./steps.ts"

/** How a study trains: quick, for few epochs and small networks; paper, by section 2 of Liu et al. 2022. */
export const recipeNames = ["quick", "paper"] as const
export type RecipeName = (typeof recipeNames)[number]

/** What is the same for all runs of a study: what its folder keeps, and what it may be asked to go on with. */
export const studySettings = z.object({
  /** Folder of the data; undefined for the images that come along. */
  data: z.string().optional(),
  regime: z.literal(regimes),
  /** Factor on all widths and depths. */
  scale: z.number(),
  /** Side of the images, in pixels. */
  imageSize: z.number(),
  recipe: z.enum(recipeNames),
  epochs: z.number(),
  batchSize: z.number(),
  /** Learning rate at its highest. */
  lr: z.number(),
})

export type StudySettings = z.infer<typeof studySettings>

/** What is known of the data of a study. */
export interface StudyData {
  description: string
  classes: number
  /** Images to learn from, and to measure on. */
  train: number
  val: number
}

/** A network that was trained to the end. */
export interface StudyRun {
  step: RoadmapStepId
  seed: number
  /** Share of the images that are measured on whose class comes first, after the last epoch: 0 to 1. */
  top1: number
  parameters: number
  /** Multiply-accumulates of one image. */
  macs: number
  /** Bytes of the activations of one image that a training step keeps. */
  activationBytes: number
  /** Resident memory of the process while it trained, at its highest. */
  memoryBytes: number
  /** Training speed: the median of the epochs. */
  imagesPerSecond: number
  /** Duration of all epochs, with their measurements. */
  seconds: number
  epochs: EpochRecord[]
  /** Of this package, and the machine, when it was finished; undefined for runs of versions that did not keep them. */
  version?: string
  machine?: string
  /** What the trained network is like beyond its accuracy; undefined where nobody has looked yet. */
  inspection?: StepInspection
}

/** A network whose training failed, or whose files are damaged. */
export interface StudyFailure {
  step: RoadmapStepId
  seed: number
  message: string
}

/** A study as far as it has come. */
export interface RoadmapStudy {
  settings: StudySettings
  data: StudyData
  /** Of this package, and the machine, where the runs were made: of several all, joined by "; ". */
  version: string
  machine: string
  /** In the order of the paper, then of the seeds. */
  runs: StudyRun[]
  /** Of the last call. */
  failures: StudyFailure[]
}

/** A batch for which each recipe's learning rate is stated; others follow the square-root rule for Adam. */
const recipes: Readonly<Record<RecipeName, { lr: number; lrBatch: number; training: TrainOptions }>> = {
  // No average of the weights: over a few hundred updates it lags behind, and it does not suit batch statistics.
  quick: { lr: 6e-3, lrBatch: 64, training: { clipGrad: 1, labelSmoothing: 0.1, dropPath: 0, ema: 0 } },
  paper: {
    lr: 4e-3,
    lrBatch: 4096,
    training: {
      clipGrad: 0,
      labelSmoothing: 0.1,
      dropPath: 0.1,
      ema: 0,
      minLr: 1e-6,
      crop: "random-resized",
      scale: 0.08,
    },
  },
}

/** Images up to this side are small, as in train. */
const SMALL_IMAGE = 64
const SMALLEST_IMAGE = 32

/** Training images that a run sees in all its epochs together, where the person does not say. */
const DEFAULT_SAMPLES = 60_000

/** What is found out of the data before a study begins. */
export interface DataShape {
  /** Images to learn from. */
  trainCount: number
  /** Side of the images, where all have the same. */
  imageSize: number | undefined
}

/** Fills in what was left open, by the data. */
export function resolveStudy(options: Partial<StudySettings>, { trainCount, imageSize }: DataShape): StudySettings {
  const { data, regime = 50, scale = 0.25, recipe = "quick", batchSize = 64 } = options
  const { lr, lrBatch } = recipes[recipe]
  const fewest = recipe === "paper" ? 300 : 6
  return {
    ...(data !== undefined && { data }),
    regime,
    scale,
    imageSize: options.imageSize ?? Math.min(Math.max(imageSize ?? SMALL_IMAGE, SMALLEST_IMAGE), SMALL_IMAGE),
    recipe,
    epochs: options.epochs ?? Math.max(fewest, Math.round(DEFAULT_SAMPLES / trainCount)),
    batchSize,
    lr: options.lr ?? Number((lr * Math.sqrt(batchSize / lrBatch)).toPrecision(3)),
  }
}

/**
 * How every network of a study is trained, but for its seed.
 * @param smallData the images themselves are small
 */
export function trainingOf(settings: StudySettings, smallData: boolean): TrainOptions {
  const { recipe, data, epochs, batchSize, lr } = settings
  const shift: TrainOptions = smallData ? { crop: "shift", shift: 2 } : {}
  return { ...shift, ...recipes[recipe].training, data, epochs, batchSize, lr }
}

/** Whether images of this side are small. */
export const isSmall = (imageSize: number | undefined) => imageSize !== undefined && imageSize <= SMALL_IMAGE

/**
 * The steps that were asked for, in the order of the paper; all of them where none were.
 * Throws a UsageError for an unknown step or one that is given twice, or a scale that leaves no channel.
 */
export function pickSteps({ regime, scale }: StudySettings, asked: readonly string[] | undefined): RoadmapStep[] {
  const steps = roadmapSteps(regime, { scale })
  if (asked === undefined) return steps
  const ids = steps.map(({ id }) => id as string)
  for (const [i, id] of asked.entries()) {
    if (!ids.includes(id)) {
      const hint = suggestion(id, ids) || `; there are ${ids.join(", ")}`
      throw new UsageError(`the roadmap has no step ${id === "" ? '""' : id}${hint}`)
    }
    if (asked.indexOf(id) !== i) throw new UsageError(`the step ${id} is given twice`)
  }
  if (asked.length === 0) throw new UsageError(`no step is given; there are ${ids.join(", ")}`)
  return steps.filter(({ id }) => asked.includes(id))
}
