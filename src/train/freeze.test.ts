import { describe, expect, test } from "vitest"
import { countOps } from "../../test/support/check-pass.ts"
import { adamw, batchOf, CLASSES, makeTrainer, sgd, smallModel } from "../../test/support/training.ts"
import { createModel } from "../index.ts"
import { Network } from "../models/network.ts"
import { describeModel } from "../models/registry.ts"
import { UsageError } from "../tensor/errors.ts"
import { parseFreeze, trainedParameters } from "./freeze.ts"
import { buildStepGraph } from "./step-graph.ts"

const tiny = new Network(describeModel("convnext", { depths: [1, 2], dims: [16, 32], patchSize: 2, numClasses: 3 }))

describe("what trains", () => {
  const all = [...tiny.parameters.keys()]

  test.each([
    [undefined, all],
    ["backbone" as const, ["head.fc.weight", "head.fc.bias"]],
    [0, all],
    [1, all.filter((name) => !name.startsWith("stem."))],
    [["stem", "stages.0"], all.filter((name) => !/^(stem|stages\.0)\./.test(name))],
    [["*.conv_dw.weight"], all.filter((name) => !name.endsWith("conv_dw.weight"))],
    [["stages.0.blocks.0.gamma"], all.filter((name) => name !== "stages.0.blocks.0.gamma")],
  ])("with freeze %j", (freeze, expected) => {
    expect(trainedParameters(tiny, freeze)).toEqual(expected)
  })

  test.each([
    [["stages.7"], "convnext has no parameter stages.7"],
    [["stag"], "has no parameter stag"],
    [-1, "must be a whole number of layer groups"],
    [1.5, "must be a whole number of layer groups"],
    [99, "leaves nothing to train"],
    [["*"], "leaves nothing to train"],
  ])("freeze %j is refused", (freeze, message) => {
    expect(() => trainedParameters(tiny, freeze)).toThrow(UsageError)
    expect(() => trainedParameters(tiny, freeze)).toThrow(message)
  })
})

test.each([
  ["backbone", "backbone"],
  ["3", 3],
  ["stem, stages.0", ["stem", "stages.0"]],
  ["stem", ["stem"]],
])("--freeze %s is read", (text, freeze) => {
  expect(parseFreeze(text)).toEqual(freeze)
})

describe("frozen parameters", () => {
  const options = { images: [4, 16, 16, 3] as [number, number, number, number], recompute: "none" as const }

  test("cost no gradient and keep no activation", () => {
    const whole = buildStepGraph(tiny, { ...options, trained: trainedParameters(tiny, undefined) })
    const head = buildStepGraph(tiny, { ...options, trained: trainedParameters(tiny, "backbone") })
    expect(countOps(whole.graph).conv2dFilterGradient).toBe(3)
    const forward = countOps({ loss: head.graph.loss! })
    // One product each for the gradients of weight and bias; nothing of the backbone's backward pass.
    const backward = Object.entries(countOps(head.graph)).filter(([op, count]) => count !== (forward[op] ?? 0))
    for (const [op] of backward) expect(op).not.toMatch(/conv2d|layerNorm|scaledGelu/)
    expect(Object.keys(head.graph)).toEqual(["loss", "gradient/head.fc.weight", "gradient/head.fc.bias"])
  })

  test("are chains of blocks before the first layer that trains, and there alone", async () => {
    const config = { depths: [1, 1, 1], dims: [16, 16, 32], patchSize: 2, numClasses: CLASSES, lsInitValue: 0.5 }
    const model = await createModel("convnext", { config, threads: 1, device: "cpu", seed: 2 })
    const { block } = model.backend
    const whole = await (await makeTrainer({ optimizer: sgd }, model)).gradients(batchOf(0))
    for (const [freeze, layers] of [
      [["stem", "stages.0", "stages.1"], 4],
      // Gradients flow through what is frozen behind a layer that trains.
      [["stem", "stages.0", "stages.2"], 2],
      [["stages.0"], 0],
    ] as const) {
      const trained = trainedParameters(model.network, freeze)
      const { graph } = buildStepGraph(model.network, { ...options, trained, block: 16 })
      expect(countOps(graph).blockedDense ?? 0, freeze.join()).toBe(layers)
      if (block === 0) continue
      for (const recompute of ["none", "cheap", "block"] as const) {
        const { gradients } = await (await makeTrainer({ optimizer: sgd, freeze, recompute }, model)).gradients(
          batchOf(0),
        )
        for (const [name, { data }] of Object.entries(gradients)) {
          const expected = whole.gradients[name]!.data as Float32Array
          const scale = Math.max(...expected.map(Math.abs))
          const worst = Math.max(...(data as Float32Array).map((value, i) => Math.abs(value - expected[i]!)))
          expect(worst, `${recompute}, ${name}`).toBeLessThan(1e-5 * scale + 1e-9)
        }
      }
    }
  })

  test("stay as they are, and the others get the gradients that they get when all train", async () => {
    const model = await smallModel()
    const before = model.stateDict()
    const whole = await (await makeTrainer({ optimizer: sgd }, model)).gradients(batchOf(0))
    const trainer = await makeTrainer(
      { optimizer: { ...sgd, weightDecay: 0.1 }, freeze: 1, ema: { decay: 0.5 } },
      model,
    )
    const { gradients, loss } = await trainer.gradients(batchOf(0))
    expect(loss).toBeCloseTo(whole.loss, 6)
    expect(Object.keys(gradients)).toEqual(Object.keys(whole.gradients).filter((name) => !name.startsWith("stem.")))
    for (const [name, { data }] of Object.entries(gradients)) {
      for (const [i, value] of data.entries())
        expect(Number(value)).toBeCloseTo(Number(whole.gradients[name]!.data[i]), 5)
    }
    await trainer.step(batchOf(0))
    for (const [name, { data }] of Object.entries(model.stateDict())) {
      if (name.startsWith("stem.")) expect(data, name).toEqual(before[name]!.data)
      else expect(data, name).not.toEqual(before[name]!.data)
    }
    expect(Object.keys(trainer.emaStateDict())).toEqual(Object.keys(before))
    expect(trainer.emaStateDict()["stem.0.weight"]!.data).toEqual(before["stem.0.weight"]!.data)
  })

  test("that are loaded anew count in the next step", async () => {
    const model = await smallModel()
    const trainer = await makeTrainer({ optimizer: { ...adamw, lr: 0 }, freeze: "backbone" }, model)
    const { loss } = await trainer.step(batchOf(0))
    const weights = model.stateDict()
    for (const { data } of Object.values(weights)) (data as Float32Array).reverse()
    model.loadStateDict(weights)
    expect((await trainer.step(batchOf(0))).loss).not.toBe(loss)
  })

  test("run with their running statistics, and these stay", async () => {
    const config = { layers: [1, 1, 1, 1], channels: [4, 4, 4, 4], block: "basic" }
    const model = await createModel("resnet", { config, numClasses: CLASSES, threads: 1 })
    const before = model.stateDict()
    const trainer = await makeTrainer({ optimizer: sgd, freeze: ["conv1", "bn1", "layer1"] }, model)
    await trainer.step(batchOf(0))
    for (const [name, { data }] of Object.entries(model.stateDict())) {
      if (/^(conv1|bn1|layer1)\./.test(name)) expect(data, name).toEqual(before[name]!.data)
      else if (/running_|^fc\./.test(name)) expect(data, name).not.toEqual(before[name]!.data)
    }
  })
})
