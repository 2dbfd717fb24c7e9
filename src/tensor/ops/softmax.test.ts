import { describe, expect, test } from "vitest"
import { numbers, randomArray } from "../../../test/support/arrays.ts"
import { checkOp, runGraph } from "../../../test/support/check-op.ts"
import { gradients } from "../../autodiff/gradients.ts"
import { evaluate } from "../evaluate.ts"
import { ndarray } from "../ndarray.ts"
import { input } from "../tensor.ts"
import { crossEntropy, logSoftmax, softmax } from "./index.ts"

describe.each([
  ["softmax", softmax],
  ["logSoftmax", logSoftmax],
])("%s", (_, op) => {
  test("agrees with the reference and with finite differences", async () => {
    for (const shape of [[5], [3, 4], [2, 3, 2], [3, 1]]) {
      await checkOp({
        inputs: [randomArray(shape, "x")],
        build: (x) => op(x!),
        batched: [0].slice(0, shape.length - 1),
      })
    }
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

describe("crossEntropy", () => {
  const targets = ndarray([1, 0, 0, 0.25, 0.25, 0.5], [2, 3])

  test("agrees with the reference and with finite differences, with shares as targets", async () => {
    const inputs = [randomArray([2, 3], "x"), targets]
    await checkOp({ inputs, build: (x, t) => crossEntropy(x!, t!), batched: [0, 1] })
  })

  test("is the mean of -log p for whole classes", () => {
    const logits = ndarray([0, Math.log(2), Math.log(5), 0, 0, 0], [2, 3])
    const classes = ndarray([0, 0, 1, 1, 0, 0], [2, 3])
    const loss = crossEntropy(input("x", [2, 3]), input("t", [2, 3]))
    const value = evaluate({ loss }, { x: logits, t: classes }).loss!.data[0]
    expect(Number(value)).toBeCloseTo((Math.log(8 / 5) + Math.log(3)) / 2, 7)
  })

  test("has the gradient (softmax - targets) / N", async () => {
    const logits = input("x", [2, 3])
    const [dx] = gradients(crossEntropy(logits, input("t", [2, 3])), [logits])
    const x = ndarray([0, 0, 0, 5, 5, 5], [2, 3])
    const values = await runGraph({ dx: dx! }, { x, t: targets })
    const expected = numbers(targets).map((target) => (1 / 3 - target) / 2)
    expected.forEach((value, i) => {
      expect(Number(values.dx!.data[i])).toBeCloseTo(value, 6)
    })
  })

  test("stays finite at logits of 1e4", async () => {
    const loss = crossEntropy(input("x", [2, 3]), input("t", [2, 3]))
    const x = ndarray([1e4, 0, -1e4, -1e4, 1e4, 0], [2, 3])
    const values = await runGraph({ loss }, { x, t: targets })
    expect(Number(values.loss!.data[0])).toBeCloseTo((0 + (0.25 * 2e4 + 0 + 0.5 * 1e4)) / 2, 0)
  })

  test("refuses targets of another shape", () => {
    expect(() => crossEntropy(input("x", ["N", 3]), input("t", ["N", 4]))).toThrow(
      "crossEntropy: targets must have shape [N, 3], got [N, 4]",
    )
  })
})
