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
  // Of an even number of values the middle between two: the larger one alone would flatter a ratio.
  const [low, high] = [sorted[Math.ceil(sorted.length / 2) - 1]!, sorted[Math.floor(sorted.length / 2)]!]
  return { min: sorted[0]!, median: (low + high) / 2, max: sorted.at(-1)! }
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

/** A program that is timed from its start to its end. */
export interface Command {
  program: string
  args: readonly string[]
}

/**
 * Milliseconds from the start of a program to its end, `runs` times each after one that does not count. The commands take
 * turns, so that a machine that gets slower gets slower for all of them. One that fails is left out from then on, and gives
 * its Error instead.
 */
export async function timeCommands(runs: number, commands: readonly Command[]): Promise<(Spread | Error)[]> {
  const times = commands.map((): number[] => [])
  const errors = new Map<number, Error>()
  for (let turn = -1; turn < runs; turn++) {
    for (const [i, { program, args }] of commands.entries()) {
      if (errors.has(i)) continue
      const start = performance.now()
      try {
        await run(program, args)
        if (turn >= 0) times[i]!.push(performance.now() - start)
      } catch (error) {
        errors.set(i, error as Error)
      }
    }
  }
  return times.map((each, i) => errors.get(i) ?? spreadOf(each))
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
