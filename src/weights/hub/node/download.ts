/** Downloads one file: resumes what is there, checks size and hash, and only then gives the file its name. */

import { createHash, type Hash } from "node:crypto"
import { type FileHandle, open, rename, rm } from "node:fs/promises"
import { setTimeout as sleep } from "node:timers/promises"
import type { InputError } from "../../../tensor/errors.ts"
import { retryWhileHeld } from "../../node/atomic-file.ts"
import { cannotDownload, HubError, type HubFile, refusal, rootMessage } from "./failure.ts"
import type { FileInfo } from "./file-info.ts"
import { claimPartial, releasePartial } from "./partial.ts"
import { send } from "./request.ts"
import type { HubSettings } from "./settings.ts"

/** Bytes so far, and bytes in all. */
export type DownloadProgress = (file: HubFile, received: number, size: number) => void

/** Milliseconds before each further attempt, as long as none brings the file on. */
const retryWaits = [250, 500, 1000, 2000, 4000]

/** Bytes after which an attempt counts as one that brought the file on. */
const worthwhile = 2 ** 20

/** Milliseconds without a byte after which a connection counts as cut. */
const patience = 60_000

/** A file on its way. */
interface Transfer {
  file: HubFile
  info: FileInfo
  settings: HubSettings
  handle: FileHandle
  /** Bytes on the disk. */
  received: number
  /** Of these bytes. */
  hash: Hash | undefined
  onProgress: DownloadProgress | undefined
}

/**
 * Downloads a file to `blob`. If that fails, what has arrived stays in `BLOB.incomplete` for the next time, unless it is
 * not what the hub announced.
 * Throws a HubError if the hub refuses, the connection is cut again and again, or size or hash are wrong; an InputError if
 * the file cannot be written.
 */
export async function download(
  file: HubFile,
  info: FileInfo,
  blob: string,
  settings: HubSettings,
  onProgress?: DownloadProgress,
): Promise<void> {
  const partial = await claimPartial(blob)
  let isSound = true
  try {
    const failed = (cause: NodeJS.ErrnoException) => {
      throw cannotWrite(file, cause)
    }
    const handle = await open(partial, "a+").catch(failed)
    try {
      isSound = await complete({ file, info, settings, handle, received: 0, hash: undefined, onProgress })
      if (!isSound) throw wrongHash(file, info, settings)
      await handle.sync().catch(failed) // some file systems say only now that they are full
    } finally {
      await handle.close()
    }
    await retryWhileHeld(() => rename(partial, blob)).catch(failed)
  } catch (error) {
    // The first error is the one to tell.
    await (isSound ? releasePartial(partial, blob) : rm(partial, { force: true })).catch(() => {})
    throw error
  }
}

/** Fetches what is missing, and all again if that does not fit what was there. Returns whether the whole has the hash that it should have. */
async function complete(transfer: Transfer): Promise<boolean> {
  await readExisting(transfer)
  const isResumed = transfer.received > 0
  await fetchRest(transfer)
  if (matches(transfer)) return true
  if (!isResumed) return false
  // What an earlier download left may have been wrong.
  await startOver(transfer)
  await fetchRest(transfer)
  return matches(transfer)
}

async function readExisting(transfer: Transfer): Promise<void> {
  const { handle, info } = transfer
  const { size } = await handle.stat()
  if (size > info.size) return startOver(transfer)
  transfer.hash = hashFor(info)
  if (transfer.hash) {
    for await (const chunk of handle.createReadStream({ start: 0, autoClose: false })) transfer.hash.update(chunk)
  }
  transfer.received = size
}

async function startOver(transfer: Transfer): Promise<void> {
  await transfer.handle.truncate(0)
  transfer.received = 0
  transfer.hash = hashFor(transfer.info)
}

