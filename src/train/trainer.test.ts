import { describe, expect, test, vi } from "vitest"
import { expectClose, largest, randomArray } from "../../test/support/arrays.ts"
import {
  adamw,
  batchOf,
  CLASSES,
  config,
  expectSameWeights,
  makeTrainer,
  part,
  sgd,
  smallModel,
} from "../../test/support/training.ts"
import { createModel, createTrainer, type Trainer, type TrainerOptions, type TrainingBatch } from "../index.ts"
import { dropPathFeeds, TrainingContext } from "../nn/context.ts"
import { gradientNorm } from "../optim/index.ts"
import { InputError, UsageError } from "../tensor/errors.ts"
import { evaluate } from "../tensor/evaluate.ts"
import { ndarray, zeros } from "../tensor/ndarray.ts"
import { crossEntropy } from "../tensor/ops/index.ts"
import { constant } from "../tensor/tensor.ts"
import { softTargets } from "./targets.ts"

describe("a step", () => {
  test("repeated on one batch brings the loss down", async () => {
    const trainer = await makeTrainer({ optimizer: { ...adamw, lr: 3e-3 } })
    const losses: number[] = []
    for (let i = 0; i < 15; i++) losses.push((await trainer.step(batchOf(0))).loss)
    expect(losses[14]!).toBeLessThan(losses[0]! / 2)
    expect(trainer.updates).toBe(15)
  })

  test("changes every parameter", async () => {
    const model = await smallModel()
    const before = model.stateDict()
    const trainer = await makeTrainer({ optimizer: sgd }, model)
    await trainer.step(batchOf(0))
    for (const [name, value] of Object.entries(model.stateDict())) {
      expect(value.data, name).not.toEqual(before[name]!.data)
    }
  })

  test("is the optimizer's update with the gradients of the batch", async () => {
    const model = await smallModel()
    const before = model.stateDict()
    const trainer = await makeTrainer({ optimizer: sgd }, model)
    const { loss, gradients } = await trainer.gradients(batchOf(0))
    expectSameWeights(model.stateDict(), before)
    const step = await trainer.step(batchOf(0))
    expect(step.loss).toBe(loss)
    expect(step.gradNorm).toBe(gradientNorm(Object.values(gradients).map(({ data }) => data as Float32Array)))
    expect(step.lr).toBe(sgd.lr)
    for (const [name, { data }] of Object.entries(model.stateDict())) {
      const expected = (before[name]!.data as Float32Array).map((w, i) => w - sgd.lr * Number(gradients[name]!.data[i]))
      expectClose(name, ndarray(data as Float32Array), ndarray(expected), 1e-6)
    }
  })

  test("shows in the model's own forward pass, and in the trainer's", async () => {
    const model = await smallModel()
    const { images } = batchOf(0)
    const before = await model.forward(images)
    const trainer = await makeTrainer({ optimizer: sgd }, model)
    expectClose("trainer's logits", await trainer.forward(images), before, 1e-5)
    await trainer.step(batchOf(0))
    const after = await model.forward(images)
    expect(after.data).not.toEqual(before.data)
    expectClose("trainer's logits", await trainer.forward(images), after, 1e-5)
  })

  test("takes a last batch that is smaller, and images of another size", async () => {
    const trainer = await makeTrainer({ optimizer: sgd })
    await trainer.step(batchOf(0))
    const { loss } = await trainer.gradients(part(batchOf(1), 0, 1))
    const losses = await Promise.all(
      [0, 1, 2, 3].map(async (n) => (await makeTrainer({ optimizer: sgd })).gradients(part(batchOf(1), n, n + 1))),
    )
    const whole = await (await makeTrainer({ optimizer: sgd })).gradients(batchOf(1))
    expect(losses.reduce((sum, { loss: one }) => sum + one, 0) / 4).toBeCloseTo(whole.loss, 5)
    expect(loss).not.toBe(losses[0]!.loss)
    const large = { images: randomArray([4, 12, 10, 3], "large"), targets: batchOf(0).targets }
    expect((await trainer.step(large)).loss).toBeGreaterThan(0)
  })

  test("takes shares as targets, and smooths them", async () => {
    const { images, targets } = batchOf(0)
    const shares = zeros([4, CLASSES])
    for (let n = 0; n < 4; n++) shares.data[n * CLASSES + Number(targets.data[n])] = 1
    const hard = await (await makeTrainer({ optimizer: sgd })).gradients({ images, targets })
    const soft = await (await makeTrainer({ optimizer: sgd })).gradients({ images, targets: shares })
    expect(soft).toEqual(hard)
    const smoothed = await makeTrainer({ optimizer: sgd, loss: { name: "cross-entropy", labelSmoothing: 0.1 } })
    const { loss } = await smoothed.gradients({ images, targets })
    for (let i = 0; i < shares.data.length; i++) shares.data[i] = shares.data[i]! * 0.9 + 0.1 / CLASSES
    expect(loss).toBeCloseTo(
      (await (await makeTrainer({ optimizer: sgd })).gradients({ images, targets: shares })).loss,
      6,
    )
    expect(loss).not.toBe(hard.loss)
  })
})

