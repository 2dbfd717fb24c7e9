/**
 * Patterns of tensor names that can be read and written: `stages.{s}.blocks.{b}.conv_dw.*`.
 *
 * - `{s}` is an index; `{s-1}`, `{2s}` and `{2s+1}` are computed from one, which is never negative.
 * - `*` is one part of a name, `**` any rest of it.
 */

/** The values of a pattern's indices by their letters, and of its stars by their place ("0", "1", ...). */
export type Bindings = ReadonlyMap<string, number | string>

/** What stands between the fixed texts of a pattern. */
type Slot = { kind: "index"; letter: string; factor: number; offset: number } | { kind: "text"; key: string }

const slotPattern = /\{(\d*)([a-z])([+-]\d+)?\}|\*\*|\*/g

export class Pattern {
  readonly text: string
  readonly #fixed: readonly string[]
  readonly #slots: readonly Slot[]
  readonly #regex: RegExp

  constructor(text: string) {
    this.text = text
    const slots: Slot[] = []
    const fixed: string[] = []
    let source = ""
    let end = 0
    for (const match of text.matchAll(slotPattern)) {
      const [whole, factor, letter, offset] = match
      const before = text.slice(end, match.index)
      end = match.index + whole.length
      fixed.push(before)
      if (letter === undefined) {
        slots.push({ kind: "text", key: String(slots.filter(({ kind }) => kind === "text").length) })
        source += `${escapeRegex(before)}(${whole === "**" ? ".+" : "[^.]+"})`
      } else {
        slots.push({ kind: "index", letter, factor: Number(factor || 1), offset: Number(offset ?? 0) })
        source += `${escapeRegex(before)}(0|[1-9]\\d*)`
      }
    }
    fixed.push(text.slice(end))
    this.#slots = slots
    this.#fixed = fixed
    this.#regex = new RegExp(`^${source}${escapeRegex(text.slice(end))}$`)
  }

  /** What makes the pattern this name, or undefined if nothing does. */
  match(name: string): Bindings | undefined {
    const found = this.#regex.exec(name)
    if (found === null) return undefined
    const bindings = new Map<string, number | string>()
    for (const [i, slot] of this.#slots.entries()) {
      const text = found[i + 1]!
      const [key, value] = slot.kind === "text" ? [slot.key, text] : [slot.letter, solve(slot, Number(text))]
      if (value === undefined || (bindings.get(key) ?? value) !== value) return undefined
      bindings.set(key, value)
    }
    return bindings
  }

  /** The name that these values make, or undefined where an index would be negative. */
  fill(bindings: Bindings): string | undefined {
    let name = this.#fixed[0]!
    for (const [i, slot] of this.#slots.entries()) {
      const value = slotValue(slot, bindings)
      if (typeof value === "number" && value < 0) return undefined
      name += `${value}${this.#fixed[i + 1]!}`
    }
    return name
  }
}

/** The index of which a computed one is `factor * index + offset`, if there is one. */
function solve({ factor, offset }: { factor: number; offset: number }, computed: number): number | undefined {
  const index = (computed - offset) / factor
  return Number.isInteger(index) && index >= 0 ? index : undefined
}

function slotValue(slot: Slot, bindings: Bindings): number | string {
  const value = bindings.get(slot.kind === "text" ? slot.key : slot.letter)
  if (value === undefined) throw new Error("a pattern has an index that the other side of its rule lacks")
  return slot.kind === "text" ? value : slot.factor * (value as number) + slot.offset
}

const escapeRegex = (text: string): string => text.replace(/[.$^()[\]|+?\\]/g, "\\$&")
