import { describe, expect, test } from "vitest"
import { numbers, randomArray } from "../../../test/support/arrays.ts"
import { checkOp, runGraph } from "../../../test/support/check-op.ts"
import { gradients } from "../../autodiff/gradients.ts"
import { ndarray } from "../ndarray.ts"
import { input } from "../tensor.ts"
import { cast, greater, mul, stopGradient, sum } from "./index.ts"

describe("cast", () => {
  const types = ["float32", "float64", "int32", "int64", "uint8", "bool"] as const

  test.each(types)("from %s to every type agrees with the reference", async (from) => {
    const values = from === "bool" ? [0, 1, 1] : [0, 1, 7]
    const x = from === "int64" ? ndarray(BigInt64Array.from(values, BigInt), [3], from) : ndarray(values, [3], from)
    // Back to float32, so that what is compared is numbers.
    for (const to of types) {
      await checkOp({ inputs: [x], build: (a) => cast(cast(a!, to), "float32"), batched: [0], differentiated: [] })
    }
  })

  test("cuts off fractions towards zero", async () => {
    const a = input("x", [4])
    const { y, z } = await runGraph(
      { y: cast(a, "int32"), z: cast(a, "int64") },
      { x: ndarray([-1.7, -0.5, 0.5, 2.9]) },
    )
    expect(y!.data).toEqual(Int32Array.of(-1, 0, 0, 2))
    expect(z!.data).toEqual(BigInt64Array.of(-1n, 0n, 0n, 2n))
  })

  test("to the type that x has changes nothing", () => {
    const x = input("x", [2])
    expect(cast(x, "float32")).toBe(x)
  })

  test("between floats passes the gradient", async () => {
    await checkOp({ inputs: [randomArray([4], "x")], build: (x) => mul(cast(cast(x!, "float64"), "float32"), x!) })
  })

  test("from and to integers has no gradient, and the error names the path", () => {
    const x = input("x", [2])
    expect(() => gradients(sum(cast(cast(x, "int32"), "float32")), [x])).toThrow(
      "gradients: cast has no gradient; on the path cast <- cast <- input",
    )
    expect(() => gradients(sum(cast(greater(x, 0), "float32")), [x])).toThrow(
      "gradients: cast has no gradient; on the path cast <- greater <- input",
    )
  })
})

describe("stopGradient", () => {
  test("keeps the value and ends the gradient", async () => {
    const x = input("x", [3])
    const y = mul(x, stopGradient(x))
    const [dx] = gradients(sum(y), [x])
    const values = await runGraph({ y, dx: dx! }, { x: ndarray([1, -2, 3]) })
    expect(numbers(values.y!)).toEqual([1, 4, 9])
    expect(numbers(values.dx!)).toEqual([1, -2, 3])
  })

  test("agrees with the reference, also where it is the output itself", async () => {
    const x = randomArray([2, 3], "x")
    await checkOp({ inputs: [x], build: (a) => stopGradient(a!), batched: [0], differentiated: [] })
  })

  test("lets through what has no gradient", () => {
    const x = input("x", [2])
    const mask = stopGradient(cast(greater(x, 0), "float32"))
    expect(gradients(sum(mul(x, mask)), [x])[0]!.shape).toEqual([2])
  })
})
