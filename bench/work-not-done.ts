/** Work that a training step does not do: samples that stochastic depth drops, and what is frozen. */

import type { Benchmark, Row } from "./benchmark.ts"
import { formatSpread, runJson } from "./measure.ts"
import { stepWorker } from "./paths.ts"
import type { StepOptions, StepTimes } from "./step-worker.ts"

const base = { batch: 8, size: 224, runs: 5 }

const cases: { what: string; options: StepOptions; whole: StepOptions }[] = [
  {
    what: "convnext_small, drop path 0.4",
    options: { ...base, model: "convnext_small", dropPathRate: 0.4 },
    whole: { ...base, model: "convnext_small" },
  },
  {
    what: "convnext_tiny, the classifier alone",
    options: { ...base, model: "convnext_tiny", freeze: "backbone" },
    whole: { ...base, model: "convnext_tiny" },
  },
]

export const workNotDone: Benchmark = {
  name: "work-not-done",
  title: "A training step without what it need not compute, batch 8, 224 px",
  async run() {
    const rows: Row[] = []
    for (const { what, options, whole } of cases) {
      const all = await runJson<StepTimes>(stepWorker, whole)
      const less = await runJson<StepTimes>(stepWorker, options)
      const share = (100 * less.step.median) / all.step.median
      const result = `${formatSpread(less.step)}, ${share.toFixed(0)} % of ${formatSpread(all.step)}`
      rows.push({ what, result })
    }
    return rows
  },
}
