/** This package as a subject of a comparison: see `subject.ts` for what it says and hears. */

import { createInterface } from "node:readline"
import { createModel, createTrainer, type Model } from "convnext"
import type { Work } from "./subject.ts"

const options = JSON.parse(process.argv[2]!) as Work
const say = (value: object) => console.log(JSON.stringify(value))

const work = await prepare(options)
const start = performance.now()
await work()
const first = performance.now() - start
for (let i = 0; i < 2; i++) await work()
say({ first, versions: { node: process.versions.node } })
for await (const line of createInterface({ input: process.stdin })) {
  const times: number[] = []
  for (let i = 0; i < JSON.parse(line).runs; i++) {
    const start = performance.now()
    await work()
    times.push(performance.now() - start)
  }
  say({ times, peakBytes: process.resourceUsage().maxRSS * 1024 })
}

/** The work, ready to be done. */
async function prepare({ work, model: name, batch, size, threads, dropPathRate, freeze }: Work) {
  const model = await createModel(name, { inputSize: size, threads, dropPathRate, device: "cpu" })
  const { inChannels, numClasses } = model.config
  const pixels = Float32Array.from({ length: batch * size * size * inChannels }, (_, i) => Math.sin(i))
  const images = { shape: [batch, size, size, inChannels], dtype: "float32" as const, data: pixels }
  if (work === "infer") return () => model.forward(images)
  const trainer = await createTrainer(model, {
    optimizer: { name: "adamw", lr: 1e-4, weightDecay: 0.05 },
    clipGradNorm: 1,
    ema: { decay: 0.999 },
    freeze: freeze === "stages" ? beforeLastStage(model) : freeze,
  })
  const classes = Int32Array.from({ length: batch }, (_, i) => i % numClasses)
  const targets = { shape: [batch], dtype: "int32" as const, data: classes }
  return () => trainer.step({ images, targets })
}

/** Parameters before the last stage. */
function beforeLastStage(model: Model): string[] {
  const late = /^(stages\.3|layers\.3|layer4|head|norm|fc)\./
  return Object.keys(model.weights).filter((name) => !late.test(name))
}
