/** Times training steps in a process of its own, so that memory is its own too. Takes and prints JSON. */

import { createModel, createTrainer } from "convnext"
import { type Spread, spreadOf } from "./measure.ts"
import { internal } from "./paths.ts"

export interface StepOptions {
  model: string
  batch: number
  /** Side of the images in pixels. */
  size: number
  /** Default 0. */
  dropPathRate?: number
  /** Default "none". */
  recompute?: "none" | "cheap" | "block"
  /** Default none. */
  freeze?: "backbone"
  /** Keep a moving average. Default true. */
  ema?: boolean
  /** Steps that count. Default 8. */
  runs?: number
}

export interface StepTimes {
  /** Milliseconds from nothing to the first step done. */
  firstStep: number
  step: Spread
  /** What a step takes besides running its graph, of the same steps: gradient norm, optimizer, average, and the feeds. */
  outsideGraph: Spread
  peakBytes: number
  /** Multiply-accumulates of the forward pass of a batch. */
  macs: number
}

const options = JSON.parse(process.argv[2]!) as StepOptions
const { batch, size, dropPathRate, recompute, freeze, ema = true, runs = 8 } = options
const started = performance.now()
const { Program } = (await import(internal("runtime/program.js"))) as typeof import("../src/runtime/program.ts")
/** Milliseconds that graphs ran since it was set to zero. */
let graphTime = 0
const runGraph = Program.prototype.run
Program.prototype.run = async function (...args) {
  const start = performance.now()
  const results = await runGraph.apply(this, args)
  graphTime += performance.now() - start
  return results
}

const model = await createModel(options.model, { inputSize: size, dropPathRate, device: "cpu" })
const trainer = await createTrainer(model, {
  optimizer: { name: "adamw", lr: 1e-4, weightDecay: 0.05 },
  clipGradNorm: 1,
  ema: ema ? { decay: 0.999 } : undefined,
  recompute,
  freeze,
})
const { inChannels, numClasses } = model.config
const pixels = Float32Array.from({ length: batch * size * size * inChannels }, (_, i) => Math.sin(i))
const images = { shape: [batch, size, size, inChannels], dtype: "float32" as const, data: pixels }
const classes = Int32Array.from({ length: batch }, (_, i) => i % numClasses)
const targets = { shape: [batch], dtype: "int32" as const, data: classes }

await trainer.step({ images, targets })
const firstStep = performance.now() - started
await trainer.step({ images, targets })
await trainer.step({ images, targets })
const times: number[] = []
const outside: number[] = []
for (let run = 0; run < runs; run++) {
  graphTime = 0
  const start = performance.now()
  await trainer.step({ images, targets })
  const time = performance.now() - start
  times.push(time)
  outside.push(time - graphTime)
}
const result: StepTimes = {
  firstStep,
  step: spreadOf(times),
  outsideGraph: spreadOf(outside),
  peakBytes: process.resourceUsage().maxRSS * 1024,
  macs: model.macs() * batch,
}
console.log(JSON.stringify(result))
