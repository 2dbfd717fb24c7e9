/** What the hub says of a file before it is downloaded: its size, its hash and the commit. */

import { fileDownloadInfo } from "@huggingface/hub"
import { isCommit } from "../repository.ts"
import { cannotDownload, type HubFile, refusal } from "./failure.ts"
import { follow, type HubRequest, isRedirect } from "./request.ts"
import type { HubSettings } from "./settings.ts"

/** Milliseconds for the hub to say what it has. */
const patience = 30_000

export interface FileInfo {
  /** Where to get it. */
  url: string
  /** In bytes. */
  size: number
  /** What the blob is called in the cache: the SHA-256 of large files, git's object id (SHA-1) of small ones. */
  etag: string
  /** The commit that the revision stands for; the revision itself where a mirror does not say. */
  commit: string
}

/**
 * Asks the hub.
 * Throws a HubError if there is no such file, no access, no answer, or one that makes no sense.
 */
export async function fileInfo(file: HubFile, settings: HubSettings): Promise<FileInfo> {
  const { repository, path } = file
  let commit: string | null = null
  const info = await fileDownloadInfo({
    repo: { type: "model", name: repository.name },
    path: path.split("/").map(encodeURIComponent).join("/"),
    revision: repository.revision,
    hubUrl: settings.endpoint,
    fetch: async (url) => {
      const answer = await describe(file, String(url), settings)
      commit = answer.headers.get("x-repo-commit")
      return answer
    },
  })
  if (info === null) throw cannotDownload(file, "no-file", "the repository has no such file")
  const etag = info.etag.replace(/^W\//, "").replaceAll('"', "")
  // Both become names of files.
  if (!/^[\w-][\w.-]{0,199}$/.test(etag)) {
    throw cannotDownload(file, "refused", `${settings.endpoint} answered with an ETag that is none: ${info.etag}`)
  }
  return {
    url: info.url,
    size: info.size,
    etag,
    commit: commit !== null && isCommit(commit) ? commit : repository.revision,
  }
}

/** Headers of the hub itself, which the storage that it points to does not repeat. */
const hubHeaders = ["x-repo-commit", "x-linked-etag", "x-linked-size"]

/**
 * The description of a file in one answer: `fetch` would give the last one of a chain of redirects, while the hash and
 * the commit are in the first. Asked for by HEAD, as Python's huggingface_hub does, and of mirrors that know no HEAD by
 * the first byte.
 */
async function describe(file: HubFile, url: string, settings: HubSettings): Promise<Response> {
  let answer = await ask(file, url, { method: "HEAD" }, settings)
  const knowsHead = answer.last.ok || isRedirect(answer.last) || answer.last.headers.has("x-error-code")
  if (!knowsHead && [404, 405, 501].includes(answer.last.status)) {
    answer = await ask(file, url, { headers: { range: "bytes=0-0" } }, settings)
  }
  const { headers, last } = answer
  if (!last.ok && !isRedirect(last)) throw refusal(file, last, settings)
  const etag = headers.get("x-linked-etag") ?? last.headers.get("etag")
  const size = headers.get("x-linked-size") ?? sizeOf(last)
  if (etag === null || size === null || !/^\d{1,15}$/.test(size)) {
    throw cannotDownload(file, "refused", `${settings.endpoint} does not say its size and hash (ETag); is it a hub?`)
  }
  headers.set("etag", etag)
  headers.set("content-range", `bytes 0-0/${size}`) // where fileDownloadInfo looks for the size
  return new Response(null, { status: 206, headers })
}

/** The last answer of a chain of redirects, as far as it is of interest, and the hub's headers of all. */
async function ask(file: HubFile, url: string, request: HubRequest, settings: HubSettings) {
  const headers = new Headers()
  let last: Response | undefined
  for await (const response of follow(file, url, { ...request, signal: AbortSignal.timeout(patience) }, settings)) {
    await response.body?.cancel()
    for (const name of hubHeaders) {
      const value = response.headers.get(name)
      if (value !== null && !headers.has(name)) headers.set(name, value)
    }
    last = response
    if (headers.has("x-linked-etag") && headers.has("x-linked-size")) break
  }
  return { headers, last: last! }
}

function sizeOf({ status, headers }: Response): string | null {
  return status === 206 ? (headers.get("content-range")?.split("/")[1] ?? null) : headers.get("content-length")
}