describe("the learning rate", () => {
  test("is the optimizer's, the schedule's by number of updates, or the one given with the batch", async () => {
    const fixed = await makeTrainer({ optimizer: sgd })
    expect((await fixed.step(batchOf(0))).lr).toBe(0.1)
    const scheduled = await makeTrainer({ optimizer: sgd, schedule: (t) => 0.01 * (t + 1), accumulate: 2 })
    const rates = []
    for (let k = 0; k < 4; k++) rates.push((await scheduled.step(batchOf(k))).lr)
    expect(rates).toEqual([0.01, 0.01, 0.02, 0.02])
    expect((await scheduled.step({ ...batchOf(4), lr: 0.5 })).lr).toBe(0.5)
  })

  test("of 0 changes no weight", async () => {
    const model = await smallModel()
    const before = model.stateDict()
    const trainer = await makeTrainer({ optimizer: adamw, schedule: () => 1 }, model)
    await trainer.step({ ...batchOf(0), lr: 0 })
    expectSameWeights(model.stateDict(), before)
  })

  test("is lower in early layers with layer decay", async () => {
    const moved = async (layerDecay?: number) => {
      const model = await smallModel()
      const before = model.stateDict()
      await (await makeTrainer({ optimizer: { ...sgd, layerDecay } }, model)).step(batchOf(0))
      const change = (name: string) => {
        const [after, old] = [model.weights[name]!.data, before[name]!.data]
        return largest(ndarray(Float32Array.from(after as Float32Array, (w, i) => w - Number(old[i]))))
      }
      return [change("stem.0.weight"), change("head.fc.weight")] as const
    }
    const [plain, decayed] = [await moved(), await moved(0.5)]
    // Five groups: the stem is four below the head.
    expect(decayed[0] / plain[0]).toBeCloseTo(0.5 ** 4, 3)
    expect(decayed[1]).toBe(plain[1])
  })
})

