import { expect, test } from "vitest"
import { adamw, batchOf, makeTrainer, sgd, smallModel } from "../../test/support/training.ts"
import { memoryOf } from "../optim/kernels/space.ts"

test.each([
  ["adamw", { optimizer: adamw }],
  ["adamw, all that can be kept", { optimizer: adamw, ema: { decay: 0.9 }, accumulate: 2 }],
  ["sgd, all that can be kept", { optimizer: sgd, ema: { decay: 0.9 }, accumulate: 2 }],
])("what changes with each step lies in the memory of the kernels: %s", async (_, options) => {
  const trainer = await makeTrainer(options, await smallModel())
  await trainer.step(batchOf(0))
  const { tensors } = trainer.state()
  const kept = Object.entries(tensors).filter(([name, { dtype }]) => name !== "optimizer/step" && dtype === "float32")
  expect(kept.length).toBeGreaterThan(0)
  for (const [name, { data }] of kept) {
    expect(memoryOf(data as Float32Array), name).toBeDefined()
  }
})
