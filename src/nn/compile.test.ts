import { expect, test } from "vitest"
import "../index.ts"
import { gradients } from "../autodiff/gradients.ts"
import { UsageError } from "../tensor/errors.ts"
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
  await program.dispose()
})

test("a device that is not there is a UsageError", async () => {
  await expect(compile({ y }, { device: "abacus" })).rejects.toThrow(UsageError)
})