describe("accumulation", () => {
  test("over two halves is a step on the whole batch", async () => {
    const [whole, halves] = [await smallModel(), await smallModel()]
    const [one, two] = [
      await makeTrainer({ optimizer: sgd, clipGradNorm: 0.5, ema: { decay: 0.5 } }, whole),
      await makeTrainer({ optimizer: sgd, clipGradNorm: 0.5, ema: { decay: 0.5 }, accumulate: 2 }, halves),
    ]
    for (let k = 0; k < 3; k++) {
      const step = await one.step(batchOf(k))
      const first = await two.step(part(batchOf(k), 0, 2))
      expect(two.updates).toBe(k)
      const second = await two.step(part(batchOf(k), 2, 4))
      expect(two.updates).toBe(k + 1)
      expect((first.loss + second.loss) / 2).toBeCloseTo(step.loss, 4)
      expect(second.gradNorm / step.gradNorm).toBeCloseTo(1, 4)
    }
    const [averages, expected] = [two.emaStateDict(), one.emaStateDict()]
    for (const [name, value] of Object.entries(whole.weights)) {
      expectClose(name, halves.weights[name]!, value, 1e-4)
      expectClose(`average of ${name}`, averages[name]!, expected[name]!, 1e-4)
    }
  })

  test("changes nothing before the last batch of an update", async () => {
    const model = await smallModel()
    const before = model.stateDict()
    const trainer = await makeTrainer({ optimizer: sgd, accumulate: 3, ema: { decay: 0.9 } }, model)
    for (let k = 0; k < 2; k++) await trainer.step(batchOf(k))
    expectSameWeights(model.stateDict(), before)
    expectSameWeights(trainer.emaStateDict(), before)
    await trainer.step(batchOf(2))
    expect(model.stateDict()).not.toEqual(before)
  })
})

describe("clipping", () => {
  test("scales the update to the norm, and reports the norm before", async () => {
    const length = async (clipGradNorm?: number) => {
      const model = await smallModel()
      const before = model.stateDict()
      const { gradNorm } = await (await makeTrainer({ optimizer: { ...sgd, lr: 1 }, clipGradNorm }, model)).step(
        batchOf(0),
      )
      const changes = Object.entries(model.weights).map(([name, { data }]) =>
        Float32Array.from(data as Float32Array, (w, i) => w - Number(before[name]!.data[i])),
      )
      return { gradNorm, moved: gradientNorm(changes) }
    }
    const free = await length()
    expect(free.moved / free.gradNorm).toBeCloseTo(1, 4)
    const clipped = await length(free.gradNorm / 10)
    expect(clipped.gradNorm).toBe(free.gradNorm)
    expect(clipped.moved / (free.gradNorm / 10)).toBeCloseTo(1, 3)
    const loose = await length(free.gradNorm * 10)
    expect(loose.moved).toBe(free.moved)
  })
})

describe("the moving average", () => {
  test("starts from the first weights and follows each update", async () => {
    const model = await smallModel()
    const trainer = await makeTrainer({ optimizer: adamw, ema: 0.8 }, model)
    const expected = model.stateDict()
    expectSameWeights(trainer.emaStateDict(), expected)
    for (let k = 0; k < 3; k++) {
      await trainer.step(batchOf(k))
      for (const [name, { data }] of Object.entries(expected)) {
        for (let i = 0; i < data.length; i++)
          data[i] = 0.8 * Number(data[i]) + 0.2 * Number(model.weights[name]!.data[i])
      }
    }
    for (const [name, value] of Object.entries(trainer.emaStateDict())) expectClose(name, value, expected[name]!, 1e-6)
  })

  test("has a forward pass of its own", async () => {
    const trainer = await makeTrainer({ optimizer: sgd, ema: { decay: 0.5 } })
    for (let k = 0; k < 2; k++) await trainer.step(batchOf(k))
    const { images } = batchOf(0)
    const averaged = await createModel("convnext", { config, weights: trainer.emaStateDict(), numClasses: CLASSES })
    const logits = await trainer.forward(images, { ema: true })
    expectClose("logits", logits, await averaged.forward(images), 1e-5)
    expect(logits.data).not.toEqual((await trainer.forward(images)).data)
  })

  test("is a copy when asked for, and an error where there is none", async () => {
    const trainer = await makeTrainer({ optimizer: sgd, ema: { decay: 0.5 } })
    trainer.emaStateDict()["head.fc.bias"]!.data[0] = 99
    expect(trainer.emaStateDict()["head.fc.bias"]!.data[0]).toBe(0)
    const plain = await makeTrainer({ optimizer: sgd })
    expect(() => plain.emaStateDict()).toThrow(UsageError)
    await expect(plain.forward(batchOf(0).images, { ema: true })).rejects.toThrow("keeps no average")
  })
})

