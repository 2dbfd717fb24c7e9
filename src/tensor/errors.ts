/** Errors whose message is meant for the person at the keyboard: what was wrong, where, what to do. */

/** Something that was given (a file, a folder, a value) cannot be used. A command ends with exit code 1. */
export class InputError extends Error {
  override name = "InputError"
}

/** A call or a command line is wrong: an unknown name, a number out of range. A command ends with exit code 2. */
export class UsageError extends Error {
  override name = "UsageError"
}

/** The entries of `known` nearest to `name` by edit distance, at most `count` of them, none that is far off. */
export function nearestNames(name: string, known: readonly string[], count = 3): string[] {
  const limit = Math.max(2, Math.ceil(name.length * 0.4))
  return known
    .map((candidate) => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map(({ candidate }) => candidate)
}

/** ", did you mean X?" for the nearest known name, or nothing where none is near. */
export function suggestion(name: string, known: readonly string[]): string {
  const [nearest] = nearestNames(name, known, 1)
  return nearest === undefined ? "" : `, did you mean ${nearest}?`
}

/** Whether a value is a whole number of at least `least`. */
export function isCount(value: unknown, least = 1): value is number {
  return Number.isInteger(value) && (value as number) >= least
}

/** Throws a UsageError that names the option unless its value is a whole number of at least `least`. */
export function checkCount(name: string, value: unknown, least = 1): void {
  if (!isCount(value, least)) throw new UsageError(`${name} must be a whole number of at least ${least}, got ${value}`)
}

/** Levenshtein distance, with two neighbouring letters swapped counted as one edit. */
function editDistance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1))
  for (let i = 0; i <= a.length; i++) {
    for (let j = 0; j <= b.length; j++) {
      if (i === 0 || j === 0) {
        rows[i]![j] = i + j
        continue
      }
      let best = Math.min(
        rows[i - 1]![j]! + 1,
        rows[i]![j - 1]! + 1,
        rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1),
      )
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, rows[i - 2]![j - 2]! + 1)
      rows[i]![j] = best
    }
  }
  return rows[a.length]![b.length]!
}
