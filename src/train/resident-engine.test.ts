import { expect, test } from "vitest"
import { expectClose } from "../../test/support/arrays.ts"
import { batchOf, CLASSES, expectSameWeights } from "../../test/support/training.ts"
import { createModel, createTrainer, type Model, type TrainerOptions } from "../index.ts"
import type { StateDict } from "../models/network.ts"
import { UsageError } from "../tensor/errors.ts"

/** A network with running statistics. `ownMemory`: its values are kept as on a device with a memory of its own. */
async function smallResNet(ownMemory: boolean): Promise<Model> {
  const config = { layers: [1, 1, 1, 1], channels: [4, 4, 4, 8], block: "basic", zeroInitLast: false }
  const model = await createModel("resnet", { config, numClasses: CLASSES, threads: 1 })
  Object.defineProperty(model, "backend", { value: { ...model.backend, ownMemory } })
  return model
}

const options: TrainerOptions = {
  optimizer: { name: "adamw", lr: 1e-3, weightDecay: 0.05 },
  clipGradNorm: 1,
  accumulate: 2,
  ema: { decay: 0.9 },
}

function expectSameValues(actual: StateDict, expected: StateDict): void {
  expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort())
  for (const [name, value] of Object.entries(expected)) {
    expect(actual[name]!.shape, name).toEqual(value.shape)
    // A graph that the runtime rewrites rounds otherwise, and AdamW divides by small second moments.
    expectClose(name, actual[name]!, value, 1e-4, 1e-4)
  }
}

test("trains as in host memory does, and gives the same state, also between two updates", async () => {
  const [host, device] = [await smallResNet(false), await smallResNet(true)]
  const [one, two] = [await createTrainer(host, options), await createTrainer(device, options)]
  for (let k = 0; k < 5; k++) {
    const [expected, actual] = [await one.step(batchOf(k)), await two.step(batchOf(k))]
    expect(actual.loss).toBeCloseTo(expected.loss, 5)
    expect(actual.gradNorm / expected.gradNorm).toBeCloseTo(1, 4)
  }
  const { images } = batchOf(9)
  const averaged = await two.forward(images, { ema: true })
  expectClose("average's logits", averaged, await one.forward(images, { ema: true }), 1e-4)
  await two.sync()
  expectSameValues(device.stateDict(), host.stateDict())
  expectSameValues(two.emaStateDict(), one.emaStateDict())
  const [expected, actual] = [one.state(), two.state()]
  expectSameValues(actual.tensors, expected.tensors)
  expect({ ...actual, tensors: {} }).toEqual({ ...expected, tensors: {} })
})

test("values that are behind those of the device are not given away", async () => {
  const model = await smallResNet(true)
  const before = model.stateDict()
  const trainer = await createTrainer(model, options)
  await trainer.step(batchOf(0))
  for (const read of [() => model.stateDict(), () => trainer.emaStateDict(), () => trainer.state()]) {
    expect(read).toThrow(UsageError)
    expect(read).toThrow("await trainer.sync() first")
  }
  await trainer.step(batchOf(1))
  // The model's own forward pass takes what is newest.
  const { images } = batchOf(2)
  expectClose("logits", await model.forward(images), await trainer.forward(images), 1e-5)
  expect(model.stateDict()["fc.weight"]!.data).not.toEqual(before["fc.weight"]!.data)
})

test("weights that are loaded into the model count in the next step", async () => {
  const model = await smallResNet(true)
  const trainer = await createTrainer(model, options)
  await trainer.step(batchOf(0))
  expect(() => model.loadStateDict({})).toThrow("await trainer.sync() first")
  expect(() => model.resetClassifier(2)).toThrow("await trainer.sync() first")
  await trainer.sync()
  const weights = model.stateDict()
  for (const { data } of Object.values(weights)) if (data instanceof Float32Array && data.length > 64) data.reverse()
  model.loadStateDict(weights)
  const host = await smallResNet(false)
  host.loadStateDict(weights)
  const expected = await (await createTrainer(host, options)).gradients(batchOf(1))
  expect((await trainer.gradients(batchOf(1))).loss).toBeCloseTo(expected.loss, 4)
})

test("calls that overlap are done one after the other", async () => {
  const model = await smallResNet(true)
  const trainer = await createTrainer(model, options)
  const { images } = batchOf(5)
  const results = await Promise.all([
    trainer.step(batchOf(0)),
    trainer.step(batchOf(1)),
    trainer.forward(images, { ema: true }),
    trainer.sync(),
    trainer.step(batchOf(2)),
  ])
  expect(results[0].loss).toBeGreaterThan(0)
})

test("goes on from a state that host memory gave, and the other way round", async () => {
  for (const [from, to] of [
    [false, true],
    [true, false],
  ] as const) {
    const first = await smallResNet(from)
    const trainer = await createTrainer(first, options)
    for (let k = 0; k < 3; k++) await trainer.step(batchOf(k))
    await trainer.sync()

    const second = await smallResNet(to)
    second.loadStateDict(first.stateDict())
    const later = await createTrainer(second, options)
    await later.loadState(structuredClone(trainer.state()))
    expectSameWeights(later.emaStateDict(), trainer.emaStateDict())
    for (const each of [trainer, later]) {
      await each.step(batchOf(3))
      await each.sync()
    }
    expectSameValues(second.stateDict(), first.stateDict())
    expectSameValues(later.emaStateDict(), trainer.emaStateDict())
  }
})
