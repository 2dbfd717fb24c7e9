import { describe, expect, test } from "vitest"
import { expectClose, expectSameBits } from "../../test/support/arrays.ts"
import { testDevices } from "../../test/support/devices.ts"
import { runningMean, smallBatch, smallGraph, smallGroups, smallWeights } from "../../test/support/resident.ts"
import "../index.ts"
import { averageName, gradientName } from "../optim/graph.ts"
import { clipScale, createOptimizer, gradientNorm } from "../optim/index.ts"
import { type Backend, backendFor, isDeviceTensor, type Value } from "../runtime/backend.ts"
import { Program } from "../runtime/program.ts"
import { type NdArray, ndarray, sizeOf } from "../tensor/ndarray.ts"
import { createResidentTraining, type ResidentTraining, type ResidentTrainingOptions } from "./resident.ts"
import { bufferName } from "./step-graph.ts"

const groups = smallGroups()
const names = groups.map(({ name }) => name)
const adamw = { name: "adamw" } as const

const create = (backend: Backend, options: Partial<ResidentTrainingOptions> = {}): Promise<ResidentTraining> =>
  createResidentTraining({
    name: "small",
    backend,
    threads: 1,
    weights: smallWeights(),
    buffers: [runningMean],
    groups,
    optimizer: adamw,
    ...options,
  })

/** Copies of all values. */
async function readAll(training: ResidentTraining): Promise<Record<string, NdArray>> {
  const values: Record<string, NdArray> = {}
  for (const name of training.names) values[name] = await training.read(name)
  return values
}

function expectSameValues(actual: Record<string, NdArray>, expected: Record<string, NdArray>): void {
  expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort())
  for (const [name, value] of Object.entries(expected)) expectSameBits(name, actual[name]!, value)
}

/** The gradients of `accumulate` batches, summed in host memory, and the weights that the batches change. */
async function hostGradients(weights: Record<string, NdArray>, batches: ReturnType<typeof smallBatch>[]) {
  const sums = groups.map(({ size }) => new Float32Array(size))
  for (const { feeds } of batches) {
    const program = await Program.create(smallGraph(feeds.x!.shape[0]!), {
      name: "host",
      backend: await backendFor("cpu"),
      threads: 1,
    })
    const results = await program.run({ ...weights, ...feeds })
    await program.dispose()
    for (const [i, name] of names.entries()) {
      const { data } = results[gradientName(name)]!
      for (let j = 0; j < data.length; j++) sums[i]![j]! += Number(data[j])
    }
    weights[runningMean] = results[bufferName(runningMean)]!
  }
  return sums
}

