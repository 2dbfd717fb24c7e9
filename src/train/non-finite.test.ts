import { describe, expect, test } from "vitest"
import {
  adamw,
  batchOf,
  CLASSES,
  expectSameWeights,
  makeTrainer,
  sgd,
  smallModel,
} from "../../test/support/training.ts"
import type { Model, TrainingBatch } from "../index.ts"
import { ndarray, zeros } from "../tensor/ndarray.ts"
import { NonFiniteError } from "./non-finite.ts"

describe("values that are not finite", () => {
  /** Takes one good step, breaks something, and checks that the next step says where and leaves all as it is. */
  async function expectFound(
    tensor: RegExp,
    damage: (model: Model) => void,
    change: (batch: TrainingBatch) => TrainingBatch,
  ) {
    const model = await smallModel()
    const trainer = await makeTrainer({ optimizer: adamw, ema: { decay: 0.9 } }, model)
    await trainer.step(batchOf(0))
    damage(model)
    const [weights, state] = [model.stateDict(), structuredClone(trainer.state())]
    const error = await trainer.step(change(batchOf(1))).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(NonFiniteError)
    expect((error as NonFiniteError).tensor).toMatch(tensor)
    expect((error as NonFiniteError).message).toContain("at step 1")
    expectSameWeights(model.stateDict(), weights)
    expect(trainer.state()).toEqual(state)
  }
  const same = (batch: TrainingBatch) => batch
  const none = () => undefined

  test("in a weight name the weight", async () => {
    const name = "stages.1.blocks.0.mlp.fc1.weight"
    await expectFound(
      /^stages\.1\.blocks\.0\.mlp\.fc1\.weight$/,
      (model) => model.weights[name]!.data.fill(Number.NaN as never, 3, 4),
      same,
    )
  })

  test("in an image name the images", async () => {
    await expectFound(/^images$/, none, (batch) => {
      batch.images.data[10] = Number.NaN
      return batch
    })
  })

  test("that arise on the way name the operator and the module", async () => {
    await expectFound(
      /^the output of linear in stages\.0\.blocks\.0\.mlp\.fc2$/,
      ({ weights }) => {
        weights["stages.0.blocks.0.mlp.fc1.weight"]!.data.fill(1e25 as never)
        weights["stages.0.blocks.0.mlp.fc2.weight"]!.data.fill(1e25 as never)
      },
      same,
    )
  })

  test("in shares name the targets", async () => {
    const targets = zeros([4, CLASSES])
    targets.data.fill(Number.NaN)
    await expectFound(/^targets$/, none, ({ images }) => ({ images, targets }))
  })

  test("do not count towards the update that batches are accumulated for", async () => {
    const [model, other] = [await smallModel(), await smallModel()]
    const [disturbed, plain] = [
      await makeTrainer({ optimizer: sgd, accumulate: 2 }, model),
      await makeTrainer({ optimizer: sgd, accumulate: 2 }, other),
    ]
    await disturbed.step(batchOf(0))
    const bad = { ...batchOf(1), images: ndarray(new Float32Array(4 * 8 * 8 * 3).fill(Number.NaN), [4, 8, 8, 3]) }
    await expect(disturbed.step(bad)).rejects.toThrow(NonFiniteError)
    await disturbed.step(batchOf(2))
    for (const k of [0, 2]) await plain.step(batchOf(k))
    expectSameWeights(model.stateDict(), other.stateDict())
  })
})
