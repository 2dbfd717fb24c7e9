import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { numbers, randomArray } from "../../../test/support/arrays.ts"
import { checkOp } from "../../../test/support/check-op.ts"
import { countOps } from "../../../test/support/check-pass.ts"
import { encodeOnnx } from "../../compile/onnx/encode.ts"
import { evaluate } from "../evaluate.ts"
import { ndarray } from "../ndarray.ts"
import { input } from "../tensor.ts"
import { resampleAxis, type Taps } from "./resample.ts"

/** A shape, an axis of it, and some outputs along this axis; an output may have no tap, or one position twice. */
const anyResampling = fc
  .array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 })
  .chain((shape) => fc.record({ shape: fc.constant(shape), axis: fc.nat(shape.length - 1) }))
  .chain(({ shape, axis }) =>
    fc.record({
      shape: fc.constant(shape),
      axis: fc.constantFrom(axis, axis - shape.length),
      taps: fc.array(
        fc.array(
          fc.tuple(
            fc.nat(shape[axis]! - 1),
            fc.integer({ min: -8, max: 8 }).map((n) => n / 4),
          ),
          { maxLength: 4 },
        ),
        { minLength: 1, maxLength: 5 },
      ),
    }),
  )

/** The taps of a matrix that is given by its rows. */
const rows = (...matrix: number[][]): Taps =>
  matrix.map((row) => row.flatMap((weight, i) => (weight === 0 ? [] : [[i, weight] as const])))
const copies = (...positions: number[]): Taps => positions.map((position) => [[position, 1]])

describe("resampleAxis", () => {
  test("agrees with the reference and with finite differences", async () => {
    await fc.assert(
      fc.asyncProperty(anyResampling, async ({ shape, axis, taps }) => {
        await checkOp({ inputs: [randomArray(shape, "x")], build: (x) => resampleAxis(x!, axis, taps) })
      }),
      { numRuns: 15, seed: 23 },
    )
  })

  test("leaves a batch of unknown size alone, before and after the axis", async () => {
    const taps = rows([0.5, 0, -1], [0, 2, 0])
    await checkOp({ inputs: [randomArray([2, 3, 2], "x")], build: (x) => resampleAxis(x!, 1, taps), batched: [0] })
    await checkOp({
      inputs: [randomArray([2, 3, 2], "x")],
      build: (x) => resampleAxis(x!, 1, copies(2, 0)),
      batched: [0],
    })
  })

  test("is a matrix times the axis", () => {
    const { y } = evaluate(
      { y: resampleAxis(input("x", [3]), 0, rows([10, 0, 0], [0, 1, 100], [0, 0, 0])) },
      { x: ndarray([1, 2, 3]) },
    )
    expect(numbers(y!)).toEqual([10, 302, 0])
  })

  test("of copies alone is no product, and of all in their order is the tensor itself", () => {
    const x = input("x", ["N", 3])
    const types = (taps: Taps) => {
      const { model } = encodeOnnx({ y: resampleAxis(x, 1, taps) }, { name: "test" })
      return new TextDecoder().decode(model)
    }
    expect(types(copies(0, 0, 2))).toContain("Gather")
    expect(types(rows([2, 0, 0]))).toContain("MatMul")
    expect(resampleAxis(x, 1, copies(0, 1, 2))).toBe(x)
    expect(countOps({ y: resampleAxis(x, 1, copies(0, 1)) })).toEqual({ resampleAxis: 1 })
  })

  test("refuses an axis without a fixed size", () => {
    const x = input("x", ["N", 3])
    expect(() => resampleAxis(x, 0, copies(0))).toThrow("resampleAxis: axis 0 of [N, 3] has no fixed size")
    expect(() => resampleAxis(x, 2, copies(0))).toThrow("resampleAxis: axis 2 is out of range for rank 2")
  })
})
