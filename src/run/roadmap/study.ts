/** Trains the steps of the roadmap, one run for each step and seed, and draws what came out. */

import { availableParallelism, cpus } from "node:os"
import { join } from "node:path"
import type { DataSplits } from "../../data/dataset.ts"
import { openDataset, openEmbedded } from "../../data/node/open.ts"
import { createModel } from "../../models/model.ts"
import { Network } from "../../models/network.ts"
import { describeModel } from "../../models/registry.ts"
import { renderRoadmapFigure } from "../../report/roadmap/figure.ts"
import { renderRoadmapPage } from "../../report/roadmap/page.ts"
import { activationBytes } from "../../roadmap/activations.ts"
import { endsFirst } from "../../roadmap/order.ts"
import type { RoadmapStep, RoadmapStepId } from "../../roadmap/steps.ts"
import {
  isSmall,
  pickSteps,
  type RoadmapStudy,
  resolveStudy,
  type StudyFailure,
  type StudyRun,
  type StudySettings,
  trainingOf,
} from "../../roadmap/study.ts"
import { checkCount, InputError, UsageError } from "../../tensor/errors.ts"
import type { TrainOptions } from "../../train/options.ts"
import { writeFileAtomic } from "../../weights/node/atomic-file.ts"
import { describeChange, recordData } from "../data-record.ts"
import { defaultName } from "../folder.ts"
import { type TrainEvents, type TrainResult, train } from "../train.ts"
import { packageVersion } from "../version.ts"
import {
  dataPath,
  prepareRunFolder,
  type ResultRecord,
  readResult,
  readResults,
  readStudy,
  type StudyPaths,
  studyPaths,
  studyRunFolder,
  writeInspection,
  writeResult,
  writeStudy,
} from "./folder.ts"
import { inspectRun } from "./inspect-run.ts"

/** What a study does; what is left out is chosen by the data, or is as it was when the study began. */
export interface RoadmapOptions extends Partial<StudySettings> {
  /** Ids of the steps to train. Default: all 16. */
  steps?: readonly string[]
  /** Runs of each step, from the seeds 0, 1, ... Default 1. */
  seeds?: number
  /** Folder of the study, new or to go on with. Default: runs/DATA-roadmap. */
  out?: string
  device?: TrainOptions["device"]
  threads?: number
  /** Threads that decode and augment images. */
  workers?: number
}

/** One run of a study, when it begins. */
export interface RoadmapRunStart {
  step: RoadmapStepId
  title: string
  seed: number
  /** From 1, among `count` runs of which some may have been finished before. */
  index: number
  count: number
  /** It was stopped before, and goes on. */
  resumed: boolean
}

/** What `runRoadmap` calls while it works; the events of `train` are those of the run under way. */
export interface RoadmapEvents extends Pick<TrainEvents, "onStart" | "onStep" | "onEpoch" | "onMessage" | "signal"> {
  onRun?(run: RoadmapRunStart): void
  onResult?(run: StudyRun): void
  /** A run failed. The study goes on with the others. */
  onFailure?(failure: StudyFailure): void
}

/** A study, and where it is. */
export interface RoadmapResult extends RoadmapStudy {
  folder: string
  /** The page that explains it, and its figure. */
  pagePath: string
  figurePath: string
  /** "signal": it was stopped, and goes on when it is started again. */
  stopped: "done" | "signal"
}

/**
 * Trains the steps from ResNet to ConvNeXt in the same way and on the same images in the same order, and writes
 * `roadmap.html` and `roadmap.svg` into the study's folder, anew after each run. Both ends of the road come first, and one
 * seed of all steps before the next. What is finished in the folder is used again; a run that was stopped goes on, to the
 * same bits.
 *
 * @example
 * const { pagePath, runs } = await runRoadmap({ data: "pets/", steps: ["resnet", "separate-downsampling"], seeds: 3 })
 *
 * Throws a UsageError for unknown steps, a scale that leaves no channel, images smaller than the stride of the networks; an
 * InputError for data that cannot be used, and for a folder whose study has other settings.
 */