describe("stochastic depth", () => {
  test("drops or scales up a sample's branch, drawn anew for each batch at the block's rate", async () => {
    const rate = 0.75
    const model = await smallModel({ dropPathRate: rate, depths: [2] })
    const one = part(batchOf(0), 0, 1)
    const context = new TrainingContext(1)
    const { logits } = model.network.trace(1, 8, 8, context)
    const loss = crossEntropy(logits, constant(softTargets(one.targets, 1, CLASSES, 0)))
    const lossAt = (factor: number) => {
      const mask = dropPathFeeds(context.dropPaths[0]!, Float32Array.of(factor))
      return Number(evaluate({ loss }, { ...model.weights, ...mask, images: one.images }).loss!.data[0])
    }
    const [dropped, kept] = [lossAt(0), lossAt(1 / (1 - rate))]
    expect(Math.abs(dropped - kept)).toBeGreaterThan(1e-3)

    const trainer = await makeTrainer({ optimizer: { ...sgd, lr: 0 }, seed: 1 }, model)
    let keptSteps = 0
    for (let k = 0; k < 80; k++) {
      const step = await trainer.step(one)
      const near = [dropped, kept].filter((value) => Math.abs(step.loss - value) < 1e-5)
      expect(near, `loss ${step.loss}`).toHaveLength(1)
      if (near[0] === kept) keptSteps++
    }
    // 20 are expected, with a deviation of 3.9.
    expect(keptSteps).toBeGreaterThan(8)
    expect(keptSteps).toBeLessThan(32)
  })
})

describe("recomputation", () => {
  test.each([
    ["resnet", { layers: [1, 1, 1, 1], channels: [4, 4, 4, 8], block: "bottleneck", zeroInitLast: false }, 64],
    ["convnext", { depths: [1, 1], dims: [16, 32], patchSize: 2, dropRate: 0.5, useGrn: true }, 16],
    ["vit", { embedDim: 16, depth: 2, numHeads: 2, patchSize: 4, dropPathRate: 0.5, projDropRate: 0.1 }, 16],
    ["swin", { embedDim: 8, depths: [2, 2], numHeads: [2, 4], windowSize: 4, patchSize: 2, dropPathRate: 0.5 }, 16],
  ])("gives %s the same gradients, to the last bit", async (family, config, size) => {
    const images = randomArray([3, size, size, 3], "images")
    const targets = ndarray([0, 1, 2], [3], "int32")
    const results = []
    for (const recompute of ["none", "cheap", "block"] as const) {
      const model = await createModel(family, { config, inputSize: size, numClasses: CLASSES, threads: 1, seed: 2 })
      const trainer = await createTrainer(model, { optimizer: sgd, recompute })
      results.push(await trainer.gradients({ images, targets }))
    }
    for (const result of results.slice(1)) {
      expect(result.loss).toBe(results[0]!.loss)
      expectSameWeights(result.gradients, results[0]!.gradients)
    }
  })

  test.each(["cheap", "block"] as const)("%s trains to the same bits", async (recompute) => {
    const [kept, again] = await Promise.all(
      (["none", recompute] as const).map(async (mode) => {
        const model = await smallModel({ dropPathRate: 0.5 })
        const trainer = await makeTrainer({ optimizer: adamw, clipGradNorm: 1, recompute: mode }, model)
        for (let k = 0; k < 3; k++) await trainer.step(batchOf(k))
        return model.stateDict()
      }),
    )
    expectSameWeights(again!, kept!)
  })
})

