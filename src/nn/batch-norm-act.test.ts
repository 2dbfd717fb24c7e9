import { expect, test } from "vitest"
import { evaluate } from "../tensor/evaluate.ts"
import { ndarray } from "../tensor/ndarray.ts"
import { relu6 } from "../tensor/ops/index.ts"
import { input } from "../tensor/tensor.ts"
import { BatchNormAct2d } from "./batch-norm-act.ts"
import { evaluation } from "./context.ts"
import { bindModule } from "./module.ts"

test("the activation comes after the normalisation, and adds nothing to the checkpoint", () => {
  const module = new BatchNormAct2d(1, relu6, { epsilon: 0 })
  expect([...bindModule(module).state.keys()]).toEqual([
    "weight",
    "bias",
    "running_mean",
    "running_var",
    "num_batches_tracked",
  ])
  const scalar = (value: number) => ndarray(Float32Array.of(value), [1])
  const x = ndarray(Float32Array.of(-9, 1, 3, 99), [1, 2, 2, 1])
  const feeds = { x, weight: scalar(2), bias: scalar(1), running_mean: scalar(1), running_var: scalar(4) }
  const { y } = evaluate({ y: module.forward(input("x", [1, 2, 2, 1]), evaluation) }, feeds)
  // (x - 1) / 2 * 2 + 1 = x, between 0 and 6.
  expect([...y!.data]).toEqual([0, 1, 3, 6])
})
