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

/** What a refusal is about. */
interface Refused {
  /** The repository's page. */
  page: string
  revision: string
  /** What to do about the account. */
  account: string
}

interface Refusal {
  failure: HubFailure
  reason(refused: Refused): string
}

const hidden: Refusal = {
  failure: "no-repository",
  // The hub says the same of what does not exist and of what may not be seen.
  reason: ({ page, account }) => `there is no repository ${page}, or it is private: ${account}`,
}

/** By the hub's own header, X-Error-Code. */
const refusalsByCode: Readonly<Record<string, Refusal>> = {
  EntryNotFound: { failure: "no-file", reason: () => "the repository has no such file" },
  RevisionNotFound: { failure: "refused", reason: ({ revision }) => `there is no revision ${revision}` },
  GatedRepo: {
    failure: "refused",
    reason: ({ page, account }) => `access has to be asked for on ${page}; then ${account}`,
  },
  RepoNotFound: hidden,
}

const refusalsByStatus: Readonly<Record<number, Refusal>> = {
  401: hidden,
  403: { failure: "refused", reason: ({ page, account }) => `access to ${page} is forbidden: ${account}` },
  404: { failure: "no-file", reason: ({ page }) => `there is no such file on ${page}` },
}

/** The error for an answer that is not the file. */
export function refusal(file: HubFile, { status, headers }: Response, { endpoint, token }: HubSettings): HubError {
  const { name, revision } = file.repository
  const known = refusalsByCode[headers.get("x-error-code") ?? ""] ?? refusalsByStatus[status]
  if (known === undefined) {
    const isPassing = status === 408 || status === 429 || status >= 500
    const reason = `${endpoint} answered with status ${status}${isPassing ? "; try again later" : ""}`
    return cannotDownload(file, isPassing ? "unreachable" : "refused", reason)
  }
  const account = token
    ? "the token in use has no access to it"
    : "set HF_TOKEN to a token of an account that has access"
  const reason = known.reason({ page: `${endpoint}/${name}`, revision, account })
  return cannotDownload(file, known.failure, `${reason} (${status})`)
}

/** What `fetch` says hides the reason in its cause. */
export function rootMessage(error: unknown): string {
  let root = error
  while (root instanceof Error && root.cause instanceof Error) root = root.cause
  if (root instanceof AggregateError && root.errors.length > 0) return rootMessage(root.errors[0])
  return root instanceof Error ? root.message || root.name : String(root)
}
