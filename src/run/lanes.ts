/** Work on many things, a few at a time. */

/**
 * `work` on every item, at most `lanes` of them under way at any time. The results are in the order of the items.
 * Rejects with the first error; nothing more is begun then.
 */
export async function mapInLanes<T, R>(
  items: readonly T[],
  lanes: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length)
  // One iterator for all lanes: each takes the next item that none has taken.
  const queue = items.entries()
  const lane = async () => {
    for (const [i, item] of queue) results[i] = await work(item)
  }
  await Promise.all(Array.from({ length: Math.min(lanes, items.length) }, lane))
  return results
}
