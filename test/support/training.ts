/** A model small enough to be trained in a test, and batches for it. */

import { expect } from "vitest"
import {
  createModel,
  createTrainer,
  type Model,
  type Trainer,
  type TrainerOptions,
  type TrainingBatch,
} from "../../src/index.ts"
import type { StateDict } from "../../src/models/network.ts"
import { type NdArray, ndarray } from "../../src/tensor/ndarray.ts"
import { expectSameBits, randomArray } from "./arrays.ts"

export const CLASSES = 4
export const config = { depths: [1, 2], dims: [16, 32], patchSize: 2, lsInitValue: 0.1 }
export const adamw = { name: "adamw", lr: 1e-3, weightDecay: 0.05 } as const
export const sgd = { name: "sgd", lr: 0.1, momentum: 0 } as const

/** A small model whose weights are large enough that all gradients count. */
export async function smallModel({ dropPathRate = 0, threads = 1, depths = config.depths } = {}): Promise<Model> {
  const model = await createModel("convnext", {
    config: { ...config, depths, dims: config.dims.slice(0, depths.length) },
    numClasses: CLASSES,
    dropPathRate,
    threads,
    seed: 1,
  })
  for (const [name, { shape, data }] of Object.entries(model.weights)) {
    if (shape.length > 1) data.set(randomArray(shape, name, { std: 0.2 }).data as Float32Array & BigInt64Array)
  }
  return model
}

/** A trainer of the given model, or of a new one. */
export async function makeTrainer(options: TrainerOptions, model?: Model): Promise<Trainer> {
  return createTrainer(model ?? (await smallModel()), options)
}

/** Batch number k. */
export function batchOf(k: number, size = 4): TrainingBatch {
  return {
    images: randomArray([size, 8, 8, 3], `images ${k}`),
    targets: ndarray(
      Array.from({ length: size }, (_, i) => (i * 7 + k) % CLASSES),
      [size],
      "int32",
    ),
  }
}

/** Samples `from` to `to` of a batch. */
export function part({ images, targets }: TrainingBatch, from: number, to: number): TrainingBatch {
  const take = ({ shape, dtype, data }: NdArray): NdArray => {
    const size = data.length / shape[0]!
    return { shape: [to - from, ...shape.slice(1)], dtype, data: data.slice(from * size, to * size) }
  }
  return { images: take(images), targets: take(targets) }
}

/** Fails unless both hold the same bits under the same names. */
export function expectSameWeights(actual: StateDict, expected: StateDict): void {
  expect(Object.keys(actual)).toEqual(Object.keys(expected))
  for (const [name, value] of Object.entries(expected)) expectSameBits(name, actual[name]!, value)
}
