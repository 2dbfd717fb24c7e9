/**
 * The cache that all of Hugging Face's tools share: `models--ORGANISATION--NAME/` with `blobs/` (files by their hash),
 * `snapshots/COMMIT/` (links to them by their name) and `refs/` (the commit that a branch or tag stood for).
 */

import { randomBytes } from "node:crypto"
import { copyFile, mkdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises"
import { dirname, join, relative } from "node:path"
import { getRepoFolderName } from "@huggingface/hub"
import { InputError } from "../../../tensor/errors.ts"
import { retryWhileHeld } from "../../node/atomic-file.ts"
import { isCommit, type Repository } from "../repository.ts"
import { type HubFile, rootMessage } from "./failure.ts"
import type { FileInfo } from "./file-info.ts"

function repositoryFolder(cacheFolder: string, { name }: Repository): string {
  return join(cacheFolder, getRepoFolderName({ type: "model", name }))
}

/** Where the content of a file lies. */
export function blobPath(cacheFolder: string, { repository }: HubFile, { etag }: FileInfo): string {
  return join(repositoryFolder(cacheFolder, repository), "blobs", etag)
}

/** The path of a file in the cache, as of when its revision was last asked for; undefined if it is not there. */
export async function findCached(cacheFolder: string, { repository, path }: HubFile): Promise<string | undefined> {
  const folder = repositoryFolder(cacheFolder, repository)
  const commit = await commitOf(folder, repository.revision)
  const snapshot = join(folder, "snapshots", commit, path)
  const isThere = await stat(snapshot).then(
    (info) => info.isFile(),
    () => false,
  )
  return isThere ? snapshot : undefined
}

async function commitOf(folder: string, revision: string): Promise<string> {
  if (isCommit(revision)) return revision
  const saved = await readFile(join(folder, "refs", revision), "utf8").catch(() => "")
  return isCommit(saved.trim()) ? saved.trim() : revision
}

/** Whether a blob is there, whole. */
export async function hasBlob(blob: string, { size }: FileInfo): Promise<boolean> {
  const info = await stat(blob).catch(() => undefined)
  return info?.isFile() === true && info.size === size
}

/** Makes the folder of a blob. Throws an InputError if that is not allowed. */
export async function makeBlobFolder(blob: string): Promise<void> {
  await mkdir(dirname(blob), { recursive: true }).catch((cause) => {
    const reason = `${rootMessage(cause)}; HF_HOME chooses another folder`
    throw new InputError(`cannot make a folder of the cache: ${reason}`, { cause })
  })
}

/** Gives a blob its name in the snapshot of its commit, and notes the commit of the revision. Returns the path. */
export async function linkBlob(cacheFolder: string, { repository, path }: HubFile, info: FileInfo): Promise<string> {
  const folder = repositoryFolder(cacheFolder, repository)
  const blob = join(folder, "blobs", info.etag)
  const pointer = join(folder, "snapshots", info.commit, path)
  // Where links are not allowed (Windows without developer mode), a copy does.
  await replaceFile(pointer, (temporary) =>
    symlink(relative(dirname(pointer), blob), temporary).catch(() => copyFile(blob, temporary)),
  )
  if (info.commit !== repository.revision) {
    await replaceFile(join(folder, "refs", repository.revision), (temporary) => writeFile(temporary, info.commit))
  }
  return pointer
}

/** Makes a file beside its place and moves it there: others see the old one or the new one. */
async function replaceFile(path: string, make: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString("hex")}.tmp`
  try {
    await mkdir(dirname(path), { recursive: true })
    await make(temporary)
    await retryWhileHeld(() => rename(temporary, path))
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {})
    throw new InputError(`cannot write ${path}: ${rootMessage(cause)}`, { cause })
  }
}
