/** What a benchmark is. */

import type { Spread } from "./measure.ts"

export interface Row {
  /** What was measured. */
  what: string
  /** What came out, with its unit. */
  result: string
  /** What it should be, where something was promised. */
  goal?: string
  /** What is drawn of it. */
  chart?: Chart
  /** Of the packages that did the work, where several are compared. */
  versions?: Readonly<Record<string, string>>
}

/** The versions of all rows in a line, `torch 2.15.0, timm 1.0.31`; empty if none tells any. */
export function describeVersions(rows: readonly Row[]): string {
  const versions: Record<string, string> = Object.assign({}, ...rows.map((row) => row.versions))
  return Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(", ")
}

export type Chart = BarChart | LineChart

/** Times beside each other. */
export interface BarChart {
  /** How many times as fast as the best peer this package is. */
  ratio: number
  /** Milliseconds. */
  bars: ({ name: string } & Spread)[]
}

/** How something grows, beside a straight line. */
export interface LineChart {
  /** What is on the axes, each with its unit. */
  xLabel: string
  yLabel: string
  /** What a point is. */
  pointLabel: string
  points: ({ label: string; x: number } & Spread)[]
  /** The line `intercept + slope * x`. */
  line?: { label: string; intercept: number; slope: number }
}

export interface Benchmark {
  /** Chooses it on the command line. */
  name: string
  title: string
  /** @param filter a part of the name of the cases to run, where there are many. Default: all */
  run(filter?: string): Promise<Row[]>
}
