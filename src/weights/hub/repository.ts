/** Repositories on the hub, and how they are named. */

import { UsageError } from "../../tensor/errors.ts"

/** A model repository at one of its states. */
export interface Repository {
  /** `organisation/name`, or the name alone for the oldest models. */
  name: string
  /** A branch, a tag or a commit. */
  revision: string
}

const part = /^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$/

/** Branches and tags may have slashes, but lead nowhere else. */
const revisionPattern = /^(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_./-]*$/

/** Whether a revision is a commit, whose files never change. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision)
}

/**
 * Reads `organisation/name` or `organisation/name@revision`.
 * Throws a UsageError if it is not the name of a repository.
 */
export function parseRepository(text: string): Repository {
  const [name = "", revision = "main", ...rest] = text.split("@")
  const parts = name.split("/")
  const named = parts.length <= 2 && parts.every((each) => part.test(each) && !/--|\.\./.test(each))
  if (!named || rest.length > 0 || !revisionPattern.test(revision)) {
    throw new UsageError(
      `${JSON.stringify(text)} is not the name of a repository on the hub; it looks like timm/convnext_tiny.fb_in1k, or timm/convnext_tiny.fb_in1k@REVISION`,
    )
  }
  return { name, revision }
}

/** As it was written: with the revision where that is not the default. */
export function repositoryLabel({ name, revision }: Repository): string {
  return revision === "main" ? name : `${name}@${revision}`
}
