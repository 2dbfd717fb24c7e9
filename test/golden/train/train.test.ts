/** Training steps against PyTorch and timm. */

import { describe, expect, test } from "vitest"
import "../../../src/index.ts"
import { gradients } from "../../../src/autodiff/gradients.ts"
import { prepareForTraining } from "../../../src/compile/compile.ts"
import { createModel, type Model } from "../../../src/models/model.ts"
import { Network } from "../../../src/models/network.ts"
import { describeModel } from "../../../src/models/registry.ts"
import { dropPathFeeds, TrainingContext } from "../../../src/nn/context.ts"
import { cosineSchedule, gradientNorm } from "../../../src/optim/index.ts"
import { Program } from "../../../src/runtime/program.ts"
import { type NdArray, ndarray } from "../../../src/tensor/ndarray.ts"
import { crossEntropy } from "../../../src/tensor/ops/index.ts"
import { input } from "../../../src/tensor/tensor.ts"
import { createTrainer } from "../../../src/train/trainer.ts"
import {
  expectGoldenTensors,
  expectWithin,
  readGolden,
  readGoldenTensors,
  type TensorTable,
  type Tolerance,
} from "../../support/golden.ts"
import { hashImages, hashTargets, hashUniform, hashWeights } from "../../support/hash-weights.ts"

interface GoldenCase {
  /** Default "convnext". */
  family?: string
  /** timm's constructor arguments, in camelCase. */
  config: { numClasses: number }
  /** [N, C, H, W] */
  input: [number, number, number, number]
  smoothing: number
  /** Number of the first batch. Default 0. */
  firstBatch?: number
  tensors: TensorTable
}

interface Scalar {
  value: number
  atol: number
}

interface StepCase extends GoldenCase {
  loss: Scalar
  gradNorm: Scalar
}

/** A model with the golden weights. */
async function goldenModel({ family = "convnext", config }: GoldenCase, dropPathRate = 0): Promise<Model> {
  const model = await createModel(family, { config, dropPathRate, threads: 1 })
  model.loadStateDict(hashWeights(model.stateDict()))
  return model
}

/** The batch of step k. */
function goldenBatch({ input: shape, config, smoothing, firstBatch = 0 }: GoldenCase, step: number) {
  const k = firstBatch + step
  return { images: hashImages(`x${k}`, shape), targets: hashTargets(`y${k}`, shape[0], config.numClasses, smoothing) }
}

const prefixed = (prefix: string, tensors: Readonly<Record<string, NdArray>>) =>
  Object.fromEntries(Object.entries(tensors).map(([name, value]) => [`${prefix}/${name}`, value]))

function expectScalar(what: string, actual: number, { value, atol }: Scalar): void {
  expect(Math.abs(actual - value), `${what} ${actual}, expected ${value}`).toBeLessThanOrEqual(atol)
}

const normOf = (tensors: Readonly<Record<string, NdArray>>) =>
  gradientNorm(Object.values(tensors).map(({ data }) => data as Float32Array))

/** The tensors that a table names; of an attention bias it may hold the thirds for q, k and v on their own. */
function chosen({ rows }: TensorTable, tensors: Readonly<Record<string, NdArray>>): Record<string, NdArray> {
  return Object.fromEntries(
    rows.map(([row]) => {
      const [, name, third] = /^(.*?)(?:\[([qkv])\])?$/.exec(row)!
      const value = tensors[name!]!
      if (!third) return [row, value]
      const size = value.data.length / 3
      const start = "qkv".indexOf(third) * size
      return [row, ndarray((value.data as Float32Array).slice(start, start + size))]
    }),
  )
}

const steps = ["convnext", "convnextv2", "resnet-basic", "resnet-bottleneck", "vit", "swin"]

test.each(steps)("one step of %s has PyTorch's loss, logits, gradients and running statistics", async (name) => {
  const golden = readGolden<StepCase>(import.meta.url, `${name}-step.json`)
  const stored = await readGoldenTensors(import.meta.url, `${name}-step.safetensors`)
  const model = await goldenModel(golden)
  const trainer = await createTrainer(model, { optimizer: { name: "sgd", lr: 0 } })
  const batch = goldenBatch(golden, 0)
  const { loss, gradients: grad } = await trainer.gradients(batch)
  expectScalar("loss", loss, golden.loss)
  expectScalar("gradient norm", normOf(grad), golden.gradNorm)
  const logits = await trainingLogits(model, batch.images)
  expect(Object.keys(grad)).toEqual([...model.network.parameters.keys()])
  await trainer.step(batch)
  const results = { logits, ...prefixed("grad", grad), ...prefixed("buffer", model.stateDict()) }
  expectGoldenTensors(golden.tensors, stored, chosen(golden.tensors, results))
  await trainer.dispose()
  await model.dispose()
})

/** Logits with the statistics of the batch, as in the forward pass of a step. */
async function trainingLogits({ network, backend, weights }: Model, images: NdArray): Promise<NdArray> {
  const [batch, height, width] = images.shape as [number, number, number]
  const { logits } = network.trace(batch, height, width, new TrainingContext(batch))
  const program = await Program.create({ logits }, { name: "logits", backend, threads: 1 })
  const result = await program.run({ ...weights, images })
  await program.dispose()
  return result.logits!
}

