/** The folder of a study: its settings, a run folder for each step and seed, and the figures made of them. */

import { mkdir, readdir, rm } from "node:fs/promises"
import { join, resolve } from "node:path"
import { z } from "zod"
import { regimes } from "../../models/roadmap-steps.ts"
import type { StepInspection } from "../../roadmap/inspect.ts"
import { type RoadmapStepId, roadmapStepIds } from "../../roadmap/steps.ts"
import { recipeNames, type StudyRun, type StudySettings } from "../../roadmap/study.ts"
import { InputError } from "../../tensor/errors.ts"
import { ndarray, sizeOf } from "../../tensor/ndarray.ts"
import { readMetrics } from "../../train/node/metrics-csv.ts"
import { writeFileAtomic } from "../../weights/node/atomic-file.ts"
import { type DataRecord, dataRecord } from "../data-record.ts"
import { exists, readJson, runPaths, writeJson } from "../folder.ts"

/** Files of a study. */
export interface StudyPaths {
  folder: string
  /** The settings that all runs share. */
  study: string
  page: string
  figure: string
}

export function studyPaths(folder: string): StudyPaths {
  return {
    folder,
    study: join(folder, "study.json"),
    page: join(folder, "roadmap.html"),
    figure: join(folder, "roadmap.svg"),
  }
}

/** Folder of the run of a step from a seed. */
export const studyRunFolder = ({ folder }: StudyPaths, step: RoadmapStepId, seed: number) =>
  join(folder, step, `seed-${seed}`)

const studyRecord = z.object({
  version: z.literal(1),
  settings: z.object({
    data: z.string().optional(),
    regime: z.literal(regimes),
    scale: z.number(),
    imageSize: z.number(),
    recipe: z.enum(recipeNames),
    epochs: z.number(),
    batchSize: z.number(),
    lr: z.number(),
  }),
  data: dataRecord,
  steps: z.array(z.enum(roadmapStepIds)).min(1),
  seeds: z.int().min(1),
})

/** What a study folder says of itself. */
export interface StudyRecord {
  settings: StudySettings
  /** The data that it began with. */
  data: DataRecord
  /** What was asked for last: it may grow. */
  steps: RoadmapStepId[]
  seeds: number
}

/**
 * Reads what a study folder says of itself; undefined where there is no study yet.
 * Throws an InputError if the folder holds something else, or is damaged.
 */
export async function readStudy({ folder, study }: StudyPaths): Promise<StudyRecord | undefined> {
  if (!(await exists(study))) {
    const files = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return []
      throw new InputError(`cannot use ${folder} for a study: ${error.message}`)
    })
    // What a process left that was killed while it wrote the very first file.
    if (files.some((name) => name !== "study.json.tmp")) {
      throw new InputError(`${folder} is not empty and holds no study: choose another --out`)
    }
    return undefined
  }
  const parsed = studyRecord.safeParse(await readJson(study))
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!
    throw new InputError(`${study} is damaged: ${path.join(".")}: ${message}`)
  }
  return parsed.data
}

/** Writes what a study folder says of itself, and makes the folder of a new one. */
export async function writeStudy(paths: StudyPaths, record: StudyRecord): Promise<void> {
  try {
    await mkdir(paths.folder, { recursive: true })
  } catch (error) {
    throw new InputError(`cannot make the folder ${paths.folder}: ${(error as Error).message}`)
  }
  await writeJson(paths.study, { version: 1, ...record })
}

/** `data` as a study keeps it: found again wherever the study is gone on with. */
export const dataPath = (data: string | undefined) => (data === undefined ? undefined : resolve(data))

/** Of a run that is finished: what metrics.csv does not tell. */
const resultRecord = z.object({
  parameters: z.number(),
  macs: z.number(),
  activationBytes: z.number(),
  memoryBytes: z.number(),
})

export type ResultRecord = z.infer<typeof resultRecord>

const resultPath = (folder: string) => join(folder, "result.json")

/** Writes the result of a run into its folder: from now on it is finished. */
export async function writeResult(folder: string, result: ResultRecord): Promise<void> {
  await writeJson(resultPath(folder), result)
}

const inspectionRecord = z.object({
  consistency: z.object({
    images: z.int(),
    maxShift: z.int(),
    consistency: z.number(),
    unchanged: z.array(z.object({ pixels: z.int(), share: z.number() })),
  }),
  receptiveField: z.object({
    map: z.object({ shape: z.tuple([z.int(), z.int()]), values: z.array(z.number().min(0)) }),
    squares: z.array(z.object({ share: z.number(), side: z.int(), top: z.int(), left: z.int() })),
  }),
})

const inspectionPath = (folder: string) => join(folder, "inspection.json")

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
  const parsed = inspectionRecord.safeParse(await readJson(path))
  const map = parsed.data?.receptiveField.map
  if (!map || map.values.length !== sizeOf(map.shape)) {
    throw new InputError(`${path} is damaged: remove it to look at the network anew`)
  }
  const { consistency, receptiveField } = parsed.data!
  return { consistency, receptiveField: { ...receptiveField, map: ndarray(map.values, map.shape) } }
}

/** A run that is finished; undefined while it is not. Throws an InputError if its files are damaged. */
export async function readResult(paths: StudyPaths, step: RoadmapStepId, seed: number): Promise<StudyRun | undefined> {
  const folder = studyRunFolder(paths, step, seed)
  const path = resultPath(folder)
  if (!(await exists(path))) return undefined
  const parsed = resultRecord.safeParse(await readJson(path))
  if (!parsed.success) throw new InputError(`${path} is damaged: remove the folder ${folder} to train it anew`)
  const epochs = await readMetrics(runPaths(folder).metrics)
  const inspection = await readInspection(folder)
  return {
    step,
    seed,
    ...parsed.data,
    top1: epochs.at(-1)?.top1 ?? Number.NaN,
    imagesPerSecond: median(epochs.map(({ imagesPerSecond }) => imagesPerSecond)),
    seconds: epochs.reduce((sum, { seconds }) => sum + seconds, 0),
    epochs,
    ...(inspection && { inspection }),
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2
}

/** All finished runs of a study, in the order of the paper, then of the seeds. */
export async function readResults(paths: StudyPaths): Promise<StudyRun[]> {
  const runs: StudyRun[] = []
  for (const step of roadmapStepIds) {
    const names = await readdir(join(paths.folder, step)).catch(() => [])
    const seeds = names.flatMap((name) => /^seed-(\d+)$/.exec(name)?.[1] ?? []).map(Number)
    for (const seed of seeds.sort((a, b) => a - b)) {
      const run = await readResult(paths, step, seed)
      if (run) runs.push(run)
    }
  }
  return runs
}

/** How a run of a study begins: anew, or where it was stopped. */
export async function prepareRunFolder(folder: string): Promise<"new" | "stopped"> {
  if (await exists(runPaths(folder).config)) return "stopped"
  // A folder without a config was killed before there was anything to resume.
  await rm(folder, { recursive: true, force: true })
  return "new"
}
