/** Swin Transformers of other sizes against timm: README.md says how the numbers were made. */

import { describe, expect, test } from "vitest"
import "../../../src/index.ts"
import { createModel } from "../../../src/models/model.ts"
import { Network } from "../../../src/models/network.ts"
import { describeModel } from "../../../src/models/registry.ts"
import { fitTable, resampleTable } from "../../../src/models/swin/relative-position.ts"
import type { Size } from "../../../src/models/swin/windows.ts"
import { evaluate } from "../../../src/tensor/evaluate.ts"
import { type NdArray, ndarray } from "../../../src/tensor/ndarray.ts"
import { input } from "../../../src/tensor/tensor.ts"
import { createTrainer } from "../../../src/train/trainer.ts"
import { expectClose } from "../../support/arrays.ts"
import { readGolden, readGoldenTensors } from "../../support/golden.ts"
import { hashImages, hashTargets, hashUniform, hashWeights } from "../../support/hash-weights.ts"

interface SwinGolden {
  cases: {
    id: string
    what: string
    config: { numClasses: number }
    /** [N, C, H, W] */
    input: [number, number, number, number]
    loss?: number
  }[]
  tables: { id: string; input: string; from: Size; to: Size }[]
  layerGroups: { config: Record<string, unknown>; groups: [parameter: string, group: number][] }
}

const golden = readGolden<SwinGolden>(import.meta.url, "swin.json")
const stored = await readGoldenTensors(import.meta.url, "swin.safetensors")

/** The stored tensors whose names begin like this, without it. */
const storedUnder = (prefix: string): Record<string, NdArray> =>
  Object.fromEntries(
    Object.entries(stored).flatMap(([name, value]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [],
    ),
  )

/** A model with the golden weights. */
async function goldenModel(config: Record<string, unknown>) {
  const model = await createModel("swin", { config, threads: 1 })
  model.loadStateDict(hashWeights(model.stateDict()))
  return model
}

test.each(golden.cases)("$id: $what", async ({ id, config, input: shape }) => {
  const expected = storedUnder(`${id}/`)
  const model = await goldenModel(config)
  const images = hashImages("x0", shape)
  const [coarsest, levels] = [await model.forwardFeatures(images), await model.forwardPyramid(images)]
  expectClose("logits", await model.forward(images), expected.logits!, 3e-6)
  expectClose("features", coarsest, expected.features!, 3e-6)
  levels.forEach((level, i) => {
    expectClose(`level ${i}`, level, expected[`level${i}`]!, 3e-6)
  })
  await model.dispose()
})

const trained = golden.cases.filter(({ loss }) => loss !== undefined)

test.each(trained)("$id: one step has PyTorch's loss and gradients", async ({ id, config, input: shape, loss }) => {
  const model = await goldenModel(config)
  const trainer = await createTrainer(model, { optimizer: { name: "adamw", lr: 1e-3 } })
  const batch = { images: hashImages("x0", shape), targets: hashTargets("y0", shape[0], config.numClasses, 0.1) }
  const step = await trainer.gradients(batch)
  expect(Math.abs(step.loss - loss!)).toBeLessThan(2e-6)
  const expected = storedUnder(`${id}/grad/`)
  expect(Object.keys(step.gradients).sort()).toEqual(Object.keys(expected).sort())
  for (const [name, gradient] of Object.entries(step.gradients)) {
    expectClose(name, gradient, expected[name]!, 2e-5, 1e-4)
  }
  await trainer.dispose()
  await model.dispose()
})

describe.each(golden.tables)("a table for windows of $from for windows of $to", ({ id, input: name, from, to }) => {
  const rows = (2 * from[0] - 1) * (2 * from[1] - 1)
  const table = ndarray(new Float32Array(hashUniform(name, 2 * rows)), [rows, 2])

  test("is timm's when it is loaded", () => {
    expectClose("table", fitTable(table, to), stored[id]!, 2e-6)
  })

  test("and when a map asks for it", () => {
    const resampled = resampleTable(input("table", [rows, 2]), from, to)
    expectClose("table", evaluate({ resampled }, { table }).resampled!, stored[id]!, 2e-6)
  })
})

test("layers are grouped as in timm: merging with the first block after it, the last norm with the last block", () => {
  const { root, parameters } = new Network(describeModel("swin", golden.layerGroups.config))
  const groups = [...parameters.keys()].map((name) => [name, root.layerGroup(name)])
  expect(groups).toEqual(golden.layerGroups.groups)
})
