/** In which order a study trains its steps. */

/**
 * The items so that any beginning of the list covers the whole as evenly as it can: the first and the last, then the middle
 * of every stretch between two of them, again and again. A study that is stopped early has the ends of its story.
 */
export function endsFirst<T>(items: readonly T[]): T[] {
  if (items.length < 2) return [...items]
  const last = items.length - 1
  const order = [0, last]
  let stretches: [from: number, to: number][] = [[0, last]]
  while (stretches.length > 0) {
    const halves: typeof stretches = []
    for (const [from, to] of stretches) {
      if (to - from < 2) continue
      const middle = Math.floor((from + to) / 2)
      order.push(middle)
      halves.push([from, middle], [middle, to])
    }
    stretches = halves
  }
  return order.map((index) => items[index]!)
}
