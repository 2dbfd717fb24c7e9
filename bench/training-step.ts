/** A training step with optimizer, clipping and average, on an idle machine and with one core taken by another process. */

import type { Benchmark, Row } from "./benchmark.ts"
import { formatGigabytes, formatSpread, runJson, withBusyCore } from "./measure.ts"
import { stepWorker } from "./paths.ts"
import type { StepOptions, StepTimes } from "./step-worker.ts"

const cases: StepOptions[] = [
  { model: "convnext_tiny", batch: 8, size: 224 },
  { model: "convnext_mini", batch: 64, size: 32 },
]

export const trainingStep: Benchmark = {
  name: "training-step",
  title: "A training step, fp32",
  async run() {
    const rows: Row[] = []
    for (const options of cases) {
      const measure = () => runJson<StepTimes>(stepWorker, options)
      const idle = await measure()
      const busy = await withBusyCore(measure)
      const what = `${options.model}, batch ${options.batch}, ${options.size} px`
      // A step is three forward passes of multiply-accumulates, each two operations.
      const rate = (6 * idle.macs) / idle.step.median / 1e6
      const share = (100 * idle.outsideGraph.median) / idle.step.median
      rows.push(
        { what, result: `${formatSpread(idle.step)}, ${rate.toFixed(0)} GFLOP/s` },
        {
          what: `${what}, outside of the graph: optimizer, EMA and gradient norm`,
          result: `${formatSpread(idle.outsideGraph)}, ${share.toFixed(1)} % of the step`,
          goal: "<= 5 %",
        },
        { what: `${what}, one core busy`, result: formatSpread(busy.step) },
        { what: `${what}, from nothing to the first step done`, result: `${(idle.firstStep / 1000).toFixed(1)} s` },
        { what: `${what}, peak resident memory`, result: formatGigabytes(idle.peakBytes) },
      )
    }
    return rows
  },
}