interface RunCase extends GoldenCase {
  recipe: {
    steps: number
    lr: number
    optimizer: "adamw" | "sgd"
    weightDecay: number
    betas?: [number, number]
    eps?: number
    momentum?: number
    nesterov?: boolean
    layerDecay?: number
    clipGradNorm?: number
    emaDecay?: number
    schedule: { tInitial: number; lrMin: number; warmupT: number; warmupLrInit: number; warmupPrefix: boolean }
  }
  lr: number[]
  loss: number[]
  gradNorm: number[]
  lossTolerance: Tolerance
  gradNormTolerance: Tolerance
}

const runs = [
  "convnext-adamw",
  "convnextv2-adamw",
  "resnet-basic-adamw",
  "resnet-basic-sgd",
  "resnet-bottleneck-adamw",
  "resnet-bottleneck-sgd",
  "vit-adamw",
  "swin-adamw",
]

test.each(runs)(
  "the run %s, with warm-up, cosine, and what it has of layer decay, clipping and EMA, is timm's",
  async (name) => {
    const golden = readGolden<RunCase>(import.meta.url, `${name}.json`)
    const stored = await readGoldenTensors(import.meta.url, `${name}.safetensors`)
    const { steps, optimizer, lr, clipGradNorm, emaDecay, schedule, ...spec } = golden.recipe
    const model = await goldenModel(golden)
    const trainer = await createTrainer(model, {
      optimizer: { name: optimizer, lr, ...spec },
      schedule: cosineSchedule({
        lr,
        totalSteps: schedule.tInitial,
        minLr: schedule.lrMin,
        warmupSteps: schedule.warmupT,
        warmupLr: schedule.warmupLrInit,
        warmupPrefix: schedule.warmupPrefix,
      }),
      clipGradNorm,
      ema: emaDecay === undefined ? undefined : { decay: emaDecay },
    })
    const results = { loss: [] as number[], gradNorm: [] as number[], lr: [] as number[] }
    for (let k = 0; k < steps; k++) {
      const step = await trainer.step(goldenBatch(golden, k))
      for (const name of ["loss", "gradNorm", "lr"] as const) results[name].push(step[name])
    }
    const series = (values: number[]) => ndarray(values, undefined, "float64")
    expectWithin("learning rates", series(results.lr), series(golden.lr), { atol: 1e-15, meanAtol: 1e-15 })
    expectWithin("losses", series(results.loss), series(golden.loss), golden.lossTolerance)
    expectWithin("gradient norms", series(results.gradNorm), series(golden.gradNorm), golden.gradNormTolerance)
    const state = model.stateDict()
    const average = emaDecay === undefined ? {} : prefixed("ema", trainer.emaStateDict())
    const final = { ...prefixed("param", state), ...prefixed("buffer", state), ...average }
    expectGoldenTensors(golden.tensors, stored, chosen(golden.tensors, final))
    await trainer.dispose()
  },
)

describe("stochastic depth", () => {
  interface DropPathCase {
    rates: { model: string; dropPathRate: number; rates: number[] }[]
    step: StepCase & { dropPathRate: number; blocks: { block: string; rate: number; keep: number[] }[] }
  }
  const { rates, step } = readGolden<DropPathCase>(import.meta.url, "drop-path.json")

  test.each(rates)(
    "gives the blocks of $model at $dropPathRate timm's rates",
    ({ model, dropPathRate, rates: golden }) => {
      const context = new TrainingContext("N")
      new Network(describeModel(model, { dropPathRate })).trace("N", 64, 64, context)
      // The first block is never dropped and asks for no mask.
      expect(golden[0]).toBe(0)
      expect(context.dropPaths).toHaveLength(golden.length - 1)
      context.dropPaths.forEach(({ rate }, i) => {
        // timm computes the rates in float32.
        expect(rate).toBeCloseTo(golden[i + 1]!, 7)
      })
    },
  )

  test("with given masks, one step has PyTorch's loss and gradients", async () => {
    const stored = await readGoldenTensors(import.meta.url, "drop-path.safetensors")
    const model = await goldenModel(step, step.dropPathRate)
    const [batch, , height, width] = step.input
    const context = new TrainingContext(batch)
    const { network } = model
    const { logits } = prepareForTraining({ logits: network.trace(batch, height, width, context).logits })
    const loss = crossEntropy(logits!, input("targets", [batch, step.config.numClasses]))
    const names = [...network.parameters.keys()]
    const grad = gradients(loss, [...network.parameters.values()])
    const graph = { loss, logits: logits!, ...Object.fromEntries(names.map((name, i) => [`grad/${name}`, grad[i]!])) }

    const masks = Object.assign(
      {},
      ...context.dropPaths.map((dropPath, i) => {
        const { rate } = dropPath
        const block = i + 1
        const keep = [...hashUniform(`drop${block}`, batch)].map((u) => (u >= 2 * rate - 1 ? 1 : 0))
        expect(keep).toEqual(step.blocks[block]!.keep)
        return dropPathFeeds(
          dropPath,
          Float32Array.from(keep, (kept) => kept / (1 - rate)),
        )
      }),
    )
    const program = await Program.create(graph, {
      name: "step",
      backend: model.backend,
      threads: 1,
      maxima: context.maxima(batch),
    })
    const { loss: value, ...tensors } = await program.run({ ...model.weights, ...masks, ...goldenBatch(step, 0) })
    expectScalar("loss", Number(value!.data[0]), step.loss)
    const { logits: computed, ...gradient } = tensors
    expectScalar("gradient norm", normOf(gradient), step.gradNorm)
    expectGoldenTensors(step.tensors, stored, { logits: computed!, ...gradient })
    await program.dispose()
  })
})
