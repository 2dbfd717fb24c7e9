/** What a benchmark is. */

export interface Row {
  /** What was measured. */
  what: string
  /** What came out, with its unit. */
  result: string
  /** What it should be, where something was promised. */
  goal?: string
  /** What is drawn of it. */
  chart?: Chart
}

/** Times beside each other. */
export interface Chart {
  /** How many times as fast as the best peer this package is. */
  ratio: number
  /** Milliseconds. */
  bars: { name: string; min: number; median: number; max: number }[]
}

export interface Benchmark {
  /** Chooses it on the command line. */
  name: string
  title: string
  /** @param filter a part of the name of the cases to run, where there are many. Default: all */
  run(filter?: string): Promise<Row[]>
}
