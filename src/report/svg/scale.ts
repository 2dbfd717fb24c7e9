/** Axes: which values get a tick, and where a value lies. */

/** The values to label on an axis, and their distance. */
export interface Ticks {
  values: number[]
  step: number
}

/**
 * Ticks at 1, 2 or 5 times a power of ten, about `count` of them. The first is at or below `min`, the last at or
 * above `max`, so they span the axis. A single value gets an axis around it, which goes below zero only if it does.
 * @param minStep 1 for an axis of whole numbers.
 */
export function niceTicks(min: number, max: number, count = 5, minStep = 0): Ticks {
  const size = Math.max(Math.abs(min), Math.abs(max))
  const single = max - min <= Math.max(size * 1e-9, smallest)
  const margin = single ? (size > smallest ? size / 10 : 1) : 0
  const low = min >= 0 ? Math.max(0, min - margin) : min - margin
  const high = max + margin
  const step = Math.max(niceStep((high - low) / count), minStep)
  const first = Math.floor(low / step + 1e-9)
  const last = Math.ceil(high / step - 1e-9)
  const values = Array.from({ length: last - first + 1 }, (_, i) => roundTo((first + i) * step, step))
  return { values, step }
}

/** Below this a distance cannot be divided into steps without losing its digits. */
const smallest = 1e-100

/** The 1, 2, 5 times a power of ten that is nearest above. */
function niceStep(raw: number): number {
  const power = 10 ** Math.floor(Math.log10(raw))
  const factor = [1, 2, 5].find((candidate) => candidate * power >= raw * (1 - 1e-9)) ?? 10
  return roundTo(factor * power, power)
}

/** Removes what binary fractions add: 0.30000000000000004 with a step of 0.1 is 0.3. */
function roundTo(value: number, step: number): number {
  return Number(value.toPrecision(2 + Math.ceil(Math.log10(Math.abs(value) / step + 1))))
}

/** Maps `domain` linearly onto `range`. */
export function linearScale(domain: [number, number], range: [number, number]): (value: number) => number {
  const [low, high] = domain
  const slope = high === low ? 0 : (range[1] - range[0]) / (high - low)
  return (value) => range[0] + (value - low) * slope
}

/** A coordinate with as many digits as a screen shows. */
export function coordinate(value: number): number {
  return Math.round(value * 100) / 100
}

/** Room that a text needs at the 11 to 13 px of the charts, near enough to lay them out. */
export function textWidth(text: string): number {
  return text.length * 6.8
}

/** A text of at most `length` characters. */
export function shorten(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text
}

/** Breaks a text between its words into lines of at most `length` characters; a longer word has a line of its own. */
export function wrapText(text: string, length: number): string[] {
  const lines = [""]
  for (const word of text.split(" ")) {
    const line = lines.at(-1)!
    if (line === "") lines[lines.length - 1] = word
    else if (line.length + 1 + word.length <= length) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  return lines
}
