/** Times training steps in a process of its own, so that memory is its own too. Prints JSON. */

import { createModel, createTrainer } from "convnext"
import { spreadOf } from "./measure.ts"

const [name = "convnext_tiny", batch = "8", size = "224", runs = "8", threads] = process.argv.slice(2)
const [n, side] = [Number(batch), Number(size)]
const started = performance.now()
const model = await createModel(name, { inputSize: side, threads: threads ? Number(threads) : undefined })
const trainer = await createTrainer(model, {
  optimizer: { name: "adamw", lr: 1e-4, weightDecay: 0.05 },
  clipGradNorm: 1,
  ema: { decay: 0.999 },
})
const { inChannels, numClasses } = model.config
const pixels = Float32Array.from({ length: n * side * side * inChannels }, (_, i) => Math.sin(i))
const images = { shape: [n, side, side, inChannels], dtype: "float32" as const, data: pixels }
const targets = { shape: [n], dtype: "int32" as const, data: Int32Array.from({ length: n }, (_, i) => i % numClasses) }

await trainer.step({ images, targets })
const firstStep = performance.now() - started
await trainer.step({ images, targets })
await trainer.step({ images, targets })
const times: number[] = []
for (let run = 0; run < Number(runs); run++) {
  const start = performance.now()
  await trainer.step({ images, targets })
  times.push(performance.now() - start)
}
const result = {
  firstStep,
  step: spreadOf(times),
  peakBytes: process.resourceUsage().maxRSS * 1024,
  macs: model.macs() * n,
}
console.log(JSON.stringify(result))
