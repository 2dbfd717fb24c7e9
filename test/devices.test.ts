/** A whole model on each device: what it computes, and how it learns, against the CPU. */

import { describe, expect, test } from "vitest"
import { createTrainer, type Model } from "../src/index.ts"
import { backendFor } from "../src/runtime/backend.ts"
import { expectClose } from "./support/arrays.ts"
import { testDevices } from "./support/devices.ts"
import { adamw, batchOf, smallModel } from "./support/training.ts"

/** The same weights on another device. */
async function modelOn(device: string): Promise<Model> {
  const model = await smallModel()
  return Object.assign(model, { backend: await backendFor(device) })
}

describe.each(testDevices.filter((device) => device !== "cpu"))("a model on %s", (device) => {
  test("gives the logits and the features of the CPU", async () => {
    const [there, cpu] = [await modelOn(device), await modelOn("cpu")]
    const { images } = batchOf(0)
    expectClose("logits", await there.forward(images), await cpu.forward(images), 1e-4)
    expectClose("features", await there.forwardFeatures(images), await cpu.forwardFeatures(images), 1e-4)
    await Promise.all([there.dispose(), cpu.dispose()])
  })

  test("has the gradients of the CPU, and learns", async () => {
    const [there, cpu] = [await modelOn(device), await modelOn("cpu")]
    const trainer = await createTrainer(there, { optimizer: adamw })
    const reference = await createTrainer(cpu, { optimizer: adamw })
    const { loss, gradients } = await trainer.gradients(batchOf(0))
    const expected = await reference.gradients(batchOf(0))
    expect(loss).toBeCloseTo(expected.loss, 4)
    for (const [name, gradient] of Object.entries(expected.gradients)) {
      expectClose(`gradient of ${name}`, gradients[name]!, gradient, 1e-3)
    }
    for (let step = 0; step < 5; step++) await trainer.step(batchOf(0))
    expect((await trainer.gradients(batchOf(0))).loss).toBeLessThan(loss)
    await Promise.all([trainer.dispose(), reference.dispose(), there.dispose(), cpu.dispose()])
  })
})