export async function runRoadmap(options: RoadmapOptions & RoadmapEvents = {}): Promise<RoadmapResult> {
  const study = await openStudy(options)
  const failures: StudyFailure[] = []
  let stopped: RoadmapResult["stopped"] = "done"
  const { seeds } = study
  const wanted = Array.from({ length: seeds }, (_, seed) =>
    endsFirst(study.steps).map((step) => ({ step, seed })),
  ).flat()
  for (const [i, { step, seed }] of wanted.entries()) {
    const known = await readResult(study.paths, step.id, seed)
    if (known?.inspection) continue
    try {
      const run = { step, seed, index: i + 1, count: wanted.length }
      if (options.signal?.aborted || !(known || (await runStep(study, run, options)))) {
        stopped = "signal"
        break
      }
      await inspect(study, run, options, known !== undefined)
    } catch (error) {
      const failure = { step: step.id, seed, message: (error as Error).message }
      failures.push(failure)
      options.onFailure?.(failure)
    }
    await writeFigures(study, failures)
  }
  const result = await writeFigures(study, failures)
  const { folder, page, figure } = study.paths
  return { ...result, folder, pagePath: page, figurePath: figure, stopped }
}

/** A study that is ready to be trained. */
interface OpenStudy {
  paths: StudyPaths
  settings: StudySettings
  steps: readonly RoadmapStep[]
  seeds: number
  splits: DataSplits
  /** How it is computed. */
  how: Pick<RoadmapOptions, "device" | "threads" | "workers">
}

async function openStudy(options: RoadmapOptions): Promise<OpenStudy> {
  const { out, device, threads, workers } = options
  const paths = studyPaths(out ?? join("runs", defaultName(options.data ?? "fashion-mnist", "roadmap")))
  const given = givenSettings(options)
  const known = await readStudy(paths)
  const data = known && !("data" in given) ? known.settings.data : given.data
  const splits = data === undefined ? await openEmbedded() : await openDataset(data)
  const record = recordData(splits, data)
  const imageSize = splits.imageSize && Math.max(...splits.imageSize)
  if (known) checkSame(paths, given, known.settings)
  const settings = known?.settings ?? resolveStudy(given, { trainCount: splits.train.length, imageSize })
  const change = known && describeChange(known.data, record)
  if (change) throw new InputError(`the data has changed since ${paths.folder} began: ${change}`)
  const steps = pickSteps(settings, options.steps ?? known?.steps)
  for (const step of steps) checkSize(step, settings)
  const seeds = options.seeds ?? known?.seeds ?? 1
  checkCount("seeds", seeds)
  await writeStudy(paths, { settings, data: record, steps: steps.map(({ id }) => id), seeds })
  return { paths, settings, steps, seeds, splits, how: { device, threads, workers } }
}

const settingNames = ["regime", "scale", "imageSize", "recipe", "epochs", "batchSize", "lr"] as const

