import { describe, expect, test } from "vitest"
import { testDevices } from "../../test/support/devices.ts"
import "../index.ts"
import { backendFor } from "../runtime/backend.ts"
import { Program } from "../runtime/program.ts"
import { UsageError } from "../tensor/errors.ts"
import { type NdArray, ndarray } from "../tensor/ndarray.ts"
import {
  accumulationGraph,
  averageName,
  type GraphUpdateOptions,
  gradientName,
  graphUpdate,
  slotName,
  sumName,
  updated,
} from "./graph.ts"
import { clipScale, createOptimizer, gradientNorm, type OptimizerSpec, parameterGroups } from "./index.ts"

const groups = parameterGroups(
  [
    { name: "conv.weight", shape: [2, 3], layerGroup: 0 },
    { name: "conv.bias", shape: [2], layerGroup: 0 },
    { name: "head.weight", shape: [5, 1], layerGroup: 1 },
    { name: "head.scale", shape: [], layerGroup: 1 },
  ],
  { weightDecay: 0.1, layerDecay: 0.5 },
)

/** Values that look random and are always the same. */
const arrays = (seed: number, scale = 1) =>
  groups.map(({ size }, k) =>
    Float32Array.from({ length: size }, (_, i) => scale * Math.sin(37 * seed + 11 * k + 3 * i)),
  )

const named = (values: readonly Float32Array[], name: (parameter: string) => string) =>
  Object.fromEntries(groups.map((group, k) => [name(group.name), ndarray(values[k]!, group.shape)]))

function expectEqual(what: string, actual: NdArray, expected: Float32Array): void {
  const scale = Math.max(1, ...expected.map(Math.abs))
  expected.forEach((value, i) => {
    expect(Math.abs(Number(actual.data[i]) - value), `${what} at ${i}`).toBeLessThanOrEqual(1e-6 * scale)
  })
}

const specs: OptimizerSpec[] = [
  { name: "adamw", betas: [0.8, 0.95], eps: 1e-3 },
  { name: "adamw" },
  { name: "sgd", momentum: 0.9, nesterov: true },
  { name: "sgd", momentum: 0.9, nesterov: false },
  { name: "sgd", momentum: 0 },
]
const variants: GraphUpdateOptions[] = [{}, { clipGradNorm: 0.7 }, { clipGradNorm: 100, accumulate: 3, ema: true }]
const cases = testDevices.flatMap((device) =>
  specs.flatMap((spec) => variants.map((options) => ({ device, spec, options }))),
)

test.each(cases)(
  "on $device an update by $spec with $options is the host's to 1e-6",
  async ({ device, spec, options }) => {
    const { clipGradNorm, accumulate = 1, ema = false } = options
    const update = graphUpdate(spec, groups, options)
    const program = await Program.create(update.graph, {
      name: "update",
      backend: await backendFor(device),
      threads: 1,
    })
    const optimizer = createOptimizer(spec, groups)
    const weights = arrays(0)
    const averages = arrays(9)
    let state: Record<string, NdArray> = { ...named(arrays(0), (name) => name), ...named(arrays(9), averageName) }
    for (const slot of update.slots)
      Object.assign(
        state,
        named(arrays(0, 0), (name) => slotName(name, slot)),
      )

    for (let step = 1; step <= 4; step++) {
      const lr = 0.1 / step
      const emaDecay = 0.999
      const norm = gradientNorm(arrays(step)) / accumulate
      const clip = clipGradNorm === undefined ? 1 : clipScale(norm, clipGradNorm)
      optimizer.step(weights, arrays(step), {
        lr,
        clipScale: clip / accumulate,
        ema: ema ? { averages, decay: emaDecay } : undefined,
      })
      const feeds = { ...state, ...named(arrays(step), gradientName), ...update.scalars({ step, lr, emaDecay }) }
      const { gradNorm, ...next } = await program.run(feeds)
      expect(Number(gradNorm!.data[0])).toBeCloseTo(norm, 5)
      state = {
        ...state,
        ...Object.fromEntries(Object.entries(next).map(([name, x]) => [name.slice(updated("").length), x])),
      }
    }

    const slots = optimizer.state()
    for (const [k, { name }] of groups.entries()) {
      expectEqual(name, state[name]!, weights[k]!)
      if (ema) expectEqual(`average of ${name}`, state[averageName(name)]!, averages[k]!)
      for (const slot of update.slots) {
        expectEqual(slotName(name, slot), state[slotName(name, slot)]!, slots[`${name}.${slot}`]!.data as Float32Array)
      }
    }
    await program.dispose()
  },
)

describe("an update", () => {
  test("keeps the digits of a decay that is close to 1", async () => {
    const options = { ema: true }
    const update = graphUpdate({ name: "sgd" }, groups, options)
    const { emaRest } = Object.fromEntries(
      Object.entries(update.scalars({ step: 1, lr: 0, emaDecay: 0.99999 })).map(([name, x]) => [name.split("/")[1], x]),
    )
    expect(Number(emaRest!.data[0])).toBeCloseTo(1e-5, 11)
  })

  test("is refused for an optimizer that has no graph", () => {
    expect(() => graphUpdate({ name: "rprop" } as never, groups)).toThrow(UsageError)
    expect(() => graphUpdate({ name: "rprop" } as never, groups)).toThrow(
      /rprop does not run on this device: use adamw/,
    )
  })
})

test("gradients of batches add up, and the norm is that of their mean", async () => {
  const backend = await backendFor("cpu")
  const program = await Program.create(accumulationGraph(groups, 2), { name: "accumulation", backend, threads: 1 })
  const { gradNorm, ...sums } = await program.run({ ...named(arrays(1), sumName), ...named(arrays(2), gradientName) })
  const expected = arrays(1).map((values, k) => values.map((value, i) => value + arrays(2)[k]![i]!))
  for (const [k, { name }] of groups.entries()) expectEqual(name, sums[updated(sumName(name))]!, expected[k]!)
  expect(Number(gradNorm!.data[0])).toBeCloseTo(gradientNorm(expected) / 2, 5)
  await program.dispose()
})
