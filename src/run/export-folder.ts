/** A folder that is replaced as a whole. */

import { mkdir, readdir, rename, rm, stat } from "node:fs/promises"
import { dirname, resolve } from "node:path"
import { InputError } from "../tensor/errors.ts"

/**
 * Has a folder written beside `path`, and puts it there once it is complete. A process that dies in between leaves the old
 * folder as it was, or for a moment as `PATH.old`.
 * @param names what the folder may hold: no folder with anything else in it is ever replaced
 * @param write writes the files into the folder that it is given
 * Throws an InputError if there is a file at `path` or a folder that holds something else, or if it cannot be written.
 */
export async function writeFolderAtomic(
  path: string,
  names: readonly string[],
  write: (folder: string) => Promise<void>,
): Promise<void> {
  const target = resolve(path)
  const [fresh, old] = [`${target}.new`, `${target}.old`]
  for (const folder of [target, fresh, old]) await checkOwn(folder, names)
  try {
    await rm(fresh, { recursive: true, force: true })
    await mkdir(dirname(target), { recursive: true })
    await mkdir(fresh)
    await write(fresh)
    await replaceFolder(target, fresh, old)
  } catch (error) {
    // The first error is the one to tell.
    await rm(fresh, { recursive: true, force: true }).catch(() => {})
    if (error instanceof InputError) throw error
    throw new InputError(`cannot write the folder ${path}: ${(error as Error).message}`, { cause: error })
  }
}

/** Folders cannot be renamed over others that hold something: the old one steps aside first. */
async function replaceFolder(target: string, fresh: string, old: string): Promise<void> {
  await rm(old, { recursive: true, force: true })
  const stepped = await rename(target, old).then(
    () => true,
    () => false,
  )
  try {
    await rename(fresh, target)
  } catch (error) {
    if (stepped) await rename(old, target)
    throw error
  }
  await rm(old, { recursive: true, force: true })
}

/** Throws an InputError if there is something at `path` that is no folder of these files, or of what is left of them. */
async function checkOwn(path: string, names: readonly string[]): Promise<void> {
  const info = await stat(path).catch(() => undefined)
  if (info === undefined) return
  if (!info.isDirectory()) throw new InputError(`${path} is a file where a folder is to be written`)
  const foreign = (await readdir(path)).find((name) => !names.includes(name.replace(/\.tmp$/, "")))
  if (foreign !== undefined) {
    throw new InputError(`${path} holds ${foreign}, which is no part of such a folder: choose another place`)
  }
}
