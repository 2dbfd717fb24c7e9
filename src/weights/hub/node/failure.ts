/** What goes wrong between here and the hub, in words that say what to do. */

import { InputError } from "../../../tensor/errors.ts"
import { type Repository, repositoryLabel } from "../repository.ts"
import type { HubSettings } from "./settings.ts"

/** A file of a repository. */
export interface HubFile {
  repository: Repository
  /** Path in the repository. */
  path: string
}

/**
 * Why a file could not be had:
 * - `unreachable`: no answer, or one that says to come again; the cache may do instead;
 * - `no-file`, `no-repository`: the hub knows no such thing;
 * - `refused`: all else.
 */
export type HubFailure = "unreachable" | "no-file" | "no-repository" | "refused"

/** A file that could not be had from the hub. */
export class HubError extends InputError {
  readonly failure: HubFailure

  constructor(failure: HubFailure, message: string, options?: ErrorOptions) {
    super(message, options)
    this.failure = failure
  }
}

/** `cannot download FILE of REPOSITORY: REASON`. */
export function cannotDownload(file: HubFile, failure: HubFailure, reason: string, cause?: unknown): HubError {
  const { path, repository } = file
  return new HubError(failure, `cannot download ${path} of ${repositoryLabel(repository)}: ${reason}`, { cause })
}

/** The error for a request that got no answer. */
export function noAnswer(file: HubFile, { endpoint }: HubSettings, cause: unknown): HubError {
  const reason = `there is no answer from ${endpoint} (${rootMessage(cause)}); check the connection`
  return cannotDownload(file, "unreachable", reason, cause)
}

/** The error for an answer that is not the file. */
export function refusal(file: HubFile, response: Response, settings: HubSettings): HubError {
  const { status } = response
  const code = response.headers.get("x-error-code") ?? ""
  const { name, revision } = file.repository
  const { endpoint, token } = settings
  const account = token
    ? "the token in use has no access to it"
    : "set HF_TOKEN to a token of an account that has access"
  const page = `${endpoint}/${name}`
  if (code === "EntryNotFound") return cannotDownload(file, "no-file", "the repository has no such file")
  if (code === "RevisionNotFound") return cannotDownload(file, "refused", `there is no revision ${revision}`)
  if (code === "GatedRepo") {
    return cannotDownload(file, "refused", `access has to be asked for on ${page}; then ${account} (${status})`)
  }
  if (code === "RepoNotFound" || status === 401) {
    // The hub says the same of what does not exist and of what may not be seen.
    return cannotDownload(
      file,
      "no-repository",
      `there is no repository ${page}, or it is private: ${account} (${status})`,
    )
  }
  if (status === 403) return cannotDownload(file, "refused", `access to ${page} is forbidden: ${account} (403)`)
  if (status === 404) return cannotDownload(file, "no-file", `there is no such file on ${page} (404)`)
  const isPassing = status === 408 || status === 429 || status >= 500
  const advice = isPassing ? "; try again later" : ""
  return cannotDownload(
    file,
    isPassing ? "unreachable" : "refused",
    `${endpoint} answered with status ${status}${advice}`,
  )
}

/** What `fetch` says hides the reason in its cause. */
export function rootMessage(error: unknown): string {
  let root = error
  while (root instanceof Error && root.cause instanceof Error) root = root.cause
  if (root instanceof AggregateError && root.errors.length > 0) return rootMessage(root.errors[0])
  return root instanceof Error ? root.message || root.name : String(root)
}
