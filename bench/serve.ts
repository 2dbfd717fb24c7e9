/** What a subject's process says and hears: a line of JSON for each. See `subject.ts`; the peers in Python have their own. */

import { createInterface } from "node:readline"

/**
 * Does the work three times, the first of which is told apart, and then as often as each line asks that comes in.
 * @param work the work, ready to be done
 * @param versions of what does it
 */
export async function serve(work: () => unknown, versions: Readonly<Record<string, string>>): Promise<void> {
  const first = await time(work)
  for (let i = 0; i < 2; i++) await work()
  say({ first, versions })
  for await (const line of createInterface({ input: process.stdin })) {
    const times: number[] = []
    for (let i = 0; i < JSON.parse(line).runs; i++) times.push(await time(work))
    say({ times, peakBytes: process.resourceUsage().maxRSS * 1024 })
  }
}

/** Milliseconds. */
async function time(work: () => unknown): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

const say = (value: object) => console.log(JSON.stringify(value))
