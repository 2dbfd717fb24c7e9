/** How time and memory of a training step and of inference grow with what there is to do. */

import { availableParallelism } from "node:os"
import type { Benchmark, LineChart, Row } from "./benchmark.ts"
import { formatGigabytes, formatSpread, type Spread } from "./measure.ts"
import { subjectWorker } from "./paths.ts"
import { type Comparison, compare, type Measured, type SubjectStart, type Work } from "./subject.ts"

const cores = availableParallelism()
const base = { model: "convnext_tiny", batch: 4, size: 224, threads: cores } as const
/** Blocks of the model's stages. */
const depths: readonly number[] = [3, 3, 9, 3]

/** What changes along a curve. */
interface Axis {
  name: string
  /** What is counted on the axis. */
  unit: string
  /** One of them. */
  per: string
  /** More of it is meant to make the work faster, not longer. */
  divides?: boolean
  points: { label: string; x: number; work: Partial<Work> }[]
}

const axes: readonly Axis[] = [
  {
    name: "batch size",
    unit: "images per batch",
    per: "image",
    points: [1, 2, 4, 8, 16, 32].map((batch) => ({ label: `batch ${batch}`, x: batch, work: { batch } })),
  },
  {
    name: "image size",
    unit: "thousand pixels per image",
    per: "thousand pixels",
    points: [96, 128, 160, 192, 224, 256, 288].map((size) => ({
      label: `${size} px`,
      x: (size * size) / 1000,
      work: { size },
    })),
  },
  {
    name: "depth",
    unit: "blocks of the third stage",
    per: "block",
    points: [3, 9, 18, 27].map((blocks) => ({
      label: `${blocks} blocks`,
      x: blocks,
      work: { depths: depths.with(2, blocks) },
    })),
  },
  {
    name: "threads",
    unit: "threads",
    per: "thread",
    divides: true,
    points: threadCounts(cores).map((threads) => ({
      label: `${threads} ${threads === 1 ? "thread" : "threads"}`,
      x: threads,
      work: { threads },
    })),
  },
]

/** 1, 2, 4, ... and all. */
function threadCounts(all: number): number[] {
  const doublings = Array.from({ length: Math.ceil(Math.log2(all)) }, (_, i) => 2 ** i)
  return [...doublings, all]
}

/** The two kinds of work. Shorter ones need more repetitions to be as certain. */
const kinds = [
  { work: "train", name: "training step", rounds: 6 },
  { work: "infer", name: "inference", rounds: 12 },
] as const

export const scaling: Benchmark = {
  name: "scaling",
  title: `How time and memory grow: ${base.model}, batch ${base.batch}, ${base.size} px, ${cores} threads, where nothing else is said`,
  async run(filter) {
    const rows: Row[] = []
    for (const { work, name, rounds } of kinds) {
      for (const axis of axes) {
        const what = `${name} against ${axis.name}`
        if (axis.points.length < 2 || (filter !== undefined && !what.includes(filter))) continue
        const works = axis.points.map((point): Work => ({ ...base, work, ...point.work }))
        rows.push(...rowsOf(what, axis, await measure(axis, works, rounds)))
      }
    }
    return rows
  },
}

/** Times the points of a curve in turns: as many processes at once as there is memory for. */
async function measure({ points }: Axis, works: readonly Work[], rounds: number): Promise<Comparison> {
  const total: Comparison = { measured: [], failed: [] }
  for (const group of groupByMemory(works)) {
    const starts = group.map((work): SubjectStart => {
      const { label } = points[works.indexOf(work)]!
      return { name: label, program: process.execPath, args: [subjectWorker], options: work }
    })
    const { measured, failed } = await compare(starts, rounds, 1)
    total.measured.push(...measured)
    total.failed.push(...failed)
  }
  return total
}

/** Consecutive works whose processes fit in what memory is free, a fifth of it left alone. */
function groupByMemory(works: readonly Work[]): Work[][] {
  const room = 0.8 * process.availableMemory()
  const groups: Work[][] = []
  let taken = Number.POSITIVE_INFINITY
  for (const work of works) {
    const bytes = expectedBytes(work)
    const fits = taken + bytes <= room
    if (fits) groups.at(-1)!.push(work)
    else groups.push([work])
    taken = fits ? taken + bytes : bytes
  }
  return groups
}

/** Bytes that a process takes, as measured once: so much for the weights, so much for each block and image. */
function expectedBytes({ work, batch, size, depths: given = depths }: Work): number {
  const blocks = batch * (size / 224) ** 2 * given.reduce((sum, depth) => sum + depth, 0)
  return work === "train" ? 1.1e9 + 1e7 * blocks : 5e8 + 1e6 * blocks
}

