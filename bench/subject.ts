/** Something whose speed is compared: a process that does one piece of work again and again, whenever it is asked. */

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { type Spread, spreadOf } from "./measure.ts"

/** The work that all subjects of a comparison do. */
export interface Work {
  /** `train`: forward, backward, clipping, AdamW and a moving average. `infer`: logits. */
  work: "train" | "infer"
  /** timm's name. */
  model: string
  batch: number
  /** Side of the images in pixels. */
  size: number
  threads: number
  /** Blocks of each stage, where they are not the model's own. */
  depths?: readonly number[]
  /** Stochastic depth of the last block, in training. */
  dropPathRate?: number
  /** What is not trained: all but the classifier, or all before the last stage. */
  freeze?: "backbone" | "stages"
}

/** How a subject is started; it gets its options as JSON in its last argument. */
export interface SubjectStart {
  name: string
  program: string
  args: readonly string[]
  options: object
  /** Whether it has no more turns once a piece of its work took `PATIENCE` times as long as the fastest subject's. */
  mayBeSlow?: boolean
}

const PATIENCE = 10

/** What a subject measured. */
export interface Measured {
  name: string
  /** Milliseconds of a piece of work. */
  spread: Spread
  /** Milliseconds of a piece of work in each round, as the median of its turn. */
  turns: number[]
  /** Whether it was too slow for more than one turn. */
  isSlow: boolean
  /** Milliseconds of the first one, with everything that is made for it. */
  first: number
  /** Of the process, at its highest. */
  peakBytes: number
  /** Of the packages that did the work. */
  versions: Readonly<Record<string, string>>
}

/** A subject that is ready: its work was done a few times already. */
class Subject {
  readonly name: string
  readonly mayBeSlow: boolean
  readonly times: number[] = []
  readonly turns: number[] = []
  peakBytes = 0
  ready!: { first: number; versions: Record<string, string> }
  readonly #child: ChildProcessWithoutNullStreams
  readonly #lines: AsyncIterator<string>
  readonly #errors: string[] = []
  readonly #closed: Promise<unknown>

  private constructor({ name, program, args, options, mayBeSlow = false }: SubjectStart) {
    this.name = name
    this.mayBeSlow = mayBeSlow
    this.#child = spawn(program, [...args, JSON.stringify(options)])
    this.#child.stderr.on("data", (chunk: Buffer) => this.#errors.push(chunk.toString()))
    this.#child.on("error", (error) => this.#errors.push(error.message))
    this.#closed = new Promise((resolve) => this.#child.on("close", resolve))
    // One that ended has said why on its error stream.
    this.#child.stdin.on("error", () => {})
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  /** Starts a subject. Throws an Error with its last words if it fails. */
  static async start(start: SubjectStart): Promise<Subject> {
    const subject = new Subject(start)
    subject.ready = await subject.#next()
    return subject
  }

  /** Has one more turn. Gives the milliseconds of each piece of work. */
  async measure(runs: number): Promise<number[]> {
    this.#child.stdin.write(`${JSON.stringify({ runs })}\n`)
    const { times, peakBytes } = await this.#next<{ times: number[]; peakBytes: number }>()
    this.peakBytes = peakBytes
    return times
  }

  async stop(): Promise<void> {
    const { exitCode, signalCode } = this.#child
    if (exitCode !== null || signalCode !== null) return
    this.#child.stdin.end()
    await this.#closed
  }

  async #next<T>(): Promise<T> {
    const { value, done } = await this.#lines.next()
    if (!done) return JSON.parse(value)
    // Its last words may come after the end of what it prints.
    await this.#closed
    const words = this.#errors.join("").trim().split("\n").slice(-3).join(" | ")
    throw new Error(words || "it ended without a word")
  }
}

/** What became of a comparison. */
export interface Comparison {
  measured: Measured[]
  /** Subjects that could not do the work, and why. */
  failed: { name: string; reason: string }[]
}

/**
 * How many times as fast as `other` a subject is: the median over the rounds of the ratio within each, in which both were
 * measured within seconds, so that a machine whose speed drifts counts for nothing. Beside one that was too slow for turns,
 * the ratio of the medians.
 */
export function speedRatio(subject: Measured, other: Measured): number {
  if (other.isSlow) return other.spread.median / subject.spread.median
  return spreadOf(subject.turns.map((time, round) => other.turns[round]! / time)).median
}

/**
 * Times all subjects side by side: they are made ready first, and then take turns, so that a machine that gets slower gets
 * slower for all of them.
 * @param rounds turns of each
 * @param runs pieces of work of one turn
 */
export async function compare(starts: readonly SubjectStart[], rounds: number, runs: number): Promise<Comparison> {
  const subjects: Subject[] = []
  const slow = new Set<Subject>()
  const broken = new Set<Subject>()
  const failed: Comparison["failed"] = []
  const fail = (name: string, error: unknown) => failed.push({ name, reason: (error as Error).message })
  /** One that ends in the middle has no result, and the others go on. */
  const attempt = async (subject: Subject, work: () => Promise<unknown>) => {
    try {
      await work()
    } catch (error) {
      broken.add(subject)
      fail(subject.name, error)
    }
  }
  try {
    for (const start of starts) {
      try {
        subjects.push(await Subject.start(start))
      } catch (error) {
        fail(start.name, error)
      }
    }
    // A piece of work each tells the slow ones, and counts for these alone.
    const trials = new Map<Subject, number>()
    for (const subject of subjects)
      await attempt(subject, async () => trials.set(subject, (await subject.measure(1))[0]!))
    const limit = PATIENCE * Math.min(...trials.values())
    for (const [subject, time] of trials) {
      if (!subject.mayBeSlow || time <= limit) continue
      slow.add(subject)
      subject.times.push(time)
    }
    for (let round = 0; round < rounds; round++) {
      const others = subjects.filter((subject) => !slow.has(subject) && !broken.has(subject))
      // Each goes first at times.
      const turn = round % others.length
      for (const subject of [...others.slice(turn), ...others.slice(0, turn)]) {
        await attempt(subject, async () => {
          const times = await subject.measure(runs)
          subject.times.push(...times)
          subject.turns.push(spreadOf(times).median)
        })
      }
    }
  } finally {
    await Promise.all(subjects.map((subject) => subject.stop()))
  }
  const whole = subjects.filter((subject) => !broken.has(subject))
  const measured = whole.map((subject) => ({
    name: subject.name,
    spread: spreadOf(subject.times),
    turns: subject.turns,
    isSlow: slow.has(subject),
    peakBytes: subject.peakBytes,
    ...subject.ready,
  }))
  return { measured, failed }
}
