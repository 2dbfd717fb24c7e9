import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { bindShape, divideDims, matchShape, multiplyDims, printShape, productOf, sameShape, symbolOf } from "./dim.ts"

describe("arithmetic of dimensions", () => {
  test("multiplies numbers and multiples of one symbol", () => {
    expect(multiplyDims(3, 4)).toBe(12)
    expect(multiplyDims("N", 4)).toBe("4*N")
    expect(multiplyDims(4, "N")).toBe("4*N")
    expect(multiplyDims("4*N", 3)).toBe("12*N")
    expect(multiplyDims("N", 1)).toBe("N")
    expect(multiplyDims("N", 0)).toBe(0)
    expect(() => multiplyDims("N", "M")).toThrow("cannot multiply the symbolic dimensions N and M")
  })

  test("divides where the quotient is a whole number", () => {
    expect(divideDims(12, 4)).toBe(3)
    expect(divideDims(12, 5)).toBeUndefined()
    expect(divideDims(12, 0)).toBeUndefined()
    expect(divideDims("12*N", 4)).toBe("3*N")
    expect(divideDims("12*N", "4*N")).toBe(3)
    expect(divideDims("12*N", "N")).toBe(12)
    expect(divideDims("12*N", 12)).toBe("N")
    expect(divideDims("12*N", "M")).toBeUndefined()
    expect(divideDims(12, "N")).toBeUndefined()
  })

  test("a product divided by a factor is the other factor, for any numbers", () => {
    const dim = fc.integer({ min: 1, max: 1000 })
    fc.assert(
      fc.property(dim, dim, fc.boolean(), (a, b, symbolic) => {
        const factor = symbolic ? multiplyDims(a, "N") : a
        expect(divideDims(multiplyDims(factor, b), b)).toBe(factor)
        expect(divideDims(multiplyDims(factor, b), factor)).toBe(b)
      }),
      { seed: 1 },
    )
  })

  test("the product of a shape counts its elements", () => {
    expect(productOf([])).toBe(1)
    expect(productOf([2, 3, 4])).toBe(24)
    expect(productOf([2, "3*N", 4])).toBe("24*N")
  })

  test("a multiple belongs to its symbol", () => {
    expect(symbolOf(3)).toBeUndefined()
    expect(symbolOf("N")).toBe("N")
    expect(symbolOf("49*N")).toBe("N")
  })
})

describe("shapes", () => {
  test("bind symbols to values", () => {
    expect(bindShape(["N", "49*N", 3], { N: 2 })).toEqual([2, 98, 3])
    expect(() => bindShape(["N", "M"], { N: 2 })).toThrow("dimension M of [N, M] has no value")
  })

  test("match what they describe, and give the values of symbols", () => {
    expect(matchShape(["N", 3], [5, 3])).toEqual({ N: 5 })
    expect(matchShape(["4*N", "N"], [20, 5])).toEqual({ N: 5 })
    expect(matchShape([], [])).toEqual({})
  })

  test("refuse what they do not describe and say both", () => {
    const message = "expected shape [N, 3], got [5, 4]"
    expect(() => matchShape(["N", 3], [5, 4])).toThrow(message)
    expect(() => matchShape(["N", 3], [5])).toThrow("expected shape [N, 3], got [5]")
    expect(() => matchShape(["4*N"], [6])).toThrow("expected shape [4*N], got [6]")
    expect(() => matchShape(["N", "N"], [2, 3])).toThrow("expected shape [N, N], got [2, 3]")
    expect(() => matchShape(["N"], [3], { N: 2 })).toThrow("expected shape [N], got [3]")
  })

  test("bind and match undo each other", () => {
    const shape = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom("N", "7*N")), { maxLength: 4 })
    fc.assert(
      fc.property(shape, fc.integer({ min: 1, max: 50 }), (dims, N) => {
        expect(bindShape(dims, matchShape(dims, bindShape(dims, { N }), { N }))).toEqual(bindShape(dims, { N }))
      }),
      { seed: 2 },
    )
  })

  test("are equal where all dimensions are, and print as in messages", () => {
    expect(sameShape(["N", 3], ["N", 3])).toBe(true)
    expect(sameShape(["N", 3], ["N", 4])).toBe(false)
    expect(sameShape(["N", 3], ["N"])).toBe(false)
    expect(printShape(["N", "4*N", 3])).toBe("[N, 4*N, 3]")
    expect(printShape([])).toBe("[]")
  })
})
