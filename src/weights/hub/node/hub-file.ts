/** Files of the hub on this machine: from the cache, or downloaded into it. */

import { isCommit } from "../repository.ts"
import { blobPath, findCached, hasBlob, linkBlob, makeBlobFolder } from "./cache.ts"
import { type DownloadProgress, download } from "./download.ts"
import { cannotDownload, HubError, type HubFile } from "./failure.ts"
import { type FileInfo, fileInfo } from "./file-info.ts"
import { type HubSettings, hubSettings } from "./settings.ts"

/**
 * The path of a file of a repository, downloaded unless it is in the cache and still current. Without a connection, the
 * cached one is taken as it is. The cache is the one that Python's huggingface_hub uses; HF_HOME, HF_HUB_CACHE,
 * HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE mean what they mean there.
 *
 * Throws a HubError (an InputError) if it cannot be had, which says why and what to do.
 */
export async function hubFile(file: HubFile, onProgress?: DownloadProgress): Promise<string> {
  const settings = await hubSettings()
  const { offline, cacheFolder } = settings
  const cached = await findCached(cacheFolder, file)
  if (cached !== undefined && (offline || isCommit(file.repository.revision))) return cached
  if (offline) {
    throw cannotDownload(file, "unreachable", `it is not in the cache (${cacheFolder}), and HF_HUB_OFFLINE is set`)
  }
  const info = await currentInfo(file, settings, cached !== undefined)
  if (info === undefined) return cached!
  const blob = blobPath(cacheFolder, file, info)
  if (!(await hasBlob(blob, info))) {
    await makeBlobFolder(blob)
    await download(file, info, blob, settings, onProgress)
  }
  return linkBlob(cacheFolder, file, info)
}

/** The path of a file in the cache, or undefined if it was never downloaded. */
export async function cachedHubFile(file: HubFile): Promise<string | undefined> {
  return findCached((await hubSettings()).cacheFolder, file)
}

/** What the hub says of a file; undefined if it cannot be reached and that does not matter. */
async function currentInfo(file: HubFile, settings: HubSettings, isCached: boolean): Promise<FileInfo | undefined> {
  try {
    return await fileInfo(file, settings)
  } catch (error) {
    if (isCached && error instanceof HubError && error.failure === "unreachable") return undefined
    throw error
  }
}
