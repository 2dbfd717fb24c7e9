/** From a checkpoint on disk to a model that has answered once: time and memory, in a process of its own. */

import { rmSync, statSync } from "node:fs"
import { join } from "node:path"
import type { Benchmark, Row } from "./benchmark.ts"
import type { LoadTimes } from "./load-worker.ts"
import { formatGigabytes, formatSpread, runJson, spreadOf } from "./measure.ts"
import { loadWorker, scratchFolder } from "./paths.ts"

const MODEL = "convnext_base"
const RUNS = 5

export const load: Benchmark = {
  name: "load",
  title: `Loading ${MODEL}: from the file to a session, and to the first answer`,
  async run() {
    const rows: Row[] = []
    const folder = scratchFolder()
    try {
      for (const [format, goal] of [
        ["safetensors", "<= 1,500 ms, <= 2.2x"],
        ["pth", "<= 3,000 ms"],
      ] as const) {
        const path = join(folder, `model.${format}`)
        await runJson(loadWorker, { model: MODEL, path, write: true })
        const times: LoadTimes[] = []
        for (let run = 0; run < RUNS; run++) times.push(await runJson<LoadTimes>(loadWorker, { model: MODEL, path }))
        const peak = Math.max(...times.map(({ peakBytes }) => peakBytes))
        const share = `${(peak / statSync(path).size).toFixed(2)}x the file`
        const first = formatSpread(spreadOf(times.map(({ answered }) => answered)))
        const loaded = formatSpread(spreadOf(times.map(({ loaded }) => loaded)))
        rows.push({
          what: `.${format}, to the first answer`,
          result: `${first}, of which reading ${loaded}; peak ${formatGigabytes(peak)}, ${share}`,
          goal,
        })
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
    return rows
  },
}