describe("the same bits", () => {
  const options: TrainerOptions = { optimizer: adamw, clipGradNorm: 1, ema: { decay: 0.9 }, accumulate: 2, seed: 5 }
  const train = async (trainer: Trainer, from: number, to: number) => {
    const losses: number[] = []
    for (let k = from; k < to; k++) losses.push((await trainer.step(batchOf(k))).loss)
    return losses
  }

  test("come out of the same run twice, on two threads and with stochastic depth", async () => {
    const run = async (seed = 5) => {
      const model = await smallModel({ dropPathRate: 0.5, threads: 2 })
      const trainer = await makeTrainer({ ...options, seed }, model)
      return { losses: await train(trainer, 0, 6), weights: model.stateDict(), ema: trainer.emaStateDict() }
    }
    const [first, second, other] = [await run(), await run(), await run(6)]
    expect(second.losses).toEqual(first.losses)
    expectSameWeights(second.weights, first.weights)
    expectSameWeights(second.ema, first.ema)
    expect(other.losses).not.toEqual(first.losses)
  })

  test("come out of a run that was stopped and resumed, also between two batches of one update", async () => {
    for (const stop of [3, 4]) {
      const straight = await smallModel({ dropPathRate: 0.5 })
      const trainer = await makeTrainer(options, straight)
      const losses = await train(trainer, 0, 7)

      const before = await smallModel({ dropPathRate: 0.5 })
      const interrupted = await makeTrainer(options, before)
      await train(interrupted, 0, stop)
      const [saved, weights] = [structuredClone(interrupted.state()), before.stateDict()]
      await train(interrupted, stop, 7)

      const resumed = await smallModel({ dropPathRate: 0.5 })
      resumed.loadStateDict(weights)
      const later = await makeTrainer(options, resumed)
      await later.loadState(saved)
      expect(later.updates).toBe(Math.floor(stop / 2))
      expect(await train(later, stop, 7)).toEqual(losses.slice(stop))
      expectSameWeights(resumed.stateDict(), straight.stateDict())
      expectSameWeights(later.emaStateDict(), trainer.emaStateDict())
      expect(later.state()).toEqual(trainer.state())
    }
  })

  test("a state of another model or other options is refused", async () => {
    const trainer = await makeTrainer(options)
    const { tensors, ...counters } = trainer.state()
    const without = (prefix: string) => ({
      ...counters,
      tensors: Object.fromEntries(Object.entries(tensors).filter(([name]) => !name.startsWith(prefix))),
    })
    for (const prefix of ["optimizer/", "ema/", "accumulated/"]) {
      await expect(trainer.loadState(without(prefix)), prefix).rejects.toThrow(InputError)
    }
  })
})

describe("calls that overlap", () => {
  test("are done one after the other", async () => {
    const [one, two] = [await smallModel({ dropPathRate: 0.5 }), await smallModel({ dropPathRate: 0.5 })]
    const [first, second] = [await makeTrainer({ optimizer: adamw }, one), await makeTrainer({ optimizer: adamw }, two)]
    const batches = [0, 1, 2].map((k) => batchOf(k))
    const inSequence = []
    for (const batch of batches) inSequence.push(await first.step(batch))
    expect(await Promise.all(batches.map((batch) => second.step(batch)))).toEqual(inSequence)
    expectSameWeights(two.stateDict(), one.stateDict())
  })
})

describe("one graph", () => {
  test("serves batches of any size up to the largest, with the gradients of a graph of their own", async () => {
    const model = await smallModel()
    const trainer = await makeTrainer({ optimizer: sgd }, model)
    const created = vi.spyOn(model.backend, "createSession")
    await trainer.gradients(batchOf(0))
    for (const size of [1, 3, 2]) {
      const batch = part(batchOf(1), 0, size)
      const shared = await trainer.gradients(batch)
      const own = await (await makeTrainer({ optimizer: sgd }, await smallModel())).gradients(batch)
      expect(shared.loss).toBeCloseTo(own.loss, 6)
      for (const [name, value] of Object.entries(own.gradients)) expectClose(name, shared.gradients[name]!, value, 1e-5)
    }
    expect(created.mock.calls.length).toBeGreaterThan(0)
    created.mockClear()
    await trainer.gradients(part(batchOf(2), 0, 2))
    expect(created).not.toHaveBeenCalled()
    created.mockRestore()
  })
})

