import { expect, test } from "vitest"
import { randomArray } from "../../test/support/arrays.ts"
import { evaluate } from "../tensor/evaluate.ts"
import { ndarray } from "../tensor/ndarray.ts"
import { input } from "../tensor/tensor.ts"
import { evaluation, TrainingContext } from "./context.ts"
import { Mlp } from "./mlp.ts"
import { bindModule } from "./module.ts"

const bound = (dropRate = 0) => {
  const mlp = new Mlp(2, 3, dropRate)
  bindModule(mlp)
  return mlp
}

const weights = {
  "fc1.weight": ndarray(Float32Array.of(1, 0, 0, 1, 1, 1), [3, 2]),
  "fc1.bias": ndarray(Float32Array.of(0, 0, 1)),
  "fc2.weight": ndarray(Float32Array.of(1, 2, 3, 0, 0, 1), [2, 3]),
  "fc2.bias": ndarray(Float32Array.of(0.5, -0.5)),
}

test("it expands, applies exact GELU and projects", () => {
  const y = bound().forward(input("x", ["N", 2]), evaluation)
  const { data, shape } = evaluate({ y }, { ...weights, x: ndarray(Float32Array.of(1, -1), [1, 2]) }).y!
  // GELU of 1 and -1 is Phi(1) = 0.8413447 and -Phi(-1) = -0.1586553; the third channel is 1 - 1 + 1.
  const [a, b] = [0.8413447460685429, -0.15865525393145707]
  expect(shape).toEqual([1, 2])
  expect(data[0]).toBeCloseTo(a + 2 * b + 3 * a + 0.5, 6)
  expect(data[1]).toBeCloseTo(a - 0.5, 6)
})

test("in training elements are dropped after either layer", () => {
  const context = new TrainingContext(1)
  const y = bound(0.5).forward(input("x", [1, 2]), context)
  expect(context.dropouts.map(({ rate, shape }) => [rate, shape])).toEqual([
    [0.5, [1, 3]],
    [0.5, [1, 2]],
  ])
  const [inner, outer] = context.dropouts.map(({ name }) => name) as [string, string]
  const feeds = {
    ...weights,
    x: randomArray([1, 2], "x"),
    [inner]: ndarray(new Float32Array(3), [1, 3]),
    [outer]: ndarray(Float32Array.of(2, 0), [1, 2]),
  }
  // With nothing left inside, the second layer's bias is all there is.
  expect([...(evaluate({ y }, feeds).y!.data as Float64Array)]).toEqual([1, -0])
})
