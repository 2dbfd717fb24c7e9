/** How long the networks of the roadmap take on this machine. */

import { createModel } from "../models/model.ts"
import { ndarray } from "../tensor/ndarray.ts"
import { Random } from "../tensor/random.ts"
import { createTrainer } from "../train/trainer.ts"

/** Seconds of one image, in batches. */
export interface Timing {
  inference: number
  /** Forward, backward and AdamW. */
  trainingStep: number
}

export interface MeasureOptions {
  /** Side of the images, in pixels. */
  imageSize: number
  /** Images of one batch. Default 4. */
  batchSize?: number
  /** What differs from the registered config. */
  config?: Readonly<Record<string, unknown>>
  /** A device's name, as `createModel` takes it. Default "auto". */
  device?: string
  /** Threads of one run. Default: the cores there are. */
  threads?: number
}

/** Timed runs, of which the fastest counts; others on the machine only ever make one slower. */
const RUNS = 3

/** Times a model with fresh weights on random images, each program once without the clock to be compiled. */
export async function measureModel(name: string, options: MeasureOptions): Promise<Timing> {
  const { imageSize, batchSize = 4, config, device, threads } = options
  const model = await createModel(name, { config, device, threads })
  const trainer = await createTrainer(model, { optimizer: { name: "adamw", lr: 1e-3 } })
  const { inChannels, numClasses } = model.config
  const shape = [batchSize, imageSize, imageSize, inChannels]
  const values = new Float32Array(batchSize * imageSize * imageSize * inChannels)
  new Random(0, "measure").fillNormal(values, 0, 1)
  const images = ndarray(values, shape)
  const targets = ndarray(
    Int32Array.from({ length: batchSize }, (_, i) => i % numClasses),
    [batchSize],
  )
  try {
    return {
      inference: (await fastest(() => model.forward(images))) / batchSize,
      trainingStep: (await fastest(() => trainer.step({ images, targets }))) / batchSize,
    }
  } finally {
    await trainer.dispose()
    await model.dispose()
  }
}

async function fastest(run: () => Promise<unknown>): Promise<number> {
  await run()
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < RUNS; i++) {
    const start = performance.now()
    await run()
    best = Math.min(best, performance.now() - start)
  }
  return best / 1000
}
