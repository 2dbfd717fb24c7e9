/** What is known of the runs of a study: their results, and what was found out about their networks. */

import { join } from "node:path"
import { z } from "zod"
import type { StepInspection } from "../../roadmap/inspect.ts"
import { contributionShares } from "../../roadmap/receptive-field.ts"
import { type RoadmapStepId, roadmapStepIds } from "../../roadmap/steps.ts"
import type { StudyFailure, StudyRun, StudySettings } from "../../roadmap/study.ts"
import { InputError } from "../../tensor/errors.ts"
import { ndarray, sizeOf } from "../../tensor/ndarray.ts"
import { readMetrics } from "../../train/node/metrics-csv.ts"
import type { EpochRecord } from "../../train/record.ts"
import { writeFileAtomic } from "../../weights/node/atomic-file.ts"
import { exists, runPaths, writeJson } from "../folder.ts"
import { listRuns, type StudyPaths, type StudyRunPlace, studyRunFolder } from "./folder.ts"
import { readRecord } from "./read-record.ts"

const count = z.int().min(0)
const share = z.number().min(0).max(1)

/** Of a run that is finished: what metrics.csv does not tell, and what shows that it is whole. */
const resultRecord = z.object({
  parameters: count,
  macs: count,
  activationBytes: z.number().min(0),
  memoryBytes: count,
  top1: share.optional(),
  epochs: count.optional(),
  version: z.string().optional(),
  machine: z.string().optional(),
})

type ResultRecord = z.infer<typeof resultRecord>

/** What is found out about a run while it is trained. */
export type RunCosts = Pick<ResultRecord, "parameters" | "macs" | "activationBytes" | "memoryBytes">

const resultPath = (folder: string) => join(folder, "result.json")
const inspectionPath = (folder: string) => join(folder, "inspection.json")

/** What to do about a run that is damaged beyond its inspection. */
const trainAnew = (folder: string) => `remove the folder ${folder} to train the network anew`

/**
 * Writes the result of a run that was trained to its end into its folder: from now on it is finished.
 * Throws an InputError if its metrics.csv is damaged.
 */
export async function writeResult(
  folder: string,
  settings: StudySettings,
  result: RunCosts & Pick<Required<ResultRecord>, "version" | "machine">,
): Promise<void> {
  const epochs = await readEpochs(folder, settings)
  const record: ResultRecord = { ...result, top1: epochs.at(-1)!.top1, epochs: epochs.length }
  await writeJson(resultPath(folder), record)
}

/**
 * A run that is finished; undefined while it is not. Throws an InputError that says what to remove if its files are damaged.
 */
export async function readResult(
  paths: StudyPaths,
  settings: StudySettings,
  { step, seed }: StudyRunPlace,
): Promise<StudyRun | undefined> {
  const folder = studyRunFolder(paths, step, seed)
  const path = resultPath(folder)
  if (!(await exists(path))) return undefined
  const { top1, epochs: trained, ...result } = await readRecord(path, resultRecord, trainAnew(folder))
  const epochs = await readEpochs(folder, settings)
  const last = epochs.at(-1)!
  if ((trained ?? epochs.length) !== epochs.length || (top1 ?? last.top1) !== last.top1) {
    const found = `${trained} epochs and a top-1 of ${top1} where metrics.csv has ${epochs.length} and ${last.top1}`
    throw new InputError(`${path} is damaged: it has ${found}: ${trainAnew(folder)}`)
  }
  const inspection = await readInspection(folder)
  return {
    step,
    seed,
    ...result,
    top1: last.top1,
    imagesPerSecond: median(epochs.map(({ imagesPerSecond }) => imagesPerSecond)),
    seconds: epochs.reduce((sum, { seconds }) => sum + seconds, 0),
    epochs,
    ...(inspection && { inspection }),
  }
}

/** What the figures of a study are made of. The validation loss is not: of a network that diverged it may be infinite. */
const drawn = ["top1", "trainLoss", "imagesPerSecond", "seconds"] as const

