/** Timing: repeated runs, of which the spread is told as well as the middle. */

import { spawn } from "node:child_process"
import { once } from "node:events"

/** Milliseconds (or whatever unit a benchmark says) of several runs. */
export interface Spread {
  min: number
  median: number
  max: number
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  return { min: sorted[0]!, median: sorted[Math.floor(sorted.length / 2)]!, max: sorted.at(-1)! }
}

/** Milliseconds that each of `runs` calls takes, after one that does not count. */
export async function time(runs: number, work: () => Promise<unknown>): Promise<Spread> {
  await work()
  const times: number[] = []
  for (let run = 0; run < runs; run++) {
    const start = performance.now()
    await work()
    times.push(performance.now() - start)
  }
  return spreadOf(times)
}

/** Runs a program to its end and gives what it printed. Throws an Error with its last words if it fails. */
export async function run(program: string, args: readonly string[], options: { cwd?: string } = {}): Promise<string> {
  const child = spawn(program, args, { ...options, stdio: ["ignore", "pipe", "pipe"] })
  const output: Buffer[] = []
  const errors: Buffer[] = []
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk))
  child.stderr.on("data", (chunk: Buffer) => errors.push(chunk))
  const [code] = await once(child, "close")
  if (code !== 0)
    throw new Error(`${program} ${args.join(" ")} ended with ${code}: ${Buffer.concat(errors).toString()}`)
  return Buffer.concat(output).toString()
}

/** Runs a worker of this folder with options, and gives what it printed. */
export async function runJson<T>(worker: string, options: object): Promise<T> {
  return JSON.parse(await run(process.execPath, [worker, JSON.stringify(options)]))
}

/** Runs `work` while another process keeps one core busy. */
export async function withBusyCore<T>(work: () => Promise<T>): Promise<T> {
  const busy = spawn(process.execPath, ["-e", "for (;;) Math.sqrt(2)"], { stdio: "ignore" })
  try {
    return await work()
  } finally {
    busy.kill("SIGKILL")
  }
}

/** `1,234 ms (1,200 to 1,300)` */
export function formatSpread({ min, median, max }: Spread, unit = "ms"): string {
  const digits = median < 10 ? 2 : 0
  const number = (value: number) => value.toLocaleString("en-US", { maximumFractionDigits: digits })
  return `${number(median)} ${unit} (${number(min)} to ${number(max)})`
}

/** `1.23 GB` */
export const formatGigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`
