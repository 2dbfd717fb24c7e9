import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { randomArray } from "../../../test/support/arrays.ts"
import { checkOp } from "../../../test/support/check-op.ts"
import { evaluate } from "../evaluate.ts"
import { ndarray } from "../ndarray.ts"
import { input, type Tensor } from "../tensor.ts"
import { broadcastTo, flip, reshape, squeeze, transpose, unsqueeze } from "./index.ts"

const shapes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 })
const withAxis = shapes.chain((shape) =>
  fc.record({ shape: fc.constant(shape), axis: fc.integer({ min: -shape.length, max: shape.length - 1 }) }),
)

describe("reshape", () => {
  test("agrees with the reference and with finite differences", async () => {
    const target = fc.constantFrom([24], [2, 12], [4, 3, 2], [1, 24, 1], [-1, 6], [3, -1, 2, 1])
    await fc.assert(
      fc.asyncProperty(target, async (shape) => {
        await checkOp({ inputs: [randomArray([2, 3, 4], "x")], build: (x) => reshape(x!, shape) })
      }),
      { numRuns: 6, seed: 3 },
    )
  })

  test("carries a batch of unknown size into products with it", async () => {
    const x = input("x", ["N", 4, 3])
    expect(reshape(x, [-1, 3]).shape).toEqual(["4*N", 3])
    expect(reshape(reshape(x, [-1, 3]), ["N", 12]).shape).toEqual(["N", 12])
    await checkOp({ inputs: [randomArray([2, 4, 3], "x")], build: (a) => reshape(a!, [-1, 3]), batched: [0] })
  })

  test("of a view views the source, and of nothing new is the tensor itself", () => {
    const x = input("x", [2, 6])
    expect(reshape(x, [2, 6])).toBe(x)
    expect(reshape(reshape(x, [12]), [2, 6])).toBe(x)
    expect(reshape(reshape(x, [12]), [3, 4]).node.inputs[0]).toBe(x)
  })

  test("refuses another number of elements and says both shapes", () => {
    const x = input("x", ["N", 6])
    expect(() => reshape(x, ["N", 5])).toThrow("reshape: cannot view [N, 6] as [N, 5]")
    expect(() => reshape(x, [-1, 4])).toThrow("reshape: cannot view [N, 6] as [-1, 4]")
    expect(() => reshape(input("y", [2, 3]), [-1, 4])).toThrow("reshape: cannot view [2, 3] as [-1, 4]")
  })
})

test("unsqueeze and squeeze put in and take out an axis of size 1", async () => {
  const x = input("x", ["N", 3])
  expect([0, 1, 2, -1, -3].map((axis) => unsqueeze(x, axis).shape)).toEqual([
    [1, "N", 3],
    ["N", 1, 3],
    ["N", 3, 1],
    ["N", 3, 1],
    [1, "N", 3],
  ])
  expect(squeeze(unsqueeze(x, 1), 1)).toBe(x)
  await checkOp({ inputs: [randomArray([2, 1, 3], "x")], build: (a) => squeeze(unsqueeze(a!, -1), 1), batched: [0] })
  expect(() => unsqueeze(x, 3)).toThrow("unsqueeze: axis 3 is out of range for rank 3")
  expect(() => squeeze(x, 1)).toThrow("squeeze: axis 1 of [N, 3] has not size 1")
})

describe("transpose", () => {
  test("agrees with the reference and with finite differences for all permutations", async () => {
    const cases = shapes.chain((shape) =>
      fc.record({
        shape: fc.constant(shape),
        order: fc.shuffledSubarray(
          shape.map((_, axis) => axis),
          { minLength: shape.length },
        ),
        fromEnd: fc.boolean(),
      }),
    )
    await fc.assert(
      fc.asyncProperty(cases, async ({ shape, order, fromEnd }) => {
        const permutation = fromEnd ? order.map((axis) => axis - shape.length) : order
        await checkOp({ inputs: [randomArray(shape, "x")], build: (x) => transpose(x!, permutation), batched: [0] })
      }),
      { numRuns: 15, seed: 4 },
    )
  })

  test("without a permutation reverses the axes", () => {
    expect(transpose(input("x", ["N", 3, 4])).shape).toEqual([4, 3, "N"])
    const { y } = evaluate({ y: transpose(input("x", [2, 3])) }, { x: ndarray([1, 2, 3, 4, 5, 6], [2, 3]) })
    expect(y!.data).toEqual(Float64Array.of(1, 4, 2, 5, 3, 6))
  })

  test("that moves nothing is the tensor itself", () => {
    const x = input("x", [2, 3])
    expect(transpose(x, [0, 1])).toBe(x)
  })

  test("refuses what is no permutation", () => {
    const x = input("x", ["N", 3])
    expect(() => transpose(x, [0, 0])).toThrow("transpose: [0, 0] is no permutation of the axes of [N, 3]")
    expect(() => transpose(x, [0])).toThrow("transpose: [0] is no permutation of the axes of [N, 3]")
    expect(() => transpose(x, [0, 2])).toThrow("transpose: axis 2 is out of range for rank 2")
  })
})

describe("broadcastTo", () => {
  test("agrees with the reference and with finite differences", async () => {
    const like = randomArray([2, 3, 4], "like")
    const build = (x?: Tensor, target?: Tensor) => broadcastTo(x!, target!)
    for (const shape of [[], [1], [4], [3, 1], [1, 3, 4]]) {
      await checkOp({ inputs: [randomArray(shape, "x"), like], build, batched: [1] })
    }
    await checkOp({ inputs: [randomArray([2, 1, 1], "x"), like], build, batched: [0, 1] })
  })

  test("refuses a shape that it does not fit and says both", () => {
    const like = input("like", ["N", 4])
    expect(() => broadcastTo(input("x", [3]), like)).toThrow("broadcastTo: shapes [3] and [N, 4] do not broadcast")
    expect(() => broadcastTo(input("x", [2, 1, 4]), like)).toThrow(
      "broadcastTo: [2, 1, 4] does not broadcast to [N, 4]",
    )
  })
})

describe("flip", () => {
  test("agrees with the reference and with finite differences", async () => {
    await fc.assert(
      fc.asyncProperty(withAxis, async ({ shape, axis }) => {
        await checkOp({ inputs: [randomArray(shape, "x")], build: (x) => flip(x!, axis) })
      }),
      { numRuns: 10, seed: 5 },
    )
  })

  test("reverses one axis", () => {
    const { y } = evaluate({ y: flip(input("x", [2, 3]), 1) }, { x: ndarray([1, 2, 3, 4, 5, 6], [2, 3]) })
    expect(y!.data).toEqual(Float64Array.of(3, 2, 1, 6, 5, 4))
  })

  test("refuses an axis without a fixed size, or that is not there", () => {
    expect(() => flip(input("x", ["N", 3]), 0)).toThrow("flip: axis 0 of [N, 3] has no fixed size")
    expect(() => flip(input("x", ["N", 3]), 2)).toThrow("flip: axis 2 is out of range for rank 2")
  })
})
