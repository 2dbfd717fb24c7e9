import { expect, test } from "vitest"
import "./node/index.ts"
import { gradients } from "../autodiff/gradients.ts"
import { backendFor } from "../runtime/backend.ts"
import { UsageError } from "../tensor/errors.ts"
import { evaluate } from "../tensor/evaluate.ts"
import { ndarray } from "../tensor/ndarray.ts"
import { mean, square } from "../tensor/ops/index.ts"
import { input } from "../tensor/tensor.ts"
import { compile } from "./compile.ts"
import { Linear } from "./layers.ts"
import { bindModule } from "./module.ts"

const layer = new Linear(2, 1)
bindModule(layer)
const y = layer.forward(input("x", ["N", 2]))
const weight = ndarray(new Float32Array([3, -1]), [1, 2])
const bias = ndarray(new Float32Array([0.5]))

test("a graph runs with any batch; parameters are inputs by their names, or constants", async () => {
  const program = await compile({ y }, { device: "cpu", threads: 1, constants: { weight } })
  for (const rows of [1, 3]) {
    const x = ndarray(
      Float32Array.from({ length: 2 * rows }, (_, i) => i),
      [rows, 2],
    )
    const result = await program.run({ x, bias })
    // 3 * 2i - (2i + 1) + 0.5
    expect(result.y).toEqual(
      ndarray(
        Float32Array.from({ length: rows }, (_, i) => 4 * i - 0.5),
        [rows, 1],
      ),
    )
  }
  await expect(program.run({ bias })).rejects.toThrow("input x float32[N, 2] has no value")
  await program.dispose()
})

test("gradients run like anything else", async () => {
  const [dWeight] = gradients(mean(square(y)), [layer.weight])
  const program = await compile({ dWeight: dWeight! })
  const { dWeight: computed } = await program.run({ x: ndarray(new Float32Array([1, 2]), [1, 2]), weight, bias })
  // y = 1.5, dy = 3
  expect(computed).toEqual(ndarray(new Float32Array([3, 6]), [1, 2]))
  expect([program.device, program.reason.length > 0]).toEqual([(await backendFor("auto")).device, true])
  await program.dispose()
  await program.dispose()
})

test.each<[string, Parameters<typeof compile>, string]>([
  ["no outputs", [{}], "the graph has no outputs"],
  ["an output that is no tensor", [{ y: 3 as never }], "output y must be a tensor, got 3"],
  ["no threads", [{ y }, { threads: 0 }], "threads must be a whole number of at least 1, got 0"],
  [
    "a constant by another name",
    [{ y }, { constants: { weigth: weight } }],
    "no input of the graph, did you mean weight?",
  ],
  ["a constant of another shape", [{ y }, { constants: { weight: bias } }], "weight: expected shape [1, 2], got [1]"],
  [
    "a constant of another type",
    [{ y }, { constants: { bias: ndarray([1], [1], "int32") } }],
    "bias must be float32, got int32",
  ],
])("%s is a UsageError", async (_, [graph, options], message) => {
  await expect(compile(graph, options)).rejects.toThrow(UsageError)
  await expect(compile(graph, options)).rejects.toThrow(message)
})

test("an empty batch is an error that says so", async () => {
  const empty = { x: ndarray([], [0, 2]), weight, bias }
  const program = await compile({ y }, { device: "cpu" })
  await expect(program.run(empty)).rejects.toThrow("input x: [0, 2] is empty: N must be at least 1")
  expect(() => evaluate({ y }, empty)).toThrow("input x: [0, 2] is empty: N must be at least 1")
  await program.dispose()
})

test("parameters without names are an error that tells how they get them", async () => {
  const unbound = new Linear(2, 1).forward(input("x", ["N", 2]))
  await expect(compile({ unbound })).rejects.toThrow("call bindModule(root) first")
  expect(() => evaluate({ unbound }, {})).toThrow("call bindModule(root) first")
})

test("a device that is not there is a UsageError", async () => {
  await expect(compile({ y }, { device: "abacus" })).rejects.toThrow(UsageError)
})
