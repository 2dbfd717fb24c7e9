import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { randomArray } from "../../../test/support/arrays.ts"
import { checkOp } from "../../../test/support/check-op.ts"
import { gradients } from "../../autodiff/gradients.ts"
import { evaluate } from "../evaluate.ts"
import { ndarray } from "../ndarray.ts"
import { input, type Tensor } from "../tensor.ts"
import { concat, mul, type PadMode, pad, roll, slice, split, stack, sum } from "./index.ts"

const shapes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 })
const withAxis = shapes.chain((shape) =>
  fc.record({ shape: fc.constant(shape), axis: fc.integer({ min: -shape.length, max: shape.length - 1 }) }),
)
const sizeAt = (shape: number[], axis: number) => shape.at(axis)!

/** What an operator on a vector gives. */
const valuesOf = (build: (x: Tensor) => Tensor, values: number[]) => {
  const { y } = evaluate({ y: build(input("x", [values.length])) }, { x: ndarray(values) })
  return [...(y!.data as Float64Array)]
}

describe("slice and pad", () => {
  test("slice agrees with the reference and with finite differences", async () => {
    const cases = withAxis.chain(({ shape, axis }) =>
      fc.record({
        shape: fc.constant(shape),
        axis: fc.constant(axis),
        ends: fc.uniqueArray(fc.integer({ min: 0, max: sizeAt(shape, axis) }), { minLength: 2, maxLength: 2 }),
      }),
    )
    await fc.assert(
      fc.asyncProperty(cases, async ({ shape, axis, ends }) => {
        const [start, end] = [Math.min(...ends), Math.max(...ends)]
        await checkOp({ inputs: [randomArray(shape, "x")], build: (x) => slice(x!, axis, start, end) })
      }),
      { numRuns: 12, seed: 6 },
    )
  })

  test("pad agrees with the reference and with finite differences", async () => {
    const cases = fc.tuple(withAxis, fc.integer({ min: 0, max: 2 }), fc.integer({ min: 0, max: 2 }))
    await fc.assert(
      fc.asyncProperty(cases, async ([{ shape, axis }, before, after]) => {
        await checkOp({ inputs: [randomArray(shape, "x")], build: (x) => pad(x!, axis, before, after) })
      }),
      { numRuns: 12, seed: 7 },
    )
  })

  test("both leave a batch of unknown size alone", async () => {
    const x = randomArray([2, 5], "x")
    await checkOp({ inputs: [x], build: (a) => slice(a!, 1, 1, 3), batched: [0] })
    await checkOp({ inputs: [x], build: (a) => pad(a!, 1, 1, 2), batched: [0] })
  })

  test("a slice of all and padding by nothing are the tensor itself", () => {
    const x = input("x", [2, 3])
    expect(slice(x, -1, 0, 3)).toBe(x)
    expect(pad(x, 0, 0, 0)).toBe(x)
  })

  test("refuse what is out of range and say the axis and the shape", () => {
    const x = input("x", ["N", 3])
    expect(() => slice(x, 1, 2, 4)).toThrow("slice: 2 to 4 is no range of axis 1 of [N, 3]")
    expect(() => slice(x, 1, 2, 2)).toThrow("slice: 2 to 2 is no range of axis 1 of [N, 3]")
    expect(() => slice(x, 0, 0, 1)).toThrow("slice: axis 0 of [N, 3] has no fixed size")
    expect(() => slice(x, 2, 0, 1)).toThrow("slice: axis 2 is out of range for rank 2")
    expect(() => pad(x, 1, -1, 0)).toThrow("pad: padding must be a whole number of at least 0, got -1")
    expect(() => pad(x, 0, 1, 0)).toThrow("pad: axis 0 of [N, 3] has no fixed size")
    expect(() => pad(x, 2, 1, 0)).toThrow("pad: axis 2 is out of range for rank 2")
  })
})

describe("pad by mirroring and by repeating", () => {
  const modes: PadMode[] = ["reflect", "edge"]

  test("agrees with the reference and with finite differences", async () => {
    const cases = withAxis.chain(({ shape, axis }) =>
      fc.record({
        shape: fc.constant(shape),
        axis: fc.constant(axis),
        mode: fc.constantFrom(...modes),
        before: fc.integer({ min: 0, max: sizeAt(shape, axis) - 1 }),
        after: fc.integer({ min: 0, max: sizeAt(shape, axis) - 1 }),
      }),
    )
    await fc.assert(
      fc.asyncProperty(cases, async ({ shape, axis, mode, before, after }) => {
        await checkOp({ inputs: [randomArray(shape, "x")], build: (x) => pad(x!, axis, before, after, mode) })
      }),
      { numRuns: 12, seed: 8 },
    )
  })

  test("leaves a batch of unknown size alone, and repeats an edge as often as asked for", async () => {
    const x = randomArray([2, 3], "x")
    for (const mode of modes) await checkOp({ inputs: [x], build: (a) => pad(a!, 1, 2, 1, mode), batched: [0] })
    await checkOp({ inputs: [x], build: (a) => pad(a!, 1, 5, 7, "edge"), batched: [0] })
  })

  test("repeats the edge itself or what is beyond it", () => {
    expect(valuesOf((x) => pad(x, 0, 2, 1, "edge"), [1, 2, 3])).toEqual([1, 1, 1, 2, 3, 3])
    expect(valuesOf((x) => pad(x, 0, 2, 1, "reflect"), [1, 2, 3])).toEqual([3, 2, 1, 2, 3, 2])
  })

  test("refuses to mirror more than there is", () => {
    const x = input("x", ["N", 3])
    expect(() => pad(x, 1, 3, 0, "reflect")).toThrow("pad: axis 1 of [N, 3] is too short to mirror 3 and 0 of it")
    expect(() => pad(x, 1, 0, 3, "reflect")).toThrow("pad: axis 1 of [N, 3] is too short to mirror 0 and 3 of it")
  })
})

