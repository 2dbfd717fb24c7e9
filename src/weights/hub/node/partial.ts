/**
 * Files that are being downloaded, `BLOB.incomplete` beside the blob that they become. One that is being written also has
 * its writer in its name, so that two processes never write the same one; when a download fails, or its process has
 * died, the next one goes on with what is there.
 */

import { createHash, randomBytes } from "node:crypto"
import { readdir, rename, rm, stat } from "node:fs/promises"
import { hostname } from "node:os"
import { basename, dirname, join } from "node:path"

const suffix = ".incomplete"

/** Milliseconds after which a file of a writer that cannot be asked counts as left behind. */
const abandonedAfter = 3_600_000

/** Distinguishes machines that share a cache: in eight hexadecimal digits. */
const host = createHash("sha256").update(hostname()).digest("hex").slice(0, 8)

/** Writers are named `HOST-PROCESS-RANDOM`. */
const writerPattern = /^([0-9a-f]{8})-(\d+)-[0-9a-f]{8}$/

/** The path of a partial file of our own: with what an earlier download left, if there is such a file, else not there yet. */
export async function claimPartial(blob: string): Promise<string> {
  const own = `${blob}.${host}-${process.pid}-${randomBytes(4).toString("hex")}${suffix}`
  for (const left of await findLeft(blob)) {
    // Of several that try, one succeeds.
    const claimed = await rename(left, own).then(
      () => true,
      () => false,
    )
    if (claimed) break
  }
  return own
}

/** Leaves a partial file for the next download to go on with. */
export async function releasePartial(own: string, blob: string): Promise<void> {
  const empty = await stat(own).then(
    ({ size }) => size === 0,
    () => true,
  )
  if (empty) await rm(own, { force: true })
  else await rename(own, blob + suffix)
}

async function findLeft(blob: string): Promise<string[]> {
  const folder = dirname(blob)
  const start = `${basename(blob)}.`
  const left: string[] = []
  for (const name of await readdir(folder)) {
    if (!name.startsWith(start) || !name.endsWith(suffix)) continue
    const writer = name.slice(start.length, -suffix.length)
    const path = join(folder, name)
    if (name === basename(blob) + suffix || (writerPattern.test(writer) && (await isGone(writer, path))))
      left.push(path)
  }
  return left
}

/** Whether the writer of a partial file is no more. */
async function isGone(writer: string, path: string): Promise<boolean> {
  const [, writerHost, pid] = writerPattern.exec(writer)!
  if (writerHost === host && Number(pid) !== process.pid) return !isRunning(Number(pid))
  const info = await stat(path).catch(() => undefined)
  return info !== undefined && Date.now() - info.mtimeMs > abandonedAfter
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH"
  }
}
