/** What the machine reaches at best: arithmetic in registers alone, and a matrix product that has to fetch its numbers. */

import { existsSync } from "node:fs"
import { availableParallelism } from "node:os"
import type { Benchmark, Row } from "./benchmark.ts"
import { formatSpread, type Spread } from "./measure.ts"
import { fmaPeer, internal, productWorker } from "./paths.ts"
import { compare, type SubjectStart } from "./subject.ts"

/** A piece of work, ready to be timed. */
interface CeilingSubject extends SubjectStart {
  /** Floating-point operations of it; a multiply-add is two. */
  operations: number
}

export const ceiling: Benchmark = {
  name: "ceiling",
  title: "What the machine reaches at best, in float32",
  async run() {
    const { CEILING_SIDE }: typeof import("../src/run/bench.ts") = await import(internal("run/bench.js"))
    const rows: Row[] = []
    for (const threads of new Set([1, availableParallelism()])) rows.push(...(await measure(threads, CEILING_SIDE)))
    return rows
  },
}

async function measure(threads: number, side: number): Promise<Row[]> {
  const subjects = [...fmaLoop(threads), matrixProduct(threads, side)]
  const { measured, failed } = await compare(subjects, 8, 2)
  const what = (name: string) => `${threads} ${threads === 1 ? "thread" : "threads"}: ${name}`
  const rates = measured.map(({ name, spread }) => {
    const { operations } = subjects.find((subject) => subject.name === name)!
    return { name, rate: rateOf(operations, spread) }
  })
  const loop = rates.find(({ name }) => name === LOOP)
  const reached = rates.map(({ name, rate }): Row => {
    const share = loop && name !== LOOP ? `, ${((100 * rate.median) / loop.rate.median).toFixed(0)} % of the loop` : ""
    return { what: what(name), result: `${formatSpread(rate, "GFLOP/s")}${share}` }
  })
  const missing = failed.map(({ name, reason }): Row => ({ what: what(name), result: `failed: ${reason}` }))
  return [...reached, ...missing, ...(existsSync(fmaPeer) ? [] : [{ what: what(LOOP), result: NOT_COMPILED }])]
}

const LOOP = "fused multiply-adds in registers"
const NOT_COMPILED = "left out: `npm run bench:peers` compiles it where there is a C compiler"

/** The same number of operations for each thread, so that starting threads does not count, however many there are. */
function fmaLoop(threads: number): CeilingSubject[] {
  if (!existsSync(fmaPeer)) return []
  const operations = threads * 8e9
  return [{ name: LOOP, program: fmaPeer, args: [], options: { threads, operations }, operations }]
}

function matrixProduct(threads: number, side: number): CeilingSubject {
  return {
    name: `matrix product, ${side} x ${side}`,
    program: process.execPath,
    args: [productWorker],
    options: { threads },
    operations: 2 * side ** 3,
  }
}

/** Billions of operations a second, from milliseconds. */
function rateOf(operations: number, { min, median, max }: Spread): Spread {
  const rate = (milliseconds: number) => operations / milliseconds / 1e6
  return { min: rate(max), median: rate(median), max: rate(min) }
}
