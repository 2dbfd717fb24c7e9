import { expect, test } from "vitest"
import { evaluate } from "../tensor/evaluate.ts"
import { ndarray } from "../tensor/ndarray.ts"
import { input } from "../tensor/tensor.ts"
import { evaluation } from "./context.ts"
import { bindModule, type Module } from "./module.ts"
import { RmsNorm, SimpleNorm } from "./scale-norm.ts"

/** The result for one position with the channels 1, 2, 6 and the weights 1, 2, 3. */
function normalise(norm: Module): number[] {
  bindModule(norm)
  const y = norm.forward(input("x", [1, 3]), evaluation)
  const x = ndarray(Float32Array.of(1, 2, 6), [1, 3])
  return Array.from(evaluate({ y }, { x, weight: ndarray(Float32Array.of(1, 2, 3)) }).y!.data, Number)
}

test("RmsNorm divides by the root of the mean square", () => {
  // mean(1, 4, 36) + 1/3 = 14
  normalise(new RmsNorm(3, 1 / 3)).forEach((value, i) => {
    expect(value).toBeCloseTo([1, 4, 18][i]! / Math.sqrt(14), 6)
  })
})

test("SimpleNorm divides by the unbiased deviation, and does not centre", () => {
  // ((1 - 3)^2 + (2 - 3)^2 + (6 - 3)^2) / 2 + 2 = 9
  normalise(new SimpleNorm(3, 2)).forEach((value, i) => {
    expect(value).toBeCloseTo([1, 4, 18][i]! / 3, 6)
  })
})