/** The settings that were given: what is undefined was not. */
function givenSettings(options: RoadmapOptions): Partial<StudySettings> {
  const all = { ...Object.fromEntries(settingNames.map((name) => [name, options[name]])), data: dataPath(options.data) }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

/** Throws an InputError that says in what the study of a folder differs from what is asked for, if it does. */
function checkSame({ folder }: StudyPaths, given: Partial<StudySettings>, known: StudySettings): void {
  const names = Object.keys(given) as (keyof StudySettings)[]
  const differences = names
    .filter((name) => given[name] !== known[name])
    .map((name) => `${name} ${known[name] ?? "the images that come along"}, not ${given[name]}`)
  if (differences.length > 0) {
    throw new InputError(
      `the study in ${folder} has ${differences.join("; ")}: leave that as it is, or choose another --out`,
    )
  }
}

function checkSize({ model }: RoadmapStep, { scale, imageSize }: StudySettings): void {
  const { minimumSize } = describeModel(model, { scale }, imageSize)
  if (!Number.isInteger(imageSize) || imageSize < minimumSize) {
    throw new UsageError(
      `the image size must be a whole number of at least ${minimumSize}, the stride of the networks; got ${imageSize}`,
    )
  }
}

/** Trains one network to its end. False if the signal came before. */
async function runStep(
  study: OpenStudy,
  run: Pick<RoadmapRunStart, "seed" | "index" | "count"> & { step: RoadmapStep },
  { onRun, onResult, onStart, onStep, onEpoch, onMessage, signal }: RoadmapEvents,
): Promise<boolean> {
  const { step, seed } = run
  const folder = studyRunFolder(study.paths, step.id, seed)
  const resumed = (await prepareRunFolder(folder)) === "stopped"
  onRun?.({ ...run, step: step.id, title: step.title, resumed })
  // Before the training: what cannot be counted cannot be trained, and says so at once.
  const costs = countCosts(study, step)
  let memoryBytes = 0
  const events: TrainEvents = {
    onStart,
    onStep(at) {
      memoryBytes = Math.max(memoryBytes, process.memoryUsage.rss())
      onStep?.(at)
    },
    onEpoch,
    // What the data is was said at the beginning, and is the same for all.
    onMessage: run.index === 1 ? onMessage : undefined,
    signal,
  }
  const { stopped } = resumed
    ? await train(undefined, { ...study.how, resume: folder, ...events })
    : await trainNew(study, { step, seed, folder }, events)
  if (stopped === "signal") return false
  memoryBytes = Math.max(memoryBytes, process.memoryUsage.rss())
  await writeResult(folder, { ...costs, memoryBytes })
  onResult?.((await readResult(study.paths, step.id, seed))!)
  return true
}

/**
 * Looks at a trained network beyond its accuracy. What cannot be found out is told and left out: the run is finished.
 * @param announce whether to say so before: where the network was trained in an earlier call
 */
async function inspect(
  { paths, how: { device, threads } }: OpenStudy,
  { step, seed }: { step: RoadmapStep; seed: number },
  { onMessage }: RoadmapEvents,
  announce: boolean,
): Promise<void> {
  const folder = studyRunFolder(paths, step.id, seed)
  if (announce) onMessage?.(`${step.title}, seed ${seed}: shifts its images and maps what it sees`)
  try {
    await writeInspection(folder, await inspectRun(folder, { device, threads }))
  } catch (error) {
    onMessage?.(`${step.title}, seed ${seed}: its shifts and receptive field are left out: ${(error as Error).message}`)
  }
}

async function trainNew(
  { settings, splits, how }: OpenStudy,
  { step, seed, folder }: { step: RoadmapStep; seed: number; folder: string },
  events: TrainEvents,
): Promise<TrainResult> {
  const { dropPath, ...training } = trainingOf(settings, isSmall(splits.imageSize && Math.max(...splits.imageSize)))
  const { device, threads, workers } = how
  const model = await createModel(step.model, {
    config: { scale: settings.scale },
    inputSize: settings.imageSize,
    inChannels: splits.channels,
    classes: splits.classes,
    dropPathRate: dropPath,
    seed,
    device,
    threads,
  })
  try {
    return await train(model, { ...training, seed, workers, out: folder, ...events })
  } finally {
    await model.dispose()
  }
}

/** What a network costs at the size that the study gives it. */
function countCosts({ settings, splits }: OpenStudy, { model }: RoadmapStep): Omit<ResultRecord, "memoryBytes"> {
  const { scale, imageSize, batchSize } = settings
  const config = { scale, inChannels: splits.channels, numClasses: splits.classes.length }
  const network = new Network(describeModel(model, config))
  return {
    parameters: network.parameterCount,
    macs: network.macs(imageSize, imageSize),
    activationBytes: activationBytes(model, { imageSize, batchSize, config }),
  }
}

/** Draws what is finished. */
async function writeFigures({ paths, settings, splits }: OpenStudy, failures: StudyFailure[]): Promise<RoadmapStudy> {
  const { description, classes, train, val } = splits
  const study: RoadmapStudy = {
    settings,
    data: { description, classes: classes.length, train: train.length, val: val.length },
    version: packageVersion(),
    machine: `${cpus()[0]?.model.trim() ?? process.arch}, ${availableParallelism()} cores, Node ${process.versions.node}`,
    runs: await readResults(paths),
    failures,
  }
  await writeFileAtomic(paths.figure, [renderRoadmapFigure(study)])
  await writeFileAtomic(paths.page, [renderRoadmapPage(study)])
  return study
}