describe.each(testDevices)("training that stays on %s", (device) => {
  test.each([1, 2])("updates as the optimizer in host memory does, %i batches for each update", async (accumulate) => {
    const training = await create(await backendFor(device), { accumulate, clipGradNorm: 0.05, ema: true })
    const weights = smallWeights()
    const averages = names.map((name) => (weights[name]!.data as Float32Array).slice())
    const averagedMean = (weights[runningMean]!.data as Float32Array).slice()
    const optimizer = createOptimizer(adamw, groups)
    for (let update = 0; update < 4; update++) {
      const size = update === 3 ? 3 : 4
      const batches = Array.from({ length: accumulate }, (_, i) => smallBatch(update * accumulate + i, size))
      const sums = await hostGradients(weights, batches)
      const norm = gradientNorm(sums) / accumulate
      const parameters = names.map((name) => weights[name]!.data as Float32Array)
      optimizer.step(parameters, sums, {
        lr: 0.02,
        clipScale: clipScale(norm, 0.05) / accumulate,
        ema: { averages, decay: 0.9 },
      })
      averagedMean.forEach((average, i) => {
        averagedMean[i] = 0.9 * average + 0.1 * Number(weights[runningMean]!.data[i])
      })
      for (const [i, batch] of batches.entries()) {
        const result = await training.step({ ...batch, lr: 0.02, emaDecay: 0.9 })
        expect(result.finite).toBe(true)
        expect(result.updated).toBe(i === accumulate - 1)
        if (result.updated) expect(result.gradNorm).toBeCloseTo(norm, 5)
      }
    }
    const values = await readAll(training)
    for (const [i, name] of names.entries()) {
      expectClose(name, values[name]!, weights[name]!, 1e-4)
      expectClose(`average of ${name}`, values[averageName(name)]!, ndarray(averages[i]!, groups[i]!.shape), 1e-4)
    }
    expectClose(runningMean, values[runningMean]!, weights[runningMean]!, 1e-5)
    expectClose(`average of ${runningMean}`, values[averageName(runningMean)]!, ndarray(averagedMean), 1e-5)
    expect(training.counters).toEqual({ updates: 4, batches: 4 * accumulate })
    await training.dispose()
  })

  test("goes on from what was read as if it had not stopped, also between two updates", async () => {
    const options = { accumulate: 2, ema: true }
    const backend = await backendFor(device)
    const [whole, first, second] = await Promise.all([1, 2, 3].map(() => create(backend, options)))
    const steps = async (training: ResidentTraining, from: number, to: number) => {
      for (let k = from; k < to; k++) await training.step({ ...smallBatch(k), lr: 0.02, emaDecay: 0.9 })
    }
    await steps(whole!, 0, 6)
    await steps(first!, 0, 3)
    await second!.write(await readAll(first!))
    second!.counters = first!.counters
    await steps(second!, 3, 6)
    expectSameValues(await readAll(second!), await readAll(whole!))
    await Promise.all([whole, first, second].map((training) => training!.dispose()))
  })

  test.each([1, 2])(
    "leaves all as it was if a value is not finite, with %i batches for each update",
    async (accumulate) => {
      const training = await create(await backendFor(device), { accumulate })
      await training.step({ ...smallBatch(0), lr: 0.02 })
      const before = await readAll(training)
      const { counters } = training
      const bad = smallBatch(1)
      ;(bad.feeds.x!.data as Float32Array)[0] = Number.NaN
      const result = await training.step({ ...bad, lr: 0.02 })
      expect(result).toMatchObject({ finite: false, updated: false })
      expectSameValues(await readAll(training), before)
      expect(training.counters).toEqual(counters)
      expect((await training.step({ ...smallBatch(1), lr: 0.02 })).finite).toBe(true)
      await training.dispose()
    },
  )

  test("gives gradients without an update", async () => {
    const training = await create(await backendFor(device))
    const before = await readAll(training)
    const weights = smallWeights()
    const expected = await hostGradients(weights, [smallBatch(0)])
    const { loss, gradients } = await training.gradients(smallBatch(0))
    expect(loss).toBeGreaterThan(0)
    for (const [i, name] of names.entries()) {
      expectClose(name, gradients[name]!, ndarray(expected[i]!, groups[i]!.shape), 1e-4)
    }
    expectSameValues(await readAll(training), before)
    await training.dispose()
  })
})

test("nothing but the batch and a few numbers goes up, nothing but the loss and the norm comes down", async () => {
  const cpu = await backendFor("cpu")
  const up: string[] = []
  const down: string[] = []
  const isHost = (value: Value) => !isDeviceTensor(value)
  const watched: Backend = {
    ...cpu,
    createSession: async (model, options) => {
      const session = await cpu.createSession(model, options)
      return {
        run: (feeds, outputs) => session.run(feeds, outputs),
        dispose: () => session.dispose(),
        runResident: async (feeds) => {
          for (const [name, value] of Object.entries(feeds)) {
            if (isHost(value)) up.push(sizeOf(value.shape) === 1 ? "number" : name)
          }
          const result = await session.runResident(feeds)
          down.push(...Object.keys(result.host))
          return result
        },
      }
    },
  }
  const training = await create(watched, { ema: true, clipGradNorm: 1 })
  await training.step({ ...smallBatch(0), lr: 0.02 })
  expect([...new Set(up)].sort()).toEqual(["number", "targets", "x"])
  expect(down.sort()).toEqual(["gradNorm", "loss"])
  await training.dispose()
})