async function fetchRest(transfer: Transfer): Promise<void> {
  const { info } = transfer
  let failures = 0
  while (transfer.received < info.size) {
    const before = transfer.received
    try {
      await fetchOnce(transfer)
    } catch (error) {
      const isPassing = error instanceof HubError && error.failure === "unreachable"
      if (transfer.received - before >= worthwhile) failures = 0
      const wait = retryWaits[failures++]
      if (!isPassing || wait === undefined) throw error
      await sleep(wait)
    }
  }
}

/** One request for the bytes that are missing. */
async function fetchOnce(transfer: Transfer): Promise<void> {
  const { file, info, settings } = transfer
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(new Error(`nothing arrived for ${patience / 1000} s`)), patience)
  try {
    const range = { range: `bytes=${transfer.received}-` }
    const headers = transfer.received > 0 ? range : undefined
    const response = await send(file, info.url, { headers, signal: abort.signal }, settings)
    if (!response.ok) throw refusal(file, response, settings)
    // A server that knows no ranges sends all.
    if (transfer.received > 0 && !continuesAt(response, transfer.received)) await startOver(transfer)
    for await (const chunk of chunksOf(transfer, response)) {
      timer.refresh()
      await append(transfer, chunk)
    }
  } finally {
    clearTimeout(timer)
    abort.abort() // a body that is not wanted any more
  }
}

function continuesAt({ status, headers }: Response, start: number): boolean {
  return status === 206 && (headers.get("content-range") ?? "").startsWith(`bytes ${start}-`)
}

/** The bytes of an answer. Throws a HubError if the connection is cut before the end of the file. */
async function* chunksOf(transfer: Transfer, response: Response): AsyncGenerator<Uint8Array, void> {
  const { file, info } = transfer
  let reason = "the connection was closed"
  let cause: unknown
  const reader = response.body?.getReader()
  while (reader) {
    const { done, value } = await reader.read().catch((error) => {
      reason = rootMessage(error)
      cause = error
      return { done: true, value: undefined }
    })
    if (done || value === undefined) break
    yield value
  }
  if (transfer.received < info.size) {
    const arrived = `${transfer.received} of ${info.size} bytes arrived`
    throw cannotDownload(file, "unreachable", `${arrived}, then ${reason}; run it again to go on from there`, cause)
  }
}

async function append(transfer: Transfer, chunk: Uint8Array): Promise<void> {
  const { file, info, handle } = transfer
  if (transfer.received + chunk.length > info.size) {
    throw cannotDownload(file, "refused", `more arrives than the ${info.size} bytes that were announced`)
  }
  for (let done = 0; done < chunk.length; ) {
    const { bytesWritten } = await handle.write(chunk, done).catch((cause) => {
      throw cannotWrite(file, cause)
    })
    transfer.hash?.update(chunk.subarray(done, done + bytesWritten))
    transfer.received += bytesWritten
    done += bytesWritten
  }
  transfer.onProgress?.(file, transfer.received, info.size)
}

/** SHA-256 for large files, git's SHA-1 for small ones; undefined for the ETag of a mirror that is neither. */
function hashFor({ etag, size }: FileInfo): Hash | undefined {
  if (/^[0-9a-f]{64}$/.test(etag)) return createHash("sha256")
  if (/^[0-9a-f]{40}$/.test(etag)) return createHash("sha1").update(`blob ${size}\0`)
  return undefined
}

function matches({ hash, info }: Transfer): boolean {
  return hash === undefined || hash.copy().digest("hex") === info.etag
}

function wrongHash(file: HubFile, { etag }: FileInfo, { endpoint }: HubSettings): HubError {
  const reason = `what arrived does not have the hash that ${endpoint} announced (${etag}), so it was removed`
  return cannotDownload(file, "refused", `${reason}; try again, and if it stays so, another HF_ENDPOINT or network`)
}

function cannotWrite(file: HubFile, cause: NodeJS.ErrnoException): InputError {
  const isFull = cause.code === "ENOSPC" || cause.code === "EDQUOT"
  const reason = isFull
    ? "the disk is full; make room, or choose"
    : `cannot write to the cache (${rootMessage(cause)}); choose`
  return cannotDownload(file, "refused", `${reason} another folder by HF_HOME`, cause)
}
