import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { numbers, randomArray } from "../../../test/support/arrays.ts"
import { checkOp, runGraph } from "../../../test/support/check-op.ts"
import { evaluate } from "../evaluate.ts"
import { ndarray } from "../ndarray.ts"
import { input } from "../tensor.ts"
import { logSoftmax, softmax } from "./index.ts"

describe.each([
  ["softmax", softmax],
  ["logSoftmax", logSoftmax],
] as const)("%s", (name, op) => {
  test("agrees with the reference and with finite differences", async () => {
    for (const shape of [[5], [3, 4], [2, 3, 2], [3, 1]]) {
      await checkOp({
        inputs: [randomArray(shape, "x")],
        build: (x) => op(x!),
        batched: [0].slice(0, shape.length - 1),
      })
    }
  })

  test("works along any axis, counted from either end", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
        fc.nat(3),
        fc.boolean(),
        async (shape, at, fromEnd) => {
          const axis = (at % shape.length) - (fromEnd ? shape.length : 0)
          await checkOp({ inputs: [randomArray(shape, "x")], build: (x) => op(x!, axis) })
        },
      ),
      { numRuns: 8, seed: 3 },
    )
    await checkOp({ inputs: [randomArray([2, 3, 4], "x")], build: (x) => op(x!, 1), batched: [0] })
    await checkOp({ inputs: [randomArray([3, 2], "x")], build: (x) => op(x!, 0), batched: [0] })
  })

  test("refuses an axis that is not there", () => {
    expect(() => op(input("x", ["N", 3]), 2)).toThrow(`${name}: axis 2 is out of range for rank 2`)
  })

  test("does not overflow at logits of 1e4", async () => {
    const x = ndarray([1e4, 1e4 - 1, 0, -1e4, -1e4, -1e4, -1e4 + 2, 1e4], [2, 4])
    await checkOp({ inputs: [x], build: (a) => op(a!) })
    const { y } = await runGraph({ y: op(input("x", [2, 4])) }, { x })
    expect(numbers(y!).every(Number.isFinite)).toBe(true)
  })
})

test("softmax has the textbook's values", () => {
  const { y } = evaluate({ y: softmax(input("x", [3])) }, { x: ndarray([0, Math.log(2), Math.log(5)]) })
  ;[1 / 8, 2 / 8, 5 / 8].forEach((share, i) => {
    expect(y!.data[i]).toBeCloseTo(share, 7)
  })
})
