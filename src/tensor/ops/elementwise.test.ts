import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { numbers, randomArray } from "../../../test/support/arrays.ts"
import { checkOp, runGraph } from "../../../test/support/check-op.ts"
import { gradients } from "../../autodiff/gradients.ts"
import { evaluate } from "../evaluate.ts"
import { ndarray } from "../ndarray.ts"
import { constant, input } from "../tensor.ts"
import { erfOf, sumToShape } from "./elementwise.ts"
import {
  abs,
  add,
  div,
  erf,
  exp,
  log,
  maximum,
  minimum,
  mul,
  neg,
  pow,
  rsqrt,
  sign,
  sqrt,
  square,
  sub,
  sum,
} from "./index.ts"

/** Two shapes that broadcast: a common shape from which each side may lose leading axes or have 1 on some axes. */
const broadcastPair = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.constantFrom("both", "left", "right")), {
    minLength: 1,
    maxLength: 4,
  })
  .chain((axes) =>
    fc.record({
      left: fc.constant(axes.map(([size, side]) => (side === "right" ? 1 : size))),
      right: fc.constant(axes.map(([size, side]) => (side === "left" ? 1 : size))),
      drop: fc.integer({ min: 0, max: axes.length }),
      dropLeft: fc.boolean(),
    }),
  )
  .map(({ left, right, drop, dropLeft }) =>
    dropLeft ? { left: left.slice(drop), right } : { left, right: right.slice(drop) },
  )

describe.each([
  ["add", add],
  ["sub", sub],
  ["mul", mul],
  ["div", div],
  ["maximum", maximum],
  ["minimum", minimum],
] as const)("%s", (name, op) => {
  test("agrees with the reference and with finite differences for all shapes that broadcast", async () => {
    await fc.assert(
      fc.asyncProperty(broadcastPair, async ({ left, right }) => {
        await checkOp({
          inputs: [randomArray(left, "a"), randomArray(right, "b", { mean: 3, std: 0.5 })],
          build: (a, b) => op(a!, b!),
        })
      }),
      { numRuns: 12, seed: 1 },
    )
  })

  test("broadcasts a batch of unknown size", async () => {
    await checkOp({
      inputs: [randomArray([3, 1, 4], "a"), randomArray([2, 1], "b", { mean: 3, std: 0.5 })],
      build: (a, b) => op(a!, b!),
      batched: [0],
    })
  })

  test("takes numbers as operands", async () => {
    const x = randomArray([5], "x", { mean: 3, std: 0.5 })
    await checkOp({ inputs: [x], build: (a) => op(a!, 1.5) })
    await checkOp({ inputs: [x], build: (a) => op(1.5, a!) })
  })

  test("with both operands the same adds both gradients", async () => {
    await checkOp({ inputs: [randomArray([5], "x", { mean: 3, std: 0.5 })], build: (x) => op(x!, x!) })
  })

  test("refuses operands that do not fit and says which", () => {
    const a = input("a", ["N", 3])
    expect(() => op(a, input("b", [4]))).toThrow(RangeError)
    expect(() => op(a, input("b", [4]))).toThrow(`${name}: shapes [N, 3] and [4] do not broadcast`)
    expect(() => op(a, input("b", [2, 3]))).toThrow(`${name}: shapes [N, 3] and [2, 3] do not broadcast`)
    expect(() => op(a, input("b", [3], "int32"))).toThrow(`${name}: operands have types float32 and int32`)
  })
})

describe.each([
  ["neg", neg, {}],
  ["exp", exp, {}],
  ["log", log, { mean: 3, std: 0.5 }],
  ["sqrt", sqrt, { mean: 3, std: 0.5 }],
  ["erf", erf, { std: 1.5 }],
  ["abs", abs, {}],
  ["sign", sign, {}],
  ["square", square, {}],
  ["rsqrt", rsqrt, { mean: 3, std: 0.5 }],
] as const)("%s", (_, op, distribution) => {
  test("agrees with the reference and with finite differences", async () => {
    await checkOp({ inputs: [randomArray([7, 5], "x", distribution)], build: (x) => op(x!), batched: [0] })
    await checkOp({ inputs: [randomArray([], "x", distribution)], build: (x) => op(x!) })
  })
})

