/** What is done with the library in the browser and in Node alike. */

import type { Model, NdArray, Trainer, TrainerOptions } from "../../src/web.ts"

/** The part of both entry points that is used. */
interface Library {
  createModel(name: string, options: { numClasses: number; seed: number; device: string }): Promise<Model>
  createTrainer(model: Model, options: TrainerOptions): Promise<Trainer>
}

/** What it came to, as plain data that can leave a page. */
export interface Outcome {
  device: string
  reason: string
  logits: number[]
  losses: number[]
}

const CLASSES = 3
const SIDE = 16
const BATCH = 4

/** Pixels that look random and are the same everywhere. */
function pixels(): NdArray {
  const data = Float32Array.from({ length: BATCH * SIDE * SIDE * 3 }, (_, i) =>
    Math.fround(((i * 7919) % 1013) / 500 - 1),
  )
  return { shape: [BATCH, SIDE, SIDE, 3], dtype: "float32", data }
}

/** Makes convnext_mini, runs it, and trains it on one batch for a few steps. */
export async function exercise({ createModel, createTrainer }: Library, device: string): Promise<Outcome> {
  const model = await createModel("convnext_mini", { numClasses: CLASSES, seed: 3, device })
  const images = pixels()
  const logits = await model.forward(images)
  const trainer = await createTrainer(model, { optimizer: { name: "adamw", lr: 1e-3 } })
  const targets: NdArray = {
    shape: [BATCH],
    dtype: "int32",
    data: Int32Array.from({ length: BATCH }, (_, i) => i % CLASSES),
  }
  const losses: number[] = []
  for (let step = 0; step < 4; step++) losses.push((await trainer.step({ images, targets })).loss)
  const { reason, device: name } = model.backend
  await Promise.all([trainer.dispose(), model.dispose()])
  return { device: name, reason, logits: Array.from(logits.data as Float32Array), losses }
}
