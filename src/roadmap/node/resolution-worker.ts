/** Times inference of one model at one size, in a process of its own, so that its memory is its own too. */

import { createModel } from "../../models/model.ts"
import { registerBackends } from "../../runtime/backend.ts"
import { createNodeBackend } from "../../runtime/node/ort.ts"
import { ndarray } from "../../tensor/ndarray.ts"
import { Random } from "../../tensor/random.ts"

export interface ResolutionJob {
  model: string
  size: number
  device: string | undefined
  threads: number | undefined
}

/** What the process sends back. */
export type ResolutionReport = { milliseconds: number; peakBytes: number; device: string } | { error: string }

/** Timed runs, of which the median counts. */
const RUNS = 5

async function measure({ model: name, size, device, threads }: ResolutionJob): Promise<ResolutionReport> {
  const model = await createModel(name, { inputSize: size, device, threads })
  const shape = [1, size, size, model.config.inChannels]
  const values = new Float32Array(size * size * model.config.inChannels)
  new Random(0, "resolution").fillNormal(values)
  const images = ndarray(values, shape)
  await model.forward(images) // compiles
  const times: number[] = []
  for (let run = 0; run < RUNS; run++) {
    const start = performance.now()
    await model.forward(images)
    times.push(performance.now() - start)
  }
  const milliseconds = times.sort((a, b) => a - b)[Math.floor(RUNS / 2)]!
  // Node gives it in KiB on every platform.
  return { milliseconds, peakBytes: process.resourceUsage().maxRSS * 1024, device: model.backend.device }
}

registerBackends(createNodeBackend)
process.once("disconnect", () => process.exit())
process.once("message", async (job: ResolutionJob) => {
  const report = await measure(job).catch((error: Error): ResolutionReport => ({ error: error.message }))
  process.send!(report, () => process.exit())
})
