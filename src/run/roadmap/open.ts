/** Opens a study: what it shall do, from what was asked for and what its folder says. */

import { join } from "node:path"
import type { DataSplits } from "../../data/dataset.ts"
import { openDataset, openEmbedded } from "../../data/node/open.ts"
import { describeModel } from "../../models/registry.ts"
import type { RoadmapStep } from "../../roadmap/steps.ts"
import { pickSteps, resolveStudy, type StudySettings, studySettings, trainingOf } from "../../roadmap/study.ts"
import { checkCount, InputError, UsageError } from "../../tensor/errors.ts"
import { checkTrainOptions, type TrainOptions } from "../../train/options.ts"
import { type DataRecord, describeChange, recordData } from "../data-record.ts"
import { defaultName } from "../folder.ts"
import { dataPath, moveData, readStudy, type StudyPaths, type StudyRecord, studyPaths, writeStudy } from "./folder.ts"

/** What a study does; what is left out is chosen by the data, or is as it was when the study began. */
export interface RoadmapOptions extends Partial<StudySettings> {
  /** Ids of the steps to train. Default: all that this study was ever asked for, in a new one all 16. */
  steps?: readonly string[]
  /** Runs of each step, from the seeds 0, 1, ... Default: the most that this study was asked for, in a new one 1. */
  seeds?: number
  /** Folder of the study, new or to go on with. Default: runs/DATA-roadmap. */
  out?: string
  /** Default: as the study was computed last. Another device, or other threads, may give other bits. */
  device?: TrainOptions["device"]
  threads?: number
  /** Threads that decode and augment images. */
  workers?: number
}

/** How a study is computed. */
export type StudyComputation = Pick<RoadmapOptions, "device" | "threads" | "workers">

/** A study that is ready to be trained. */
export interface OpenStudy {
  paths: StudyPaths
  settings: StudySettings
  /** What is to be trained now. */
  steps: readonly RoadmapStep[]
  seeds: number
  splits: DataSplits
  how: StudyComputation
  /** What is computed otherwise than in the call before, in words. */
  otherwise: string | undefined
}

/** Where a study that is asked for lies. */
export const pathsOf = ({ out, data }: RoadmapOptions): StudyPaths =>
  studyPaths(out ?? join("runs", defaultName(data ?? "fashion-mnist", "roadmap")))

/**
 * Opens a study whose lock is held, and writes down what was asked for.
 * Throws a UsageError for options that make no sense, and an InputError for data that cannot be used and for a folder whose
 * study has other settings or data: nothing is written then.
 */
export async function openStudy(paths: StudyPaths, options: RoadmapOptions): Promise<OpenStudy> {
  const known = await readStudy(paths)
  const given = givenSettings(options)
  if (known) checkSame(paths, given, known.settings)
  const { data } = { ...known?.settings, ...given }
  const splits = data === undefined ? await openEmbedded() : await openDataset(data)
  const record = recordData(splits, data)
  if (known) checkSameData(paths, data, known, record)
  const imageSize = splits.imageSize && Math.max(...splits.imageSize)
  const settings = known
    ? { ...known.settings, ...given }
    : resolveStudy(given, { trainCount: splits.train.length, imageSize })
  const steps = pickSteps(settings, options.steps ?? known?.steps)
  for (const step of steps) checkSize(step, settings)
  const seeds = options.seeds ?? known?.seeds ?? 1
  checkCount("seeds", seeds)
  const { device = known?.device, threads = known?.threads, workers } = options
  checkTrainOptions({ ...trainingOf(settings, false), device, threads, workers })
  if (known && data !== undefined && data !== known.settings.data) await moveData(paths, data)
  await writeStudy(paths, {
    settings,
    data: record,
    steps: union(settings, known?.steps ?? [], steps),
    seeds: Math.max(seeds, known?.seeds ?? 1),
    device,
    threads,
  })
  const otherwise = known && describeComputation(known, { device, threads })
  return { paths, settings, steps, seeds, splits, how: { device, threads, workers }, otherwise }
}

/** The settings that were given: what is undefined was not. */
function givenSettings(options: RoadmapOptions): Partial<StudySettings> {
  const names = Object.keys(studySettings.shape) as (keyof StudySettings)[]
  const all = { ...Object.fromEntries(names.map((name) => [name, options[name]])), data: dataPath(options.data) }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

/** Throws an InputError that says in what the study of a folder differs from what is asked for, if it does. */
function checkSame({ folder }: StudyPaths, given: Partial<StudySettings>, known: StudySettings): void {
  const names = Object.keys(given) as (keyof StudySettings)[]
  const differences = names
    // Data may have been moved: what it is counts, not where it lies.
    .filter((name) => name !== "data" && given[name] !== known[name])
    .map((name) => `${name} ${known[name]}, not ${given[name]}`)
  if (differences.length > 0) {
    throw new InputError(
      `the study in ${folder} has ${differences.join("; ")}: leave that as it is, or choose another --out`,
    )
  }
}

/** Throws an InputError if the data is other data than the study began with. */
function checkSameData({ folder }: StudyPaths, data: string | undefined, known: StudyRecord, now: DataRecord): void {
  const change = describeChange(known.data, now)
  if (change === undefined) return
  const { data: before } = known.settings
  if (data === before) throw new InputError(`the data has changed since ${folder} began: ${change}`)
  const where = before ?? "the images that come along"
  throw new InputError(
    `the study in ${folder} is of ${where}, and ${data} is other data: ${change}: choose another --out`,
  )
}

function checkSize({ model }: RoadmapStep, { scale, imageSize }: StudySettings): void {
  const { minimumSize } = describeModel(model, { scale }, imageSize)
  if (!Number.isInteger(imageSize) || imageSize < minimumSize) {
    throw new UsageError(
      `the image size must be a whole number of at least ${minimumSize}, the stride of the networks; got ${imageSize}`,
    )
  }
}

/** All steps that were ever asked for, in the order of the paper. */
function union(settings: StudySettings, known: readonly string[], now: readonly RoadmapStep[]): StudyRecord["steps"] {
  const all = new Set([...known, ...now.map(({ id }) => id)])
  return pickSteps(settings, [...all]).map(({ id }) => id)
}

/** In what a study is computed otherwise than before, in words; undefined if in nothing. */
function describeComputation(before: StudyComputation, now: StudyComputation): string | undefined {
  const names = ["device", "threads"] as const
  const changes = names
    .filter((name) => now[name] !== before[name])
    .map((name) => `${name} ${now[name]} (before: ${before[name] ?? "not given"})`)
  return changes.length > 0 ? changes.join(", ") : undefined
}
