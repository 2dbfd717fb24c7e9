/** Training for a long time takes no more memory than training for a while. */

import { expect, test } from "vitest"
import { createTrainer } from "../src/index.ts"
import { backendFor } from "../src/runtime/backend.ts"
import { createResidentTraining } from "../src/train/resident.ts"
import { testDevices } from "./support/devices.ts"
import { runningMean, smallBatch, smallGroups, smallWeights } from "./support/resident.ts"
import { adamw, batchOf, smallModel } from "./support/training.ts"

const WARM_UP = 200
const STEPS = 1000
/** What the engine's heap may settle by; far less than `kept` of a step's values would come to. */
const LIMIT_MB = 32

/** Megabytes that it would take if every step kept values of so many float32 elements. */
const kept = (elements: number): number => ((STEPS - WARM_UP) * 4 * elements) / 2 ** 20

/** Time for a software renderer. */
const TIMEOUT = 600_000

/** Megabytes by which the process grew between the steps WARM_UP and STEPS. */
async function growth(step: (k: number) => Promise<unknown>): Promise<number> {
  let before = 0
  for (let k = 0; k < STEPS; k++) {
    if (k === WARM_UP) before = process.memoryUsage().rss
    await step(k)
  }
  return (process.memoryUsage().rss - before) / 2 ** 20
}

test("a trainer holds its memory over 1,000 steps, with EMA, clipping and accumulation", async () => {
  const model = await smallModel()
  const trainer = await createTrainer(model, { optimizer: adamw, ema: { decay: 0.99 }, clipGradNorm: 1, accumulate: 2 })
  expect(kept(model.parameterCount)).toBeGreaterThan(LIMIT_MB)
  expect(await growth((k) => trainer.step(batchOf(k % 8)))).toBeLessThan(LIMIT_MB)
  await Promise.all([trainer.dispose(), model.dispose()])
})

test.each(testDevices)(
  "training that stays on %s holds its memory over 1,000 steps",
  async (device) => {
    const hidden = 512
    const groups = smallGroups(hidden)
    const parameters = groups.reduce((total, { size }) => total + size, 0)
    // The new parameters, their average and the two moments.
    expect(kept(4 * parameters)).toBeGreaterThan(LIMIT_MB)
    const training = await createResidentTraining({
      name: "small",
      backend: await backendFor(device),
      threads: 1,
      weights: smallWeights(hidden),
      buffers: [runningMean],
      groups,
      optimizer: { name: "adamw" },
      accumulate: 2,
      ema: true,
    })
    const step = (k: number) => training.step({ ...smallBatch(k % 8, 4, hidden), lr: 1e-3, emaDecay: 0.99 })
    expect(await growth(step)).toBeLessThan(LIMIT_MB)
    expect(training.counters).toEqual({ updates: STEPS / 2, batches: STEPS })
    await training.dispose()
  },
  TIMEOUT,
)
