import { expect, test } from "vitest"
import { evaluate } from "../tensor/evaluate.ts"
import { ndarray } from "../tensor/ndarray.ts"
import { relu, silu } from "../tensor/ops/index.ts"
import { input } from "../tensor/tensor.ts"
import { bindModule } from "./module.ts"
import { MobileSqueezeExcite, SqueezeExcite } from "./squeeze-excite.ts"

const shapesOf = (module: SqueezeExcite | MobileSqueezeExcite) =>
  Object.fromEntries([...bindModule(module).parameters].map(([name, { size }]) => [name, size]))

const array = (values: number[], shape: number[]) => ndarray(Float32Array.from(values), shape)
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))

/** Two positions of two channels, with the means 2 and -1. */
const x = array([1, 0, 3, -2], [1, 1, 2, 2])

/** The gates that a single inner channel with the value `inner` opens, by weights 0.5 and -1 and biases 0 and 0.25. */
const gates = (inner: number) => [sigmoid(0.5 * inner), sigmoid(0.25 - inner)]
const expand = { weight: array([0.5, -1], [2, 1, 1, 1]), bias: array([0, 0.25], [2]) }
/** Gives 0.5 * 2 + 3 * (-1) + bias. */
const reduceWeight = array([0.5, 3], [1, 2, 1, 1])

test("weights have the names and shapes of timm's two kinds", () => {
  expect(shapesOf(new SqueezeExcite(12, 3))).toEqual({
    "fc1.weight": [3, 12, 1, 1],
    "fc1.bias": [3],
    "fc2.weight": [12, 3, 1, 1],
    "fc2.bias": [12],
  })
  expect(shapesOf(new MobileSqueezeExcite(12, 3, silu))).toEqual({
    "conv_reduce.weight": [3, 12, 1, 1],
    "conv_reduce.bias": [3],
    "conv_expand.weight": [12, 3, 1, 1],
    "conv_expand.bias": [12],
  })
})

test.each([
  { bias: 5, inner: 3 },
  { bias: 1, inner: 0 },
])("each channel is scaled by the sigmoid of what the means give, through ReLU: bias $bias", ({ bias, inner }) => {
  const module = new SqueezeExcite(2, 1)
  bindModule(module)
  const { y } = evaluate(
    { y: module.forward(input("x", [1, 1, 2, 2])) },
    {
      x,
      "fc1.weight": reduceWeight,
      "fc1.bias": array([bias], [1]),
      "fc2.weight": expand.weight,
      "fc2.bias": expand.bias,
    },
  )
  const [first, second] = gates(inner)
  const expected = [first!, 0, 3 * first!, -2 * second!]
  expect([...y!.data]).toEqual(expected.map((value) => expect.closeTo(value, 7)))
})

test.each([
  { name: "SiLU", activation: silu, inner: -1 * sigmoid(-1) },
  { name: "ReLU", activation: relu, inner: 0 },
])("the mobile kind takes the network's activation: $name", ({ activation, inner }) => {
  const module = new MobileSqueezeExcite(2, 1, activation)
  bindModule(module)
  const { y } = evaluate(
    { y: module.forward(input("x", [1, 1, 2, 2])) },
    {
      x,
      "conv_reduce.weight": reduceWeight,
      "conv_reduce.bias": array([1], [1]),
      "conv_expand.weight": expand.weight,
      "conv_expand.bias": expand.bias,
    },
  )
  const [first, second] = gates(inner)
  const expected = [first!, 0, 3 * first!, -2 * second!]
  expect([...y!.data]).toEqual(expected.map((value) => expect.closeTo(value, 7)))
})
