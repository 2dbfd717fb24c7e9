/** The folder of a run: what lies where, and how a new one is made. */

import { mkdir, readdir, readFile, stat } from "node:fs/promises"
import { basename, dirname, join, resolve } from "node:path"
import { InputError, UsageError } from "../tensor/errors.ts"
import { writeFileAtomic } from "../weights/node/atomic-file.ts"

/** Files of a run. */
export interface RunPaths {
  folder: string
  /** The resolved options; `convnext train --config` takes it. */
  config: string
  labels: string
  metrics: string
  /** Weights after the last epoch and after the best one: averaged ones where an average is kept. */
  last: string
  best: string
  /** All that resume needs: counters here, tensors in the file that it names. */
  state: string
  report: string
  onnx: string
}

export function runPaths(folder: string): RunPaths {
  return {
    folder,
    config: join(folder, "config.yaml"),
    labels: join(folder, "labels.json"),
    metrics: join(folder, "metrics.csv"),
    last: join(folder, "last.safetensors"),
    best: join(folder, "best.safetensors"),
    state: join(folder, "state.json"),
    report: join(folder, "report.html"),
    onnx: join(folder, "model.onnx"),
  }
}

/**
 * Makes the folder of a new run: `out` if it is given, else runs/NAME, with a number behind it if that exists.
 * Throws an InputError if `out` exists already and is not empty: an earlier run is never written over.
 */
export async function createRunFolder(name: string, out: string | undefined): Promise<RunPaths> {
  if (out !== undefined) {
    if (await makeFolder(out)) return runPaths(out)
    const files = await readdir(out)
    if (files.includes(basename(runPaths(out).config))) {
      throw new InputError(`${out} holds a run already: choose another --out, or go on with it by --resume ${out}`)
    }
    if (files.length > 0) throw new InputError(`${out} is not empty: choose another --out for the run`)
    return runPaths(out)
  }
  if (!/^[^\\/]+$/.test(name) || /^\.+$/.test(name)) {
    throw new UsageError(`"${name}" is no name for a run: it must be one folder's name. --out takes a path`)
  }
  for (let number = 1; ; number++) {
    const folder = join("runs", number === 1 ? name : `${name}-${number}`)
    if (await makeFolder(folder)) return runPaths(folder)
  }
}

/** Why a folder cannot be made, by the code of the error. */
const folderErrors: Record<string, string> = {
  EEXIST: "there is a file of that name, or where a folder above it should be",
  ENOTDIR: "there is a file where a folder above it should be",
  EACCES: "writing there is not allowed",
  EPERM: "writing there is not allowed",
  EROFS: "the disk is read-only",
  // With the folders above it, which Node makes first: it tells so of a disk that is read-only.
  ENOENT: "the folders above it cannot be made; is the disk read-only?",
  ENOSPC: "the disk is full",
}

/** Makes a folder and those above it. False if it is there already. */
async function makeFolder(folder: string): Promise<boolean> {
  try {
    await mkdir(dirname(resolve(folder)), { recursive: true })
    await mkdir(folder)
    return true
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException
    if (code === "EEXIST" && (await isFolder(folder))) return false
    throw new InputError(`cannot make the folder ${folder}: ${folderErrors[code] ?? message}`)
  }
}

async function isFolder(path: string): Promise<boolean> {
  const info = await stat(path).catch(() => undefined)
  return info?.isDirectory() ?? false
}

/** The name of a run that is given none. */
export function defaultName(data: string, model: string): string {
  const source = basename(resolve(data)).replace(/[^\p{L}\p{N}._-]+/gu, "-")
  return `${source || "data"}-${model.replaceAll("/", "-")}`
}

/** The paths of an existing run. Throws an InputError that says what is missing if the folder is none. */
export async function openRunFolder(folder: string): Promise<RunPaths> {
  const paths = runPaths(folder)
  if (!(await exists(folder))) throw new InputError(`there is no run at ${folder}`)
  if (!(await exists(paths.config))) {
    throw new InputError(`${folder} is no run: it has no config.yaml. A run is what \`convnext train\` writes`)
  }
  return paths
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

/** Writes a value as JSON. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFileAtomic(path, [`${JSON.stringify(value, null, 2)}\n`])
}

/** Reads JSON. Throws an InputError if the file cannot be read. */
export async function readJson(path: string): Promise<unknown> {
  return (await readText(path, (text) => JSON.parse(text) as unknown)).value
}

/** The text of a file with what `parse` makes of it. Throws an InputError if the file cannot be read or parsed. */
export async function readText<T>(path: string, parse: (text: string) => T): Promise<{ text: string; value: T }> {
  try {
    const text = await readFile(path, "utf8")
    return { text, value: parse(text) }
  } catch (error) {
    throw new InputError(`cannot read ${path}: ${(error as Error).message.split("\n")[0]}`)
  }
}
