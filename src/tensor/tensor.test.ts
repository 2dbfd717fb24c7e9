import { describe, expect, test } from "vitest"
import { ndarray } from "./ndarray.ts"
import { add, mul } from "./ops/index.ts"
import {
  broadcastShapes,
  constant,
  defineOp,
  input,
  normalizeAxes,
  normalizeAxis,
  scalarValue,
  withScope,
} from "./tensor.ts"

test("a tensor prints its type and shape, and counts axes from either end", () => {
  const x = input("x", ["N", 56, 96])
  expect(String(x)).toBe("float32[N, 56, 96]")
  expect(x.rank).toBe(3)
  expect(x.dim(0)).toBe("N")
  expect(x.dim(-1)).toBe(96)
  expect(() => x.dim(3)).toThrow("axis 3 is out of range for rank 3")
})

test("axes count from either end and are refused out of range", () => {
  expect(normalizeAxis(-1, 3)).toBe(2)
  expect(normalizeAxis(0, 3)).toBe(0)
  expect(() => normalizeAxis(3, 3)).toThrow(RangeError)
  expect(() => normalizeAxis(-4, 3)).toThrow(RangeError)
  expect(() => normalizeAxis(0, 0)).toThrow(RangeError)
  expect(normalizeAxes([2, -3], 3)).toEqual([0, 2])
  expect(() => normalizeAxes([2, -1], 3)).toThrow("axes [2, -1] name an axis twice")
  expect(() => normalizeAxes(1 as never, 3)).toThrow("axes must be a list, such as [1], got 1")
})

test("shapes broadcast by NumPy's rule", () => {
  expect(broadcastShapes([3, 1], [4])).toEqual([3, 4])
  expect(broadcastShapes([], ["N", 2])).toEqual(["N", 2])
  expect(broadcastShapes(["N", 1], [1, 5])).toEqual(["N", 5])
  expect(broadcastShapes(["N"], ["N"])).toEqual(["N"])
  expect(() => broadcastShapes(["N"], ["M"])).toThrow("shapes [N] and [M] do not broadcast")
  expect(() => broadcastShapes(["N"], [2])).toThrow("shapes [N] and [2] do not broadcast")
})

test("only scalar constants have a scalar value", () => {
  expect(scalarValue(constant(2.5))).toBe(2.5)
  expect(scalarValue(constant(ndarray([2.5])))).toBeUndefined()
  expect(scalarValue(input("x", []))).toBeUndefined()
})

describe("scopes", () => {
  test("name the module that a node belongs to, nested and undone after an error", () => {
    const x = input("x", [1])
    withScope("outer", () => {
      expect(add(x, x).node.scope).toBe("outer")
      withScope("outer.inner", () => expect(add(x, x).node.scope).toBe("outer.inner"))
      expect(() => withScope("broken", () => mul(x, input("y", [2], "int32")))).toThrow()
      expect(add(x, x).node.scope).toBe("outer")
    })
    expect(add(x, x).node.scope).toBe("")
  })
})

describe("defineOp", () => {
  const split = defineOp<{ at: number }>({
    name: "split",
    shape: ([x], { at }) => {
      if (at > 4) throw new RangeError(`cannot split at ${at}`)
      return [
        { shape: [at], dtype: x!.dtype },
        { shape: [4 - at], dtype: x!.dtype },
      ]
    },
    reference: () => undefined,
  })

  test("applies to all outputs or to the first", () => {
    const x = input("x", [4])
    const outputs = split.apply([x], { at: 1 })
    expect(outputs.map(({ shape, index }) => ({ shape, index }))).toEqual([
      { shape: [1], index: 0 },
      { shape: [3], index: 1 },
    ])
    expect(outputs[0]!.node).toBe(outputs[1]!.node)
    expect(split([x], { at: 1 }).index).toBe(0)
  })

  test("puts the operator's name before what does not fit", () => {
    expect(() => split([input("x", [4])], { at: 5 })).toThrow(new RangeError("split: cannot split at 5"))
  })
})
