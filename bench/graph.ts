/** The graph of a training step: the time to make it, and what the backward pass takes beside the forward pass. */

import type { Benchmark, Row } from "./benchmark.ts"
import type { GraphTimes } from "./graph-worker.ts"
import { formatSpread, runJson } from "./measure.ts"
import { graphWorker } from "./paths.ts"

export const graph: Benchmark = {
  name: "graph",
  title: "The graph of a training step, batch 8, 224 px",
  async run() {
    const rows: Row[] = []
    for (const [model, goal] of [
      ["convnext_tiny", "<= 2 s"],
      ["convnext_xlarge", "<= 6 s"],
    ] as const) {
      const { compile } = await runJson<GraphTimes>(graphWorker, { model, batch: 8, runs: 0 })
      rows.push({ what: `${model}, to build and compile`, result: `${(compile / 1000).toFixed(1)} s`, goal })
    }
    for (const [model, goal] of [
      ["resnet50", "<= 2.6"],
      ["resnext50_32x4d", ""],
      ["convnext_tiny", ""],
    ] as const) {
      const { forward, both } = await runJson<GraphTimes>(graphWorker, { model, batch: 8, runs: 7 })
      const ratio = (both!.median - forward!.median) / forward!.median
      rows.push({
        what: `${model}, backward / forward`,
        result: `${ratio.toFixed(2)}: forward ${formatSpread(forward!)}, both ${formatSpread(both!)}`,
        goal,
      })
    }
    return rows
  },
}