/** The epochs of a run that was trained to its end, at least one. Throws an InputError if some are missing or no numbers. */
async function readEpochs(folder: string, settings: StudySettings): Promise<EpochRecord[]> {
  const { metrics } = runPaths(folder)
  const damaged = (reason: string) => new InputError(`${metrics} is damaged: ${reason}: ${trainAnew(folder)}`)
  const epochs = await readMetrics(metrics).catch((error: Error) => {
    throw new InputError(`${error.message}: ${trainAnew(folder)}`, { cause: error })
  })
  if (epochs.length !== settings.epochs) throw damaged(`it has ${epochs.length} of ${settings.epochs} epochs`)
  for (const [i, record] of epochs.entries()) {
    if (record.epoch !== i + 1) throw damaged(`epoch ${record.epoch} is where epoch ${i + 1} should be`)
    const bad = drawn.find((name) => !Number.isFinite(record[name]))
    if (bad) throw damaged(`${bad} of epoch ${i + 1} is no finite number`)
    if (!share.safeParse(record.top1).success) throw damaged(`top1 of epoch ${i + 1} is ${record.top1}, no share`)
  }
  return epochs
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2
}

const side = z.int().min(1)

const inspectionRecord = z.object({
  consistency: z.object({
    images: z.int().min(1),
    maxShift: side,
    consistency: share,
    unchanged: z.array(z.object({ pixels: side, share })).min(1),
  }),
  receptiveField: z.object({
    map: z
      .object({ shape: z.tuple([side, side]), values: z.array(z.number().min(0)) })
      .refine(({ shape, values }) => values.length === sizeOf(shape), "it has not as many values as its shape says"),
    squares: z
      .array(z.object({ share, side: count, top: count, left: count }))
      .refine(
        (squares) => contributionShares.join() === squares.map((square) => square.share).join(),
        `they are not those of the shares ${contributionShares.join(", ")}`,
      ),
  }),
})

/** Digits of the values of a map: more than a drawing shows. */
const MAP_DIGITS = 4

/** Writes what was found out about the network of a run into its folder. */
export async function writeInspection(folder: string, inspection: StepInspection): Promise<void> {
  const { shape, data } = inspection.receptiveField.map
  const values = Array.from(data, (value) => Number(value.toPrecision(MAP_DIGITS)))
  const record = {
    ...inspection,
    receptiveField: { ...inspection.receptiveField, map: { shape, values } },
  }
  await writeFileAtomic(inspectionPath(folder), [new TextEncoder().encode(JSON.stringify(record))])
}

/** What was found out about the network of a run; undefined where nothing was. Throws an InputError for a damaged file. */
async function readInspection(folder: string): Promise<StepInspection | undefined> {
  const path = inspectionPath(folder)
  if (!(await exists(path))) return undefined
  const record = await readRecord(path, inspectionRecord, "remove it to look at the network anew")
  const { map, squares } = record.receptiveField
  return { consistency: record.consistency, receptiveField: { map: ndarray(map.values, map.shape), squares } }
}

/** What the figures are drawn of, and what is missing. */
export interface StudyResults {
  /** In the order of the paper, then of the seeds. */
  runs: StudyRun[]
  failures: StudyFailure[]
}

/** All finished runs of a study; those that are damaged are failures. */
export async function readResults(paths: StudyPaths, settings: StudySettings): Promise<StudyResults> {
  const results: StudyResults = { runs: [], failures: [] }
  for (const place of await listRuns(paths)) {
    try {
      const run = await readResult(paths, settings, place)
      if (run) results.runs.push(run)
    } catch (error) {
      results.failures.push({ ...place, message: (error as Error).message })
    }
  }
  return results
}

/** Puts a run in its place, instead of what was known of it. */
export function keepRun({ runs }: StudyResults, run: StudyRun): void {
  const known = runs.findIndex((other) => isSameRun(other, run))
  if (known >= 0) runs.splice(known, 1)
  runs.push(run)
  runs.sort((a, b) => order(a.step) - order(b.step) || a.seed - b.seed)
}

const order = (step: RoadmapStepId) => roadmapStepIds.indexOf(step)

export const isSameRun = (a: StudyRunPlace, b: StudyRunPlace): boolean => a.step === b.step && a.seed === b.seed
