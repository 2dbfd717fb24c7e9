/** Training steps of networks with batch normalisation, squeeze and excitation and depthwise convolutions, against timm. */

import { describe, expect, test } from "vitest"
import "../../../src/index.ts"
import { createModel } from "../../../src/models/model.ts"
import type { NdArray } from "../../../src/tensor/ndarray.ts"
import { createTrainer } from "../../../src/train/trainer.ts"
import { readGolden } from "../../support/golden.ts"
import { hashImages, hashTargets, hashUniform, hashWeights } from "../../support/hash-weights.ts"

/** Of each tensor its norm and its product with a direction that its name gives. */
interface Digests {
  limit: number
  rows: [name: string, norm: number, product: number][]
}

interface Golden {
  /** [N, C, H, W] */
  input: [number, number, number, number]
  smoothing: number
  cases: {
    family: string
    config: Record<string, unknown> & { numClasses: number }
    loss: number
    lossLimit: number
    gradients: Digests
    buffers: Digests
  }[]
}

function expectDigests({ limit, rows }: Digests, actual: Readonly<Record<string, NdArray>>): void {
  expect(Object.keys(actual)).toEqual(rows.map(([name]) => name))
  for (const [name, norm, product] of rows) {
    const values = Float64Array.from(actual[name]!.data, Number)
    const direction = hashUniform(`grad/${name}`, values.length)
    const actualNorm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0))
    const actualProduct = values.reduce((sum, value, i) => sum + value * direction[i]!, 0)
    expect(Math.abs(actualNorm - norm), `norm of ${name}`).toBeLessThanOrEqual(limit)
    expect(Math.abs(actualProduct - product), `direction of ${name}`).toBeLessThanOrEqual(limit)
  }
}

const golden = readGolden<Golden>(import.meta.url, "batch-norm-steps.json")

describe.each(golden.cases)("a small $family", ({ family, config, loss, lossLimit, gradients, buffers }) => {
  test("has timm's loss, gradients and running statistics after one step", async () => {
    const model = await createModel(family, { config, threads: 1 })
    model.loadStateDict(hashWeights(model.stateDict()))
    const trainer = await createTrainer(model, { optimizer: { name: "sgd", lr: 0 } })
    const { input, smoothing } = golden
    const batch = {
      images: hashImages("x0", input),
      targets: hashTargets("y0", input[0], config.numClasses, smoothing),
    }
    const actual = await trainer.gradients(batch)
    expect(Math.abs(actual.loss - loss)).toBeLessThanOrEqual(lossLimit)
    expectDigests(gradients, actual.gradients)

    await trainer.step(batch)
    const state = Object.entries(model.stateDict())
    expectDigests(buffers, Object.fromEntries(state.filter(([name]) => name.includes(".running_"))))
    const counters = state.filter(([name]) => name.endsWith(".num_batches_tracked"))
    expect(counters.map(([, { data }]) => data[0])).toEqual(counters.map(() => 1n))
    await trainer.dispose()
    await model.dispose()
  })
})
