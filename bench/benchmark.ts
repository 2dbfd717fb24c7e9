/** What a benchmark is. */

export interface Row {
  /** What was measured. */
  what: string
  /** What came out, with its unit. */
  result: string
  /** What it should be, where something was promised. */
  goal?: string
}

export interface Benchmark {
  /** Chooses it on the command line. */
  name: string
  title: string
  run(): Promise<Row[]>
}
