import { describe, expect, test } from "vitest"
import { InputError, UsageError } from "../tensor/errors.ts"
import { clipScale, createOptimizer, gradientNorm, type OptimizerSpec, parameterGroups } from "./index.ts"

const specs: OptimizerSpec[] = [
  { name: "adamw", betas: [0.8, 0.95], eps: 1e-3 },
  { name: "sgd", momentum: 0.9, nesterov: true },
  { name: "sgd", momentum: 0.9, nesterov: false },
]
const parameters = [
  { name: "conv.weight", shape: [2, 3], layerGroup: 0 },
  { name: "conv.bias", shape: [2], layerGroup: 0 },
  { name: "head.weight", shape: [5, 1], layerGroup: 1 },
]
const groups = parameterGroups(parameters, { weightDecay: 0.1, layerDecay: 0.5 })

/** Values that look random and are always the same. */
const arrays = (seed: number) =>
  groups.map(({ size }, k) => Float32Array.from({ length: size }, (_, i) => Math.sin(37 * seed + 11 * k + 3 * i)))

/** The update of one scalar by the book, in float64, from all its gradients so far. */
function byTheBook(spec: OptimizerSpec, p: number, gradients: number[], lr: number, weightDecay: number): number {
  let [m, v] = [0, 0]
  for (const [i, gradient] of gradients.entries()) {
    if (spec.name === "adamw") {
      const [b1, b2] = spec.betas!
      p -= lr * weightDecay * p
      m = b1 * m + (1 - b1) * gradient
      v = b2 * v + (1 - b2) * gradient ** 2
      p -= (lr * (m / (1 - b1 ** (i + 1)))) / (Math.sqrt(v / (1 - b2 ** (i + 1))) + spec.eps!)
    } else {
      const decayed = gradient + weightDecay * p
      m = i === 0 ? decayed : spec.momentum! * m + decayed
      p -= lr * (spec.nesterov ? decayed + spec.momentum! * m : m)
    }
  }
  return p
}

describe.each(specs)("$name $nesterov", (spec) => {
  test("three steps give every scalar what the equations give, and the average follows", () => {
    const optimizer = createOptimizer(spec, groups)
    const weights = arrays(0)
    const averages = arrays(0)
    const expectedAverages = arrays(0).map((array) => Array.from(array))
    for (let step = 1; step <= 3; step++) {
      optimizer.step(weights, arrays(step), { lr: 0.1, clipScale: 0.5, ema: { averages, decay: 0.6 } })
      for (const [k, group] of groups.entries()) {
        for (let i = 0; i < group.size; i++) {
          const gradients = Array.from({ length: step }, (_, s) => 0.5 * arrays(s + 1)[k]![i]!)
          const expected = byTheBook(spec, arrays(0)[k]![i]!, gradients, 0.1 * group.lrScale, group.weightDecay)
          expect(weights[k]![i]).toBeCloseTo(expected, 6)
          expectedAverages[k]![i] = 0.6 * expectedAverages[k]![i]! + 0.4 * expected
          expect(averages[k]![i]).toBeCloseTo(expectedAverages[k]![i]!, 6)
        }
      }
    }
  })

  test("a run that goes on from a saved state takes the same bits as one that was not stopped", () => {
    const whole = createOptimizer(spec, groups)
    const wholeWeights = arrays(0)
    for (let step = 1; step <= 4; step++) whole.step(wholeWeights, arrays(step), { lr: 0.1 })

    const first = createOptimizer(spec, groups)
    const weights = arrays(0)
    for (let step = 1; step <= 2; step++) first.step(weights, arrays(step), { lr: 0.1 })
    const saved = structuredClone(first.state())
    const second = createOptimizer(spec, groups)
    second.loadState(saved)
    for (let step = 3; step <= 4; step++) second.step(weights, arrays(step), { lr: 0.1 })

    expect(weights).toEqual(wholeWeights)
    expect(second.state()).toEqual(whole.state())
    expect(whole.state().step!.data[0]).toBe(4)
  })

  test("a state that does not fit is refused and changes nothing", () => {
    const optimizer = createOptimizer(spec, groups)
    optimizer.step(arrays(0), arrays(1), { lr: 0.1 })
    const before = structuredClone(optimizer.state())
    const broken = structuredClone(before)
    const slot = Object.keys(broken).find((name) => name.startsWith("head.weight."))!
    for (const array of Object.values(broken)) array.data.fill(0 as never)
    delete broken[slot]
    expect(() => optimizer.loadState(broken)).toThrow(InputError)
    expect(() => optimizer.loadState(broken)).toThrow(`${slot} must hold 5 values of float32, found nothing`)
    expect(optimizer.state()).toEqual(before)
  })

  test("arrays of the wrong size are refused", () => {
    const optimizer = createOptimizer(spec, groups)
    const wrong = arrays(1)
    wrong[1] = new Float32Array(3)
    expect(() => optimizer.step(arrays(0), wrong, { lr: 0.1 })).toThrow("gradients of conv.bias must have 2 elements")
    expect(() => optimizer.step(arrays(0).slice(1), arrays(1), { lr: 0.1 })).toThrow("2 parameters for 3")
  })
})

test("AdamW by hand: the first step moves by lr against the sign of the gradient, after decay", () => {
  const one = parameterGroups([{ name: "w", shape: [1, 2] }], { weightDecay: 0.05 })
  const weights = [Float32Array.of(1, -2)]
  createOptimizer({ name: "adamw", eps: 0 }, one).step(weights, [Float32Array.of(0.3, -40)], { lr: 0.01 })
  expect(weights[0]![0]).toBeCloseTo(1 * (1 - 0.01 * 0.05) - 0.01, 7)
  expect(weights[0]![1]).toBeCloseTo(-2 * (1 - 0.01 * 0.05) + 0.01, 6)
})

test("an unknown optimizer suggests the nearest", () => {
  expect(() => createOptimizer({ name: "adam" } as never, groups)).toThrow(UsageError)
  expect(() => createOptimizer({ name: "adam" } as never, groups)).toThrow("did you mean adamw?")
})

test("gradientNorm is the norm over all arrays, and clipScale brings it to the maximum", () => {
  const gradients = [Float32Array.of(1, 2, 3, 4, 5), Float32Array.of(-6, 7), new Float32Array(0)]
  expect(gradientNorm(gradients)).toBeCloseTo(Math.sqrt(140), 12)
  expect(clipScale(4, 1)).toBe(1 / (4 + 1e-6))
  expect(clipScale(0.5, 1)).toBe(1)
  expect(gradientNorm([Float32Array.of(1, Number.NaN)])).toBeNaN()
})
