import { describe, expect, test } from "vitest"
import { randomArray } from "../../test/support/arrays.ts"
import { evaluate } from "../tensor/evaluate.ts"
import { ndarray } from "../tensor/ndarray.ts"
import { Random } from "../tensor/random.ts"
import { input } from "../tensor/tensor.ts"
import { constantValue } from "./initializers.ts"
import { Conv2d, dropPath, dropPathRates, LayerNorm, Linear } from "./layers.ts"
import { bindModule, evaluation, type Module, TrainingContext } from "./module.ts"

const shapes = (module: Module) => Object.fromEntries([...bindModule(module)].map(([name, { size }]) => [name, size]))

test("layers declare PyTorch's parameters", () => {
  expect(shapes(new Linear(3, 5))).toEqual({ weight: [5, 3], bias: [5] })
  expect(shapes(new Linear(3, 5, { bias: false }))).toEqual({ weight: [5, 3] })
  expect(shapes(new Conv2d(6, 12, { kernelSize: 3, groups: 3 }))).toEqual({ weight: [12, 2, 3, 3], bias: [12] })
  expect(shapes(new Conv2d(6, 12, { kernelSize: 3, bias: false }))).toEqual({ weight: [12, 6, 3, 3] })
  expect(shapes(new LayerNorm(7))).toEqual({ weight: [7], bias: [7] })
})

test("layers keep the batch and compute the shapes that they promise", () => {
  expect(new Linear(3, 5).forward(input("x", ["N", 4, 3])).shape).toEqual(["N", 4, 5])
  const conv = new Conv2d(3, 8, { kernelSize: 3, stride: 2, padding: 1 })
  expect(conv.forward(input("x", ["N", 9, 8, 3])).shape).toEqual(["N", 5, 4, 8])
  expect(new LayerNorm(3).forward(input("x", ["N", 4, 3])).shape).toEqual(["N", 4, 3])
})

test("weights start at a deviation of 0.02, biases at zero, norms as the identity", () => {
  const first = (module: Module) =>
    Object.fromEntries(
      [...bindModule(module)].map(([name, p]) => [name, [...p.initialize(p.size, new Random(0, name))]] as const),
    )
  const { weight, bias } = first(new Linear(50, 40))
  const deviation = Math.sqrt(weight!.reduce((sum, w) => sum + w * w, 0) / weight!.length)
  expect(deviation).toBeGreaterThan(0.018)
  expect(deviation).toBeLessThan(0.022)
  expect(bias!.every((b) => b === 0)).toBe(true)
  expect(first(new Conv2d(2, 3, { kernelSize: 1, initialize: constantValue(7) }))).toEqual({
    weight: new Array(6).fill(7),
    bias: [0, 0, 0],
  })
  expect(first(new LayerNorm(2))).toEqual({ weight: [1, 1], bias: [0, 0] })
})

describe("dropPath", () => {
  const branch = input("branch", ["N", 2, 2, 3])

  test("does nothing in evaluation or at rate 0", () => {
    expect(dropPath(branch, 0.5, evaluation)).toBe(branch)
    const context = new TrainingContext("N")
    expect(dropPath(branch, 0, context)).toBe(branch)
    expect(context.dropPaths).toEqual([])
  })

  test("in training multiplies each sample with its factor", () => {
    const context = new TrainingContext("N")
    const y = dropPath(branch, 0.5, context)
    const values = randomArray([3, 2, 2, 3], "branch")
    const { name } = context.dropPaths[0]!
    const result = evaluate({ y }, { branch: values, [name]: ndarray([2, 0, 2]) }).y!
    const expected = [...values.data].map((value, i) => value * [2, 0, 2][Math.floor(i / 12)]!)
    expect([...(result.data as Float64Array)]).toEqual(expected)
  })

  test("rates rise from 0 to the last block's, linearly", () => {
    expect(dropPathRates(0.4, 5).map((rate) => Math.round(rate * 1e9) / 1e9)).toEqual([0, 0.1, 0.2, 0.3, 0.4])
    expect(dropPathRates(0, 3)).toEqual([0, 0, 0])
    // torch.linspace(0, rate, 1) is its start.
    expect(dropPathRates(0.4, 1)).toEqual([0])
  })
})
