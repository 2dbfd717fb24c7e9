/** How the readers of checkpoints say that a file cannot be used. */
import { InputError } from "../tensor/errors.ts"

/** The error for a file that cannot be read: `cannot read SOURCE: REASON`. */
export function unreadable(source: string, reason: string, cause?: unknown): InputError {
  return new InputError(`cannot read ${source}: ${reason}`, { cause })
}

/** A name from a file in quotes, with control characters escaped, cut where it is very long. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}...` : name)
}