/** A shape, an axis of it, and the sizes of some parts along this axis. */
const withParts = fc
  .record({ shape: shapes, sizes: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 }) })
  .chain(({ shape, sizes }) =>
    fc.record({
      shape: fc.constant(shape),
      sizes: fc.constant(sizes),
      axis: fc.integer({ min: -shape.length, max: shape.length - 1 }),
    }),
  )
const withSize = (shape: number[], axis: number, size: number) => shape.with(axis, size)

describe("concat and split", () => {
  test("concat agrees with the reference and with finite differences", async () => {
    await fc.assert(
      fc.asyncProperty(withParts, async ({ shape, sizes, axis }) => {
        const inputs = sizes.map((size, i) => randomArray(withSize(shape, axis, size), i))
        await checkOp({ inputs, build: (...parts) => concat(parts, axis) })
      }),
      { numRuns: 10, seed: 14 },
    )
  })

  test("split agrees with the reference and with finite differences, in each part and in all", async () => {
    await fc.assert(
      fc.asyncProperty(withParts, async ({ shape, sizes, axis }) => {
        const total = sizes.reduce((sum, size) => sum + size, 0)
        const inputs = [randomArray(withSize(shape, axis, total), "x")]
        const last = sizes.length - 1
        await checkOp({ inputs, build: (x) => split(x!, axis, sizes)[last]! })
        await checkOp({ inputs, build: (x) => concat([...split(x!, axis, sizes)].reverse(), axis) })
      }),
      { numRuns: 8, seed: 15 },
    )
  })

  test("leave a batch of unknown size alone", async () => {
    const inputs = [randomArray([2, 3, 2], "a"), randomArray([2, 1, 2], "b")]
    await checkOp({ inputs, build: (a, b) => concat([a!, b!], 1), batched: [0, 1] })
    await checkOp({ inputs: [randomArray([2, 6], "x")], build: (x) => split(x!, -1, [2, 3, 1])[1]!, batched: [0] })
  })

  test("are each other's opposite and gradient", () => {
    expect(valuesOf((x) => split(x, 0, [1, 3])[1]!, [1, 2, 3, 4])).toEqual([2, 3, 4])
    expect(valuesOf((x) => concat([x, x], 0), [1, 2])).toEqual([1, 2, 1, 2])
    const x = input("x", [6])
    const parts = split(x, 0, [2, 2, 2])
    const [dx] = gradients(sum(mul(parts[0]!, parts[2]!)), [x])
    const { d } = evaluate({ d: dx! }, { x: ndarray([1, 2, 3, 4, 5, 6]) })
    expect(d!.data).toEqual(Float64Array.of(5, 6, 0, 0, 1, 2))
  })

  test("of one part are the tensor itself", () => {
    const x = input("x", ["N", 3])
    expect(concat([x], 1)).toBe(x)
    expect(split(x, 1, [3])).toEqual([x])
  })

  test("refuse what does not fit and say the shapes", () => {
    const x = input("x", ["N", 3])
    expect(() => concat([x, input("y", ["N", 2])], 0)).toThrow("concat: [N, 3], [N, 2] differ in more than axis 0")
    expect(() => concat([x, input("y", ["N", 3, 1])], 1)).toThrow(
      "concat: [N, 3], [N, 3, 1] differ in more than axis 1",
    )
    expect(() => concat([x, x], 0)).toThrow("concat: axis 0 of [N, 3] has no fixed size")
    expect(() => concat([x, input("y", ["N", 3], "int32")], 1)).toThrow("concat: tensors have types float32 and int32")
    expect(() => concat([], 0)).toThrow("concat: got no tensors")
    expect(() => split(x, 1, [1, 1])).toThrow("split: sizes 1 + 1 do not make up axis 1 of [N, 3]")
    expect(() => split(x, 1, [3, 0])).toThrow("split: sizes 3 + 0 do not make up axis 1 of [N, 3]")
  })
})

test("stack joins along a new axis", async () => {
  const inputs = [randomArray([2, 3], "a"), randomArray([2, 3], "b")]
  for (const axis of [1, 2, -1]) {
    await checkOp({ inputs, build: (a, b) => stack([a!, b!], axis), batched: [0, 1] })
  }
  expect(stack([input("a", [3]), input("b", [3])], 0).shape).toEqual([2, 3])
  expect(() => stack([input("a", [3]), input("b", [4])], 0)).toThrow("stack: concat: [1, 3], [1, 4] differ")
})

describe("roll", () => {
  test("agrees with the reference and with finite differences", async () => {
    const cases = fc.record({ place: withAxis, shift: fc.integer({ min: -9, max: 9 }) })
    await fc.assert(
      fc.asyncProperty(cases, async ({ place: { shape, axis }, shift }) => {
        await checkOp({ inputs: [randomArray(shape, "x")], build: (x) => roll(x!, axis, shift) })
      }),
      { numRuns: 10, seed: 16 },
    )
    await checkOp({ inputs: [randomArray([2, 5, 2], "x")], build: (x) => roll(x!, 1, 2), batched: [0] })
  })

  test("brings back at the beginning what leaves at the end", () => {
    expect(valuesOf((x) => roll(x, 0, 1), [1, 2, 3, 4])).toEqual([4, 1, 2, 3])
    expect(valuesOf((x) => roll(x, 0, -5), [1, 2, 3, 4])).toEqual([2, 3, 4, 1])
    const x = input("x", ["N", 4])
    expect(roll(x, 1, 8)).toBe(x)
    expect(() => roll(x, 0, 1)).toThrow("roll: axis 0 of [N, 4] has no fixed size")
  })
})
