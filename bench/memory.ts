/** What keeping less of the forward pass saves in memory, and costs in time. */

import type { Benchmark, Row } from "./benchmark.ts"
import { formatGigabytes, formatSpread, runJson } from "./measure.ts"
import { stepWorker } from "./paths.ts"
import type { StepOptions, StepTimes } from "./step-worker.ts"

const tiny = { model: "convnext_tiny", batch: 8, size: 224, ema: false }

const cases: { options: StepOptions; goal: string }[] = [
  { options: { ...tiny, recompute: "none" }, goal: "<= 2.9 GB" },
  { options: { ...tiny, recompute: "cheap" }, goal: "<= 2.2 GB" },
  { options: { ...tiny, recompute: "block" }, goal: "<= 1.2 GB" },
  { options: { ...tiny, model: "convnext_base", recompute: "block", runs: 3 }, goal: "<= 3.5 GB" },
]

export const memory: Benchmark = {
  name: "memory",
  title: "Peak resident memory of a training step with AdamW and clipping, batch 8, 224 px",
  async run() {
    const rows: Row[] = []
    for (const { options, goal } of cases) {
      const { peakBytes, step } = await runJson<StepTimes>(stepWorker, options)
      const what = `${options.model}, recompute ${options.recompute}`
      rows.push({ what, result: `${formatGigabytes(peakBytes)}, ${formatSpread(step)}`, goal })
    }
    return rows
  },
}