describe("a mistake", () => {
  test.each([
    [{ loss: "mse" }, "loss must be one of cross-entropy"],
    [{ recompute: "all" }, "recompute must be one of none, cheap, block"],
    [{ seed: 1.5 }, "seed must be a whole number"],
    [{ freeze: "foo" }, 'freeze must be "backbone"'],
    [{ optimizer: { ...sgd, weightDecay: -1 } }, "weightDecay must be at least 0"],
  ])("in the options %j is refused", async (options, message) => {
    const made = makeTrainer({ optimizer: sgd, ...options } as unknown as TrainerOptions)
    await expect(made).rejects.toThrow(UsageError)
    await expect(made).rejects.toThrow(message)
  })

  test("in the schedule is refused before it can do harm", async () => {
    const model = await smallModel()
    const before = model.stateDict()
    const trainer = await makeTrainer({ optimizer: sgd, schedule: () => Number.NaN }, model)
    await expect(trainer.step(batchOf(0))).rejects.toThrow("the learning rate of update 0 is NaN")
    expectSameWeights(model.stateDict(), before)
  })

  test("a new classifier needs a new trainer", async () => {
    const model = await smallModel()
    const trainer = await makeTrainer({ optimizer: sgd }, model)
    model.resetClassifier(7)
    await expect(trainer.step(batchOf(0))).rejects.toThrow("make a new trainer")
  })

  test("in the targets or images is refused, and nothing is changed", async () => {
    const model = await smallModel()
    const before = model.stateDict()
    const trainer = await makeTrainer({ optimizer: sgd }, model)
    const { images, targets } = batchOf(0)
    const wrong: [TrainingBatch, string][] = [
      [{ images, targets: ndarray([0, 1, 2, 4], [4], "int32") }, "target 3 must be a class from 0 to 3, got 4"],
      [
        { images, targets: ndarray([0, 1], [2], "int32") },
        "targets must be int32 [4] or float32 [4, 4], got int32 [2]",
      ],
      [{ images: zeros([4, 8, 8, 1]), targets }, "images must be [N, H, W, 3] with N of at least 1, got [4, 8, 8, 1]"],
      [{ images: zeros([8, 8, 3]), targets }, "images must be [N, H, W, 3]"],
      [{ images: zeros([0, 8, 8, 3]), targets }, "with N of at least 1, got [0, 8, 8, 3]"],
    ]
    for (const [batch, message] of wrong) await expect(trainer.step(batch)).rejects.toThrow(message)
    expectSameWeights(model.stateDict(), before)
    expect(trainer.updates).toBe(0)
  })

  test.each<[Partial<TrainerOptions>, string]>([
    [{ optimizer: { ...sgd, lr: -1 } }, "lr must be at least 0, got -1"],
    [{ optimizer: { ...sgd, lr: Number.NaN } }, "lr must be at least 0, got NaN"],
    [{ accumulate: 0 }, "accumulate must be a whole number of at least 1, got 0"],
    [{ accumulate: 1.5 }, "accumulate must be a whole number of at least 1, got 1.5"],
    [{ clipGradNorm: 0 }, "clipGradNorm must be above 0, got 0"],
    [{ ema: { decay: 1 } }, "ema.decay must be at least 0 and below 1, got 1"],
    [
      { ema: { warmup: true } as unknown as { decay: number } },
      "ema.decay must be at least 0 and below 1, got undefined",
    ],
    [{ ema: 1 }, "ema must be at least 0 and below 1, got 1"],
  ])("in the options is refused: %o", async (options, message) => {
    const made = makeTrainer({ optimizer: sgd, ...options })
    await expect(made).rejects.toThrow(UsageError)
    await expect(made).rejects.toThrow(message)
  })
})

test("a trainer that was disposed of can go on", async () => {
  const trainer = await makeTrainer({ optimizer: sgd })
  await trainer.step(batchOf(0))
  await trainer.dispose()
  expect((await trainer.step(batchOf(1))).loss).toBeGreaterThan(0)
  expect(trainer.updates).toBe(2)
  await trainer.dispose()
})
