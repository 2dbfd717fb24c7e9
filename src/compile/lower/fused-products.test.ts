import { expect, test } from "vitest"
import { expectClose, largest, randomArray } from "../../../test/support/arrays.ts"
import { checkPass, checkPassOn, countOps } from "../../../test/support/check-pass.ts"
import { backendFor } from "../../runtime/backend.ts"
import "../../index.ts"
import { Program } from "../../runtime/program.ts"
import { matmul } from "../../tensor/ops/index.ts"
import { input } from "../../tensor/tensor.ts"
import { lowerFusedProducts } from "./fused-products.ts"

test("keeps what random graphs compute", () => {
  checkPass(lowerFusedProducts)
})

const transposes = [
  { transposeA: true, transposeB: false },
  { transposeA: false, transposeB: true },
  { transposeA: true, transposeB: true },
]

test.each([
  ["stacks of the same size", ["N", 2], ["N", 2]],
  ["stacks that broadcast", ["N", 1], [3]],
  ["one matrix for all", ["N", 2], []],
])("products of %s are the same on the CPU", async (_, left, right) => {
  const backend = await backendFor("cpu")
  const [m, k, n] = [5, 7, 3]
  for (const options of transposes) {
    const a = input("a", [...left, ...(options.transposeA ? [k, m] : [m, k])])
    const b = input("b", [...right, ...(options.transposeB ? [n, k] : [k, n])])
    const bind = (shape: readonly (number | string)[]) => shape.map((dim) => (typeof dim === "number" ? dim : 4))
    const feeds = { a: randomArray(bind(a.shape), "a"), b: randomArray(bind(b.shape), "b") }
    const graph = { y: matmul(a, b, options) }
    expect(countOps(checkPassOn(lowerFusedProducts, graph, feeds))).toEqual({ fusedMatmul: 1 })
    const [fused, plain] = await Promise.all(
      [true, false].map(async (fusedProducts) => {
        const program = await Program.create(graph, { name: "product", backend, optimize: { fusedProducts } })
        const { y } = await program.run(feeds)
        await program.dispose()
        return y!
      }),
    )
    expectClose("y", fused!, plain!, 2e-6, largest(plain!))
  }
})

test("products of matrices, without a transposed operand, and in other types stay", () => {
  const [x, d] = [input("x", [2, 4, 3]), input("d", [2, 4, 3], "float64")]
  for (const y of [
    matmul(input("m", [4, 3]), input("n", [4, 3]), { transposeA: true }),
    matmul(x, input("w", [2, 3, 5])),
    matmul(d, d, { transposeA: true }),
  ]) {
    expect(lowerFusedProducts({ y }).y).toBe(y)
  }
})