function rowsOf(what: string, axis: Axis, { measured, failed }: Comparison): Row[] {
  const points = axis.points.flatMap(({ label, x }) => {
    const found = measured.find(({ name }) => name === label)
    return found ? [{ ...found, label, x }] : []
  })
  const each = points.map(
    ({ label, spread, peakBytes }): Row => ({
      what: `${what}: ${label}`,
      result: `${formatSpread(spread)}, ${formatGigabytes(peakBytes)}`,
    }),
  )
  const missing = failed.map(({ name, reason }): Row => ({ what: `${what}: ${name}`, result: `failed: ${reason}` }))
  if (points.length < 2) return [...each, ...missing]
  const time = axis.divides ? speedUp(axis, points) : growth(axis, "ms", points.map(timePoint))
  const memory = growth(axis, "GB", points.map(memoryPoint))
  return [
    { what: `**${what}: ${axis.divides ? "speed-up" : "time"}**`, ...time },
    { what: `**${what}: peak resident memory**`, ...memory },
    ...each,
    ...missing,
  ]
}

type Point = Measured & { label: string; x: number }
type Drawn = Pick<Row, "result" | "chart">

const timePoint = ({ label, x, spread }: Point) => ({ label, x, ...spread })

function memoryPoint({ label, x, peakBytes }: Point): LineChart["points"][number] {
  const gigabytes = peakBytes / 1e9
  return { label, x, min: gigabytes, median: gigabytes, max: gigabytes }
}

const SPREAD = "median, fastest to slowest"

/** How far values are from a straight line. */
function growth({ unit, per }: Axis, yUnit: "ms" | "GB", points: LineChart["points"]): Drawn {
  const isTime = yUnit === "ms"
  const chart: LineChart = {
    xLabel: unit,
    yLabel: isTime ? "time, ms" : "peak resident memory, GB",
    pointLabel: isTime ? SPREAD : "peak of a process",
    points,
  }
  // Two points are always on a line.
  if (points.length < 3) {
    const values = points.map(({ label, median }) => `${significant(median)} ${yUnit} (${label})`)
    return { result: values.join(", "), chart }
  }
  const { intercept, slope } = leastSquares(points)
  const deviations = points.map(({ label, x, median }) => ({
    label,
    share: Math.abs(median - intercept - slope * x) / median,
  }))
  const { label, share } = deviations.reduce((most, each) => (each.share > most.share ? each : most))
  const line = `${significant(intercept)} ${yUnit} + ${significant(slope)} ${yUnit} per ${per}`
  return {
    result: `${line}; at most ${(100 * share).toFixed(1)} % off that line (${label})`,
    chart: { ...chart, line: { label: "least squares", intercept, slope } },
  }
}

/** How many times as fast as the first point the others are. */
function speedUp({ unit }: Axis, points: readonly Point[]): Drawn {
  const one = points[0]!.spread.median
  const drawn = points.map(({ label, x, spread }) => ({ label, x, ...inverse(one, spread) }))
  const last = drawn.at(-1)!
  const ideal = last.x / drawn[0]!.x
  return {
    result: `${last.median.toFixed(2)}x with ${last.label}: ${((100 * last.median) / ideal).toFixed(0)} % of the ideal ${ideal}x`,
    chart: {
      xLabel: unit,
      yLabel: `speed-up over ${drawn[0]!.label}`,
      pointLabel: SPREAD,
      points: drawn,
      line: { label: "ideal", intercept: 0, slope: 1 / drawn[0]!.x },
    },
  }
}

/** The spread of `one` divided by what varies: the longest time is the least speed-up. */
const inverse = (one: number, { min, median, max }: Spread): Spread => ({
  min: one / max,
  median: one / median,
  max: one / min,
})

/** The line `intercept + slope * x` with the least sum of squared distances from the medians. */
function leastSquares(points: LineChart["points"]): { intercept: number; slope: number } {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const [meanX, meanY] = [mean(points.map(({ x }) => x)), mean(points.map(({ median }) => median))]
  const slope =
    mean(points.map(({ x, median }) => (x - meanX) * (median - meanY))) / mean(points.map(({ x }) => (x - meanX) ** 2))
  return { intercept: meanY - slope * meanX, slope }
}

/** With three digits. */
const significant = (value: number) =>
  Number(value.toPrecision(3)).toLocaleString("en-US", { maximumFractionDigits: 6 })
