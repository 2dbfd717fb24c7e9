/** The weights in a repository of the hub: which of its files they are, and what else is needed to use them. */

import { suggestPretrained } from "../../../models/pretrained/index.ts"
import { staysInFolder } from "../../byte-source.ts"
import type { Sidecars } from "../../describe.ts"
import { weightFiles } from "../../node/files.ts"
import { readJsonFile } from "../../node/json-file.ts"
import { type Repository, repositoryLabel } from "../repository.ts"
import type { DownloadProgress } from "./download.ts"
import { cannotDownload, HubError } from "./failure.ts"
import { cachedHubFile, hubFile } from "./hub-file.ts"

/**
 * The path of a repository's weights on this machine, with all shards beside it.
 * Throws a HubError if it has none, or they cannot be downloaded.
 */
export async function repositoryWeights(repository: Repository, onProgress?: DownloadProgress): Promise<string> {
  for (const path of weightFiles) {
    const file = await fetchIfThere(repository, path, onProgress)
    if (file === undefined) continue
    if (path.endsWith(".index.json")) await fetchShards(repository, file, onProgress)
    return file
  }
  const reason = `the repository has no weights; they are looked for in ${weightFiles.join(", ")}`
  throw new HubError("no-file", `cannot use ${repositoryLabel(repository)}: ${reason}`)
}

/** What a repository says of its weights: the parsed files that it has. */
export async function repositoryDescription(
  repository: Repository,
): Promise<Pick<Sidecars, "config" | "preprocessor">> {
  const read = async (path: string) => {
    const file = await fetchIfThere(repository, path)
    return file === undefined ? undefined : readJsonFile(file)
  }
  return { config: await read("config.json"), preprocessor: await read("preprocessor_config.json") }
}

async function fetchIfThere(repository: Repository, path: string, onProgress?: DownloadProgress) {
  try {
    return await hubFile({ repository, path }, onProgress)
  } catch (error) {
    if (!(error instanceof HubError)) throw error
    if (error.failure === "no-file") return undefined
    if (error.failure === "no-repository") throw withSuggestion(error, repository)
    // Without a connection, a file that is further down the list may be the one that was downloaded.
    const others = weightFiles.filter((name) => name !== path)
    if (error.failure === "unreachable" && (await anyCached(repository, others))) return undefined
    throw error
  }
}

async function anyCached(repository: Repository, paths: readonly string[]): Promise<boolean> {
  const cached = await Promise.all(paths.map((path) => cachedHubFile({ repository, path })))
  return cached.some((path) => path !== undefined)
}

function withSuggestion(error: HubError, { name }: Repository): HubError {
  const hint = name.startsWith("timm/") ? suggestPretrained(name, name.replace(/^timm\/|\..*$/g, "")) : ""
  return new HubError(error.failure, error.message + hint, { cause: error.cause })
}

async function fetchShards(repository: Repository, index: string, onProgress?: DownloadProgress): Promise<void> {
  const json = (await readJsonFile(index)) as { weight_map?: Record<string, unknown> } | undefined
  for (const path of new Set(Object.values(json?.weight_map ?? {}))) {
    if (typeof path !== "string" || !staysInFolder(path)) {
      const reason = `its index names ${JSON.stringify(path)}, which is no file beside it`
      throw cannotDownload({ repository, path: String(path) }, "refused", reason)
    }
    await hubFile({ repository, path }, onProgress)
  }
}
