/** The folder of a study: its settings, a run folder for each step and seed, and the figures made of them. */

import { readdir, readFile, rm } from "node:fs/promises"
import { join, resolve } from "node:path"
import { isMap, parseDocument } from "yaml"
import { z } from "zod"
import { type RoadmapStepId, roadmapStepIds } from "../../roadmap/steps.ts"
import { studySettings } from "../../roadmap/study.ts"
import { InputError } from "../../tensor/errors.ts"
import { devices } from "../../train/options.ts"
import { writeFileAtomic } from "../../weights/node/atomic-file.ts"
import { dataRecord } from "../data-record.ts"
import { exists, runPaths, writeJson } from "../folder.ts"
import { readRecord } from "./read-record.ts"

/** Files of a study. */
export interface StudyPaths {
  folder: string
  /** The settings that all runs share. */
  study: string
  /** Says which process works on it. */
  lock: string
  page: string
  figure: string
}

export function studyPaths(folder: string): StudyPaths {
  return {
    folder,
    study: join(folder, "study.json"),
    lock: join(folder, "study.lock"),
    page: join(folder, "roadmap.html"),
    figure: join(folder, "roadmap.svg"),
  }
}

/** Folder of the run of a step from a seed. */
export const studyRunFolder = ({ folder }: StudyPaths, step: RoadmapStepId, seed: number) =>
  join(folder, step, `seed-${seed}`)

/** A step and a seed whose run has a folder, finished or not. */
export interface StudyRunPlace {
  step: RoadmapStepId
  seed: number
}

/** The runs that have a folder, in the order of the paper, then of the seeds. */
export async function listRuns({ folder }: StudyPaths): Promise<StudyRunPlace[]> {
  const places: StudyRunPlace[] = []
  for (const step of roadmapStepIds) {
    const names = await readdir(join(folder, step)).catch(() => [])
    const seeds = names.flatMap((name) => /^seed-(0|[1-9]\d*)$/.exec(name)?.[1] ?? []).map(Number)
    places.push(...seeds.sort((a, b) => a - b).map((seed) => ({ step, seed })))
  }
  return places
}

const studyRecord = z.object({
  version: z.literal(1),
  settings: studySettings,
  /** The data that it began with. */
  data: dataRecord,
  /** All that was ever asked for. */
  steps: z.array(z.enum(roadmapStepIds)).min(1),
  seeds: z.int().min(1),
  /** How it was computed last, as it was given: other threads or another device may give other bits. */
  device: z.enum(devices).optional(),
  threads: z.int().min(1).optional(),
})

/** What a study folder says of itself. */
export type StudyRecord = Omit<z.infer<typeof studyRecord>, "version">

/** Throws an InputError if a folder holds something else than a study; it need not exist. */
export async function checkStudyFolder({ folder, study }: StudyPaths): Promise<void> {
  if (await exists(study)) return
  const files = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return []
    throw new InputError(`cannot use ${folder} for a study: ${error.message}`)
  })
  // What a process has or had there before it wrote the very first file.
  if (files.some((name) => name !== "study.json.tmp" && !/^study\.lock(\.\d+)?$/.test(name))) {
    throw new InputError(`${folder} is not empty and holds no study: choose another --out`)
  }
}

/**
 * Reads what a study folder says of itself; undefined where there is no study yet. Throws an InputError if that is damaged.
 */
export async function readStudy({ study }: StudyPaths): Promise<StudyRecord | undefined> {
  if (!(await exists(study))) return undefined
  return readRecord(study, studyRecord, "put a copy of it back, or choose another --out")
}

/** Writes what a study folder says of itself. */
export async function writeStudy({ study }: StudyPaths, record: StudyRecord): Promise<void> {
  await writeJson(study, { version: 1, ...record })
}

/** `data` as a study keeps it: found again wherever the study is gone on with. */
export const dataPath = (data: string | undefined) => (data === undefined ? undefined : resolve(data))

/**
 * Tells the runs of a study where its data lies now, so that they can be gone on with. A run whose config is damaged is left
 * as it is: it fails by itself when it is needed.
 */
export async function moveData(paths: StudyPaths, data: string): Promise<void> {
  for (const { step, seed } of await listRuns(paths)) {
    const { config } = runPaths(studyRunFolder(paths, step, seed))
    const text = await readFile(config, "utf8").catch(() => undefined)
    if (text === undefined) continue
    const document = parseDocument(text)
    if (document.errors.length > 0 || !isMap(document.contents)) continue
    document.set("data", data)
    await writeFileAtomic(config, [document.toString()])
  }
}

/** How a run of a study begins: anew, or where it was stopped. */
export async function prepareRunFolder(folder: string): Promise<"new" | "stopped"> {
  if (await exists(runPaths(folder).config)) return "stopped"
  // A folder without a config was killed before there was anything to resume.
  await rm(folder, { recursive: true, force: true })
  return "new"
}
