/** Trains one network of a study. */

import { createModel } from "../../models/model.ts"
import { Network } from "../../models/network.ts"
import { describeModel } from "../../models/registry.ts"
import { activationBytes } from "../../roadmap/activations.ts"
import type { RoadmapStep } from "../../roadmap/steps.ts"
import { isSmall, type StudyRun, trainingOf } from "../../roadmap/study.ts"
import { InputError } from "../../tensor/errors.ts"
import { currentMachine } from "../machine.ts"
import { type TrainEvents, type TrainResult, train } from "../train.ts"
import { prepareRunFolder, studyRunFolder } from "./folder.ts"
import type { OpenStudy } from "./open.ts"
import { type RunCosts, readResult, writeResult } from "./results.ts"

/** A network to train. */
export interface StepRun {
  step: RoadmapStep
  seed: number
}

export interface StepEvents extends TrainEvents {
  /** @param resumed it was stopped before, and goes on */
  onBegin(resumed: boolean): void
}

/** Trains a network to its end, from the beginning or from where it was stopped. Undefined if the signal came before. */
export async function trainStep(
  study: OpenStudy,
  { step, seed }: StepRun,
  { onBegin, onStart, onStep, onEpoch, onMessage, signal }: StepEvents,
): Promise<StudyRun | undefined> {
  const { paths, settings } = study
  const folder = studyRunFolder(paths, step.id, seed)
  const resumed = (await prepareRunFolder(folder)) === "stopped"
  onBegin(resumed)
  // Before the training: what cannot be counted cannot be trained, and says so at once.
  const costs = countCosts(study, step)
  let memoryBytes = 0
  const lookAtMemory = () => {
    memoryBytes = Math.max(memoryBytes, process.memoryUsage.rss())
  }
  const events: TrainEvents = {
    onStart,
    onStep(at) {
      lookAtMemory()
      onStep?.(at)
    },
    onEpoch,
    onMessage,
    signal,
  }
  const { stopped } = resumed
    ? await goOn(study, folder, events)
    : await trainNew(study, { step, seed }, folder, events)
  if (stopped === "signal") return undefined
  lookAtMemory()
  await writeResult(folder, settings, { ...costs, memoryBytes, ...currentMachine() })
  return readResult(paths, settings, { step: step.id, seed })
}

async function goOn({ how }: OpenStudy, folder: string, events: TrainEvents): Promise<TrainResult> {
  try {
    return await train(undefined, { ...how, resume: folder, ...events })
  } catch (cause) {
    if (!(cause instanceof InputError)) throw cause
    throw new InputError(
      `${cause.message}: if that cannot be mended, remove the folder ${folder} to train the network anew`,
      {
        cause,
      },
    )
  }
}

async function trainNew(
  { settings, splits, how }: OpenStudy,
  { step, seed }: StepRun,
  folder: string,
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
function countCosts({ settings, splits }: OpenStudy, { model }: RoadmapStep): Omit<RunCosts, "memoryBytes"> {
  const { scale, imageSize, batchSize } = settings
  const config = { scale, inChannels: splits.channels, numClasses: splits.classes.length }
  const network = new Network(describeModel(model, config))
  return {
    parameters: network.parameterCount,
    macs: network.macs(imageSize, imageSize),
    activationBytes: activationBytes(model, { imageSize, batchSize, config }),
  }
}
