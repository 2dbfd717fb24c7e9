/** Files that are replaced as a whole: after a crash or a full disk the path holds the old content or the new one. */
import { type FileHandle, open, rename, rm } from "node:fs/promises"
import { dirname } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { InputError } from "../../tensor/errors.ts"

/** The most that one write hands over; Node refuses 2 GiB and more. */
const maxWriteSize = 2 ** 30

/**
 * Writes `PATH.tmp`, flushes it to the disk and renames it to `path`. If that fails, the temporary file is removed,
 * what was at `path` is untouched, and an InputError is thrown. One that a killed process left is overwritten.
 */
export async function writeFileAtomic(path: string, parts: Iterable<Uint8Array | string>): Promise<void> {
  const temporary = `${path}.tmp`
  try {
    const handle = await open(temporary, "w")
    try {
      for (const part of parts) await writeFully(handle, typeof part === "string" ? Buffer.from(part) : part)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await retryWhileHeld(() => rename(temporary, path))
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {}) // the first error is the one to tell
    const reason = describeFailure(cause as NodeJS.ErrnoException)
    throw new InputError(`cannot write ${path}: ${reason}; what was there before is untouched`, { cause })
  }
  await syncFolder(dirname(path))
}

/** Milliseconds between attempts to replace a file that another program holds: a second and a half in all. */
const retryWaits = [10, 50, 100, 300, 1000]

/**
 * On Windows a virus scanner or an indexer that looks at a file keeps it from being replaced, mostly for a moment. Tries
 * again a few times before it throws what `replace` throws. Elsewhere such an error means what it says.
 */
export async function retryWhileHeld(replace: () => Promise<void>, platform = process.platform): Promise<void> {
  for (const wait of platform === "win32" ? retryWaits : []) {
    try {
      return await replace()
    } catch (error) {
      if (!["EPERM", "EACCES", "EBUSY"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error
      await sleep(wait)
    }
  }
  return replace()
}

async function writeFully(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  let done = 0
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done, Math.min(bytes.length - done, maxWriteSize))
    done += bytesWritten
  }
}

/** Makes the rename last; Windows and some file systems cannot flush a folder, and then it lasts when they please. */
async function syncFolder(path: string): Promise<void> {
  const handle = await open(path).catch(() => undefined)
  await handle?.sync().catch(() => {})
  await handle?.close()
}

function describeFailure(error: NodeJS.ErrnoException): string {
  if (error.code === "ENOSPC" || error.code === "EDQUOT") return "the disk is full"
  if (error.code === "ENOENT") return "its folder does not exist"
  if (error.code === "EACCES" || error.code === "EROFS" || error.code === "EPERM") return "writing there is not allowed"
  return error.message
}
