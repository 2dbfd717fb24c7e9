/** This package as a subject of a comparison: see `subject.ts` for what it says and hears. */

import { createRequire } from "node:module"
import { createModel, createTrainer, type Model } from "convnext"
import { serve } from "./serve.ts"
import type { Work } from "./subject.ts"

const require = createRequire(import.meta.url)
const versionOf = (name: string): string => require(`${name}/package.json`).version

await serve(await prepare(JSON.parse(process.argv[2]!)), {
  convnext: versionOf("convnext"),
  "onnxruntime-node": versionOf("onnxruntime-node"),
  node: process.versions.node,
})

/** The work, ready to be done. */
async function prepare({ work, model: name, batch, size, threads, depths, dropPathRate, freeze }: Work) {
  const config = depths && { depths }
  const model = await createModel(name, { config, inputSize: size, threads, dropPathRate, device: "cpu" })
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