describe("pow", () => {
  test("agrees with the reference and with finite differences", async () => {
    for (const exponent of [-1, 0, 1, 2, 3]) {
      await checkOp({ inputs: [randomArray([7, 5], "x")], build: (x) => pow(x!, exponent), batched: [0] })
    }
    for (const exponent of [-1.5, 0.5, 2.5]) {
      await checkOp({ inputs: [randomArray([9], "x", { mean: 3, std: 0.5 })], build: (x) => pow(x!, exponent) })
    }
  })

  test("has a finite gradient at zero for exponents of one and above, and for zero", async () => {
    for (const exponent of [0, 1, 1.5, 2, 3]) {
      const x = input("x", [1])
      const [dx] = gradients(sum(pow(x, exponent)), [x])
      const values = await runGraph({ dx: dx! }, { x: ndarray([0]) })
      expect(numbers(values.dx!), `d x^${exponent}`).toEqual([exponent === 1 ? 1 : 0])
    }
  })

  test("refuses an exponent that is not finite", () => {
    expect(() => pow(input("x", [2]), Number.NaN)).toThrow("pow: exponent must be finite, got NaN")
  })
})

test("abs and sign are flat at zero", async () => {
  const x = input("x", [3])
  const [dAbs] = gradients(sum(abs(x)), [x])
  const values = await runGraph({ dAbs: dAbs!, sign: sign(x) }, { x: ndarray([-2, 0, 3]) })
  expect(numbers(values.dAbs!)).toEqual([-1, 0, 1])
  expect(numbers(values.sign!)).toEqual([-1, 0, 1])
})

describe("operands that are integers", () => {
  const x = ndarray([7, -7, 2], [3], "int32")

  test("take numbers of their own type, with the passes and without", async () => {
    for (const op of [add, sub, mul, maximum, minimum]) {
      await checkOp({ inputs: [x], build: (a) => op(op(a!, 2), 0) })
      await checkOp({ inputs: [x], build: (a) => op(3, a!) })
    }
    const long = ndarray(BigInt64Array.of(7n, -7n, 2n), [3], "int64")
    const { y } = await runGraph({ y: mul(input("x", [3], "int64"), 2) }, { x: long })
    expect(y!.data).toEqual(BigInt64Array.of(14n, -14n, 4n))
  })

  test("refuse fractions", () => {
    expect(() => add(input("x", [3], "int32"), 0.5)).toThrow("add: 0.5 is no int32")
  })
})

test("the reference knows the values of arithmetic", () => {
  const feeds = { a: ndarray([1, 2, 3]), b: ndarray([2, 2, 4]) }
  const [a, b] = [input("a", [3]), input("b", [3])]
  const values = evaluate({ sum: add(a, b), rest: sub(a, b), product: mul(a, b), quotient: div(a, b) }, feeds)
  expect(values.sum!.data).toEqual(Float64Array.of(3, 4, 7))
  expect(values.rest!.data).toEqual(Float64Array.of(-1, 0, -1))
  expect(values.product!.data).toEqual(Float64Array.of(2, 4, 12))
  expect(values.quotient!.data).toEqual(Float64Array.of(0.5, 1, 0.75))
})

test("erf has the tabulated values to float64 precision", () => {
  // From the C library's erf.
  const known: [number, number][] = [
    [0, 0],
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [2, 0.9953222650189527],
    [2.9999, 0.9999778955735107],
    [3, 0.9999779095030014],
    [3.5, 0.9999992569016276],
    [5, 0.9999999999984626],
    [7, 1],
    [Number.POSITIVE_INFINITY, 1],
  ]
  for (const [x, value] of known) {
    expect(erfOf(x), `erf(${x})`).toBeCloseTo(value, 13)
    expect(erfOf(-x), `erf(${-x})`).toBe(-erfOf(x))
  }
  expect(erfOf(Number.NaN)).toBeNaN()
})

test("erf is smooth where its series meets its continued fraction", () => {
  expect(Math.abs(erfOf(3 - 1e-12) - erfOf(3))).toBeLessThan(1e-12)
})

test("erf on the device saturates without NaN", async () => {
  const x = ndarray([-100, -10, -4, 0, 4, 10, 100])
  const { y } = await runGraph({ y: erf(input("x", [7])) }, { x })
  expect([...(y!.data as Float32Array)]).toEqual([-1, -1, -1, 0, 1, 1, 1])
})

test("sumToShape sums over the axes along which an operand was repeated", () => {
  const gradient = input("dy", ["N", 2, 3])
  expect(sumToShape(gradient, ["N", 2, 3])).toBe(gradient)
  expect(sumToShape(gradient, [3]).shape).toEqual([3])
  expect(sumToShape(gradient, [2, 1]).shape).toEqual([2, 1])
  expect(sumToShape(gradient, []).shape).toEqual([])
  const { y } = evaluate({ y: sumToShape(constant(ndarray([1, 2, 3, 4, 5, 6], [2, 3])), [2, 1]) }, {})
  expect(y!.data).toEqual(Float64Array.of(6, 15))
})
