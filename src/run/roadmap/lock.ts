/** The lock of a study's folder: one call of one process at a time works on it. */

import { mkdir, readFile, rename, rm, rmdir, writeFile } from "node:fs/promises"
import { hostname } from "node:os"
import { dirname, resolve } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { z } from "zod"
import { InputError } from "../../tensor/errors.ts"
import type { StudyPaths } from "./folder.ts"

/** Who works on a study. */
const holderRecord = z.object({
  pid: z.int().min(1),
  host: z.string(),
  /** What tells the process from a later one of the same number, where the system says it. */
  started: z.string().optional(),
})

type Holder = z.infer<typeof holderRecord>

/**
 * Makes the folder of a study if need be, and takes its lock. A lock whose process is gone is taken over.
 *
 * Gives a function that lets go, and removes the folder if it was made here and nothing was written to it. Throws an
 * InputError that says who holds the lock, or why there can be none.
 */
export async function lockStudy({ folder, lock }: StudyPaths): Promise<() => Promise<void>> {
  const made = await mkdir(folder, { recursive: true }).catch((cause: Error) => {
    throw new InputError(`cannot make the folder ${folder}: ${cause.message}`, { cause })
  })
  const removeMade = () => (made === undefined ? undefined : removeEmpty(resolve(folder), resolve(made)))
  const { pid } = process
  const own = JSON.stringify({ pid, host: hostname(), started: (await processOf(pid))?.started } satisfies Holder)
  try {
    while (!(await createLock(lock, own))) await removeStale(folder, lock)
  } catch (error) {
    await removeMade()
    throw error
  }
  return async () => {
    // What somebody removed by hand may be another's by now.
    if ((await readLock(lock)) === own) await rm(lock, { force: true }).catch(() => {})
    await removeMade()
  }
}

/** False if there is a lock already. */
async function createLock(lock: string, content: string): Promise<boolean> {
  try {
    await writeFile(lock, content, { flag: "wx" })
    return true
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === "EEXIST") return false
    await rm(lock, { force: true }).catch(() => {}) // one without content, of a full disk
    throw new InputError(`cannot write ${lock}: ${message}`, { cause })
  }
}

/** What a lock says; undefined where there is none any more. */
const readLock = (lock: string): Promise<string | undefined> => readFile(lock, "utf8").catch(() => undefined)

/** How often, and after how many milliseconds, to look again at a lock that says nothing. */
const looks = 10
const lookWait = 50

/** Removes a lock whose process is gone. Throws an InputError if it is held. */
async function removeStale(folder: string, lock: string): Promise<void> {
  const found = await lookAt(lock)
  if (found === undefined) return
  const { text, holder } = found
  if (holder && (await isHeld(holder))) throw heldError(folder, lock, holder)
  // Out of the way first, and back if it is another by now: one who took the same lock over in this moment keeps its own.
  const moved = `${lock}.${process.pid}`
  try {
    await rename(lock, moved)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return
    throw new InputError(`cannot remove ${lock}, whose process is gone: ${(cause as Error).message}`, { cause })
  }
  if ((await readLock(moved)) === text) await rm(moved, { force: true })
  else await rename(moved, lock)
}

/**
 * What a lock says; undefined where there is none. It has no holder if it was left by a process that was killed before it
 * could write into it, which is looked at for a while: it may be about to.
 */
async function lookAt(lock: string): Promise<{ text: string; holder?: Holder } | undefined> {
  for (let look = 1; ; look++) {
    const text = await readLock(lock)
    if (text === undefined) return undefined
    const holder = parseHolder(text)
    if (holder || look === looks) return { text, holder }
    await sleep(lookWait)
  }
}

function parseHolder(text: string): Holder | undefined {
  try {
    return holderRecord.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** Whether a process is there. Of other hosts that cannot be known: it is taken to be. */
async function isHeld({ pid, host, started }: Holder): Promise<boolean> {
  if (host !== hostname()) return true
  try {
    process.kill(pid, 0)
  } catch (error) {
    // Others, such as EPERM: it is there, and another user's.
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false
  }
  const found = await processOf(pid)
  if (!found) return true
  return !found.ended && (started === undefined || started === found.started)
}

/** What Linux knows of a process beyond its number, which may be used again; undefined elsewhere. */
async function processOf(pid: number): Promise<{ started: string; ended: boolean } | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined)
  // proc(5): the name, the second field, may hold blanks and brackets; the state is the third, the start the 22nd.
  const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ")
  const [state, started] = [fields?.[0], fields?.[19]]
  if (state === undefined || started === undefined) return undefined
  // Killed, but its parent has not asked for its exit code yet.
  return { started, ended: state === "Z" || state === "X" }
}

function heldError(folder: string, lock: string, { pid, host }: Holder): InputError {
  if (host !== hostname()) {
    const advice = `wait until it ends; if it is gone, remove ${lock}`
    return new InputError(`process ${pid} on ${host} works on the study in ${folder}: ${advice}`)
  }
  if (pid === process.pid) {
    return new InputError(`this process works on the study in ${folder} already: wait until that call ends`)
  }
  const advice = `wait until it ends, or stop it; if it is no study, remove ${lock}`
  return new InputError(`process ${pid} on this machine (${host}) works on the study in ${folder}: ${advice}`)
}

/** Removes a folder and those above it up to `top`, as far as they are empty. */
async function removeEmpty(folder: string, top: string): Promise<void> {
  try {
    for (let path = folder; ; path = dirname(path)) {
      await rmdir(path)
      if (path === top) return
    }
  } catch {
    // Something is in it: it stays.
  }
}
