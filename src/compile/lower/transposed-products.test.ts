import { expect, test } from "vitest"
import { randomArray } from "../../../test/support/arrays.ts"
import { checkPass, checkPassOn, countOps } from "../../../test/support/check-pass.ts"
import { matmul } from "../../tensor/ops/index.ts"
import { matmulOp } from "../../tensor/ops/matmul.ts"
import { input } from "../../tensor/tensor.ts"
import { lowerTransposedProducts } from "./transposed-products.ts"

const a = input("a", ["N", 3])
const b = input("b", ["N", 5])
const feeds = { a: randomArray([7, 3], "a"), b: randomArray([7, 5], "b") }

test("keeps what random graphs compute", () => {
  checkPass(lowerTransposedProducts)
})

test("the narrower factor is transposed, whichever it is, and a factor stays", () => {
  const narrow = checkPassOn(lowerTransposedProducts, { y: matmul(a, b, { transposeA: true }) }, feeds)
  expect(countOps(narrow)).toEqual({ transpose: 1, matmul: 1 })
  const wide = checkPassOn(lowerTransposedProducts, { y: matmul(b, a, { transposeA: true }) }, feeds)
  expect(countOps(wide)).toEqual({ transpose: 2, matmul: 1 })
  const scaled = matmulOp([a, b], { transposeA: true, transposeB: false, alpha: 0.5 })
  checkPassOn(lowerTransposedProducts, { y: scaled }, feeds)
})

test("other products stay", () => {
  const x = input("x", [2, 4, 3])
  const values = { ...feeds, x: randomArray([2, 4, 3], "x"), c: randomArray([3, 7], "c"), d: randomArray([7, 3], "d") }
  for (const y of [
    matmul(a, input("c", [3, 7])),
    matmul(x, x, { transposeA: true }),
    matmul(input("d", [7, 3]), input("c", [3, 7]), { transposeA: true, transposeB: true }),
  ]) {
    const graph = { y }
    expect(countOps(checkPassOn(lowerTransposedProducts, graph, values))).toEqual(countOps(graph))
  }
})
