import { expect, test } from "vitest"
import { Random } from "../tensor/random.ts"
import { input } from "../tensor/tensor.ts"
import { constantValue } from "./initializers.ts"
import { Conv2d, Linear } from "./layers.ts"
import { bindModule, type Module } from "./module.ts"
import { LayerNorm } from "./norm.ts"

const shapes = (module: Module) =>
  Object.fromEntries([...bindModule(module).parameters].map(([name, { size }]) => [name, size]))

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
      [...bindModule(module).parameters].map(
        ([name, p]) => [name, [...p.initialize(p.size, new Random(0, name))]] as const,
      ),
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
