/** The job of `npm start`: training on the images that come along, and using what came out of it. */

import { readFileSync } from "node:fs"
import { join } from "node:path"
import type { Benchmark, Row } from "./benchmark.ts"
import { run } from "./measure.ts"
import { bin, exampleImage, scratchFolder } from "./paths.ts"
import { helpCommand, predictCommand, timeShell } from "./shell.ts"

export const mainJob: Benchmark = {
  name: "main-job",
  title: "npm start, and the commands after it",
  async run() {
    const folder = join(scratchFolder(), "run")
    const start = performance.now()
    const { epochs, best } = JSON.parse(await run(process.execPath, [bin, "train", "--out", folder, "--json"]))
    const seconds = (performance.now() - start) / 1000
    const training = epochs.reduce((sum: number, epoch: { seconds: number }) => sum + epoch.seconds, 0)
    const memory = Math.max(...epochs.map(({ memoryBytes }: { memoryBytes: number }) => memoryBytes))
    const rows: Row[] = [
      { what: "training with validation", result: `${training.toFixed(0)} s`, goal: "<= 180 s" },
      { what: "the whole command", result: `${seconds.toFixed(0)} s` },
      { what: "top-1 of the 2,000 test images", result: `${(100 * best.top1).toFixed(1)} %`, goal: ">= 88 %" },
      { what: "peak resident memory", result: `${(memory / 1e6).toFixed(0)} MB`, goal: "<= 1,000 MB" },
      { what: "report.html", result: `${(readFileSync(join(folder, "report.html")).length / 1e3).toFixed(0)} kB` },
    ]
    const commands = [helpCommand, predictCommand([folder, exampleImage])]
    return [...rows, ...(await timeShell(commands))]
  },
}
