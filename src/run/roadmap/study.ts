/** Trains the steps of the roadmap, one run for each step and seed, and draws what came out. */

import { renderRoadmapFigure } from "../../report/roadmap/figure.ts"
import { renderRoadmapPage } from "../../report/roadmap/page.ts"
import { endsFirst } from "../../roadmap/order.ts"
import type { RoadmapStepId } from "../../roadmap/steps.ts"
import type { RoadmapStudy, StudyFailure, StudyRun } from "../../roadmap/study.ts"
import { writeFileAtomic } from "../../weights/node/atomic-file.ts"
import { joinMachines } from "../machine.ts"
import type { TrainEvents } from "../train.ts"
import { checkStudyFolder, studyRunFolder } from "./folder.ts"
import { inspectRun } from "./inspect-run.ts"
import { lockStudy } from "./lock.ts"
import { type OpenStudy, openStudy, pathsOf, type RoadmapOptions } from "./open.ts"
import { isSameRun, keepRun, readResult, readResults, type StudyResults, writeInspection } from "./results.ts"
import { type StepRun, trainStep } from "./train-step.ts"

export type { RoadmapOptions } from "./open.ts"

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
  /** A run failed, or its files are damaged. The study goes on with the others. */
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
 * same bits. A run that fails, or whose files are damaged, is told and left out.
 *
 * @example
 * const { pagePath, runs } = await runRoadmap({ data: "pets/", steps: ["resnet", "separate-downsampling"], seeds: 3 })
 *
 * Throws a UsageError for unknown steps, a scale that leaves no channel, images smaller than the stride of the networks, and
 * other options that make no sense; an InputError for data that cannot be used, for a folder whose study has other settings,
 * and for one on which another call or process works.
 */
export async function runRoadmap(options: RoadmapOptions & RoadmapEvents = {}): Promise<RoadmapResult> {
  const paths = pathsOf(options)
  await checkStudyFolder(paths)
  const unlock = await lockStudy(paths)
  try {
    const events = { ...options, onMessage: tellOnce(options.onMessage) }
    return await runStudy(await openStudy(paths, options), markFaults(events))
  } catch (error) {
    throw error instanceof CallerFault ? error.cause : error
  } finally {
    await unlock()
  }
}

/** What one of the caller's own functions threw: no step has failed then. */
class CallerFault extends Error {}

const eventNames = ["onRun", "onResult", "onFailure", "onStart", "onStep", "onEpoch", "onMessage"] as const

/** The same events; what they throw can be told from what a training throws. */
function markFaults(events: RoadmapEvents): RoadmapEvents {
  const mark =
    (call: (argument: never) => void) =>
    (argument: never): void => {
      try {
        call(argument)
      } catch (cause) {
        throw new CallerFault("an event's function failed", { cause })
      }
    }
  const given = eventNames.filter((name) => events[name] !== undefined)
  return { ...events, ...Object.fromEntries(given.map((name) => [name, mark(events[name]!)])) }
}

/** What is the same for all runs, such as device and data, is told once. */
function tellOnce(onMessage: RoadmapEvents["onMessage"]): RoadmapEvents["onMessage"] {
  const told = new Set<string>()
  return (message) => {
    if (told.has(message)) return
    told.add(message)
    onMessage?.(message)
  }
}

async function runStudy(study: OpenStudy, events: RoadmapEvents): Promise<RoadmapResult> {
  const results = await readResults(study.paths, study.settings)
  for (const failure of results.failures) events.onFailure?.(failure)
  if (study.otherwise && results.runs.length > 0) {
    const kept = "what is finished is kept, and may differ from what comes now in the last bits"
    events.onMessage?.(`computed otherwise than before, with ${study.otherwise}: ${kept}`)
  }
  const stopped = await finishRuns(study, results, events)
  const result = await writeFigures(study, results)
  const { folder, page, figure } = study.paths
  return { ...result, folder, pagePath: page, figurePath: figure, stopped }
}

/** Trains and looks at what is missing, and draws after each run what is known. */
async function finishRuns(
  study: OpenStudy,
  results: StudyResults,
  events: RoadmapEvents,
): Promise<RoadmapResult["stopped"]> {
  const wanted = Array.from({ length: study.seeds }, (_, seed) =>
    endsFirst(study.steps).map((step) => ({ step, seed })),
  ).flat()
  for (const [i, run] of wanted.entries()) {
    const place = { step: run.step.id, seed: run.seed }
    // It is damaged, which is told.
    if (results.failures.some((failure) => isSameRun(failure, place))) continue
    const known = results.runs.find((other) => isSameRun(other, place))
    if (known?.inspection) continue
    if (events.signal?.aborted) return "signal"
    try {
      const start = { ...place, title: run.step.title, index: i + 1, count: wanted.length }
      if (!known && !(await train(study, run, start, results, events))) return "signal"
      await inspect(study, run, results, { ...events, announce: known !== undefined })
    } catch (error) {
      if (error instanceof CallerFault) throw error
      const failure = { ...place, message: (error as Error).message }
      results.failures.push(failure)
      events.onFailure?.(failure)
    }
    await writeFigures(study, results)
  }
  return "done"
}

/** Trains one network to its end. False if the signal came before. */
async function train(
  study: OpenStudy,
  run: StepRun,
  start: Omit<RoadmapRunStart, "resumed">,
  results: StudyResults,
  events: RoadmapEvents,
): Promise<boolean> {
  const onBegin = (resumed: boolean) => events.onRun?.({ ...start, resumed })
  const trained = await trainStep(study, run, { ...events, onBegin })
  if (!trained) return false
  keepRun(results, trained)
  events.onResult?.(trained)
  return true
}

/**
 * Looks at a trained network beyond its accuracy. What cannot be found out is told and left out: the run is finished.
 * `announce`: to say so before, where the network was trained in an earlier call.
 */
async function inspect(
  { paths, settings, how: { device, threads } }: OpenStudy,
  { step, seed }: StepRun,
  results: StudyResults,
  { onMessage, announce }: Pick<RoadmapEvents, "onMessage"> & { announce: boolean },
): Promise<void> {
  const folder = studyRunFolder(paths, step.id, seed)
  if (announce) onMessage?.(`${step.title}, seed ${seed}: shifts its images and maps what it sees`)
  try {
    await writeInspection(folder, await inspectRun(folder, { device, threads }))
  } catch (error) {
    if (error instanceof CallerFault) throw error
    onMessage?.(`${step.title}, seed ${seed}: its shifts and receptive field are left out: ${(error as Error).message}`)
    return
  }
  keepRun(results, (await readResult(paths, settings, { step: step.id, seed }))!)
}

/** Draws what is finished. */
async function writeFigures(
  { paths, settings, splits }: OpenStudy,
  { runs, failures }: StudyResults,
): Promise<RoadmapStudy> {
  const { description, classes, train, val } = splits
  const study: RoadmapStudy = {
    settings,
    data: { description, classes: classes.length, train: train.length, val: val.length },
    ...joinMachines(runs),
    runs,
    failures,
  }
  await writeFileAtomic(paths.figure, [renderRoadmapFigure(study)])
  await writeFileAtomic(paths.page, [renderRoadmapPage(study)])
  return study
}
