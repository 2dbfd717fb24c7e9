/** Checks of the arguments that graphs are built with. Each throws a RangeError that says which argument it is. */

import { isCount } from "./errors.ts"

/** Throws unless `value` is a whole number of at least `least`. */
export function expectWhole(what: string, value: unknown, least = Number.NEGATIVE_INFINITY): void {
  if (isCount(value, least)) return
  const from = Number.isFinite(least) ? ` of at least ${least}` : ""
  throw new RangeError(`${what} must be a whole number${from}, got ${printed(value)}`)
}

/** One number for both axes, or [vertical, horizontal]. Throws unless they are whole numbers of at least `least`. */
export function wholePair(what: string, value: number | readonly [number, number], least: number): [number, number] {
  const [vertical, horizontal] = Array.isArray(value) ? wholeList(what, value, [2], least) : [value, value]
  expectWhole(what, vertical, least)
  return [vertical, horizontal] as [number, number]
}

/** The list. Throws unless it has one of these lengths, and holds whole numbers of at least `least`. */
export function wholeList(what: string, values: unknown, lengths: readonly number[], least: number): number[] {
  if (!Array.isArray(values) || !lengths.includes(values.length)) {
    throw new RangeError(`${what} must be ${lengths.join(" or ")} whole numbers, got ${printed(values)}`)
  }
  for (const value of values) expectWhole(what, value, least)
  return values
}

/** Throws unless `value` is one of the names. */
export function expectOneOf(what: string, value: unknown, names: readonly string[]): void {
  if (!names.includes(value as string)) {
    throw new RangeError(`${what} must be ${names.join(", ")}, got ${printed(value)}`)
  }
}

/** A value for a message: strings in quotes, lists in brackets. */
export function printed(value: unknown): string {
  if (typeof value === "string") return `"${value}"`
  return Array.isArray(value) ? `[${value.map(printed).join(", ")}]` : String(value)
}
