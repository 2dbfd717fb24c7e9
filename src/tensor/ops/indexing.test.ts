import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { numbers, randomArray } from "../../../test/support/arrays.ts"
import { checkOp, runGraph } from "../../../test/support/check-op.ts"
import { gradients } from "../../autodiff/gradients.ts"
import { backendFor } from "../../runtime/backend.ts"
import { Program } from "../../runtime/program.ts"
import { evaluate } from "../evaluate.ts"
import { type NdArray, ndarray, sizeOf } from "../ndarray.ts"
import { Random } from "../random.ts"
import { constant, input } from "../tensor.ts"
import {
  argMax,
  cumulativeSum,
  gather,
  gatherElements,
  mul,
  oneHot,
  scatterAdd,
  scatterAddElements,
  sum,
  topK,
} from "./index.ts"

/** Indices from -size to size - 1 that depend only on the key; with few sizes, many of them twice. */
function randomIndices(shape: readonly number[], size: number, key: string): NdArray<"int32"> {
  const random = new Random(0, "indices", key)
  return ndarray(
    Int32Array.from({ length: sizeOf(shape) }, () => random.integer(2 * size) - size),
    shape,
    "int32",
  )
}

const dims = (minLength: number, maxLength: number) =>
  fc.array(fc.integer({ min: 1, max: 4 }), { minLength, maxLength })

/** The shape of x, one of its axes, and the shape of the indices. */
const lookups = fc
  .record({ before: dims(0, 2), size: fc.integer({ min: 1, max: 4 }), after: dims(0, 2), along: dims(0, 2) })
  .map(({ before, size, after, along }) => ({
    before,
    size,
    after,
    along,
    shape: [...before, size, ...after],
    axis: before.length,
  }))

describe("gather and scatterAdd", () => {
  test("agree with the reference and with finite differences along all axes", async () => {
    await fc.assert(
      fc.asyncProperty(lookups, async ({ before, size, after, along, shape, axis }) => {
        const indices = randomIndices(along, size, "i")
        await checkOp({ inputs: [randomArray(shape, "x"), indices], build: (x, i) => gather(x!, i!, axis) })
        await checkOp({
          inputs: [randomArray(shape, "x"), indices, randomArray([...before, ...along, ...after], "u")],
          build: (x, i, u) => scatterAdd(x!, i!, u!, axis - shape.length),
        })
      }),
      { numRuns: 12, seed: 5 },
    )
  })

  test("take a batch of unknown size, in x and in the indices", async () => {
    const x = randomArray([3, 4, 2], "x")
    const indices = randomIndices([5], 4, "i")
    await checkOp({ inputs: [x, indices], build: (a, i) => gather(a!, i!, 1), batched: [0] })
    const updates = randomArray([3, 5, 2], "u")
    const build = (a: Parameters<typeof gather>[0], i: typeof a, u: typeof a) => scatterAdd(a, i, u, 1)
    await checkOp({ inputs: [x, indices, updates], build: (a, i, u) => build(a!, i!, u!), batched: [0, 2] })
    const rows = randomIndices([6, 2], 4, "i")
    await checkOp({ inputs: [rows, randomArray([4, 3], "x")], build: (i, a) => gather(a!, i!), batched: [0] })
  })

  test("take int64 too", async () => {
    const indices = ndarray(BigInt64Array.of(2n, 0n, 2n), [3], "int64")
    await checkOp({ inputs: [randomArray([3, 2], "x"), indices], build: (x, i) => gather(x!, i!) })
  })

  test("gather has the values of indexing, and its gradient counts how often each was read", async () => {
    const x = input("x", [3, 2])
    const y = gather(x, constant(ndarray([2, 0, -1], [3], "int32")))
    const [dx] = gradients(sum(y), [x])
    const values = await runGraph({ y, dx: dx! }, { x: ndarray([1, 2, 3, 4, 5, 6], [3, 2]) })
    expect(numbers(values.y!)).toEqual([5, 6, 1, 2, 5, 6])
    expect(numbers(values.dx!)).toEqual([1, 1, 0, 0, 2, 2])
  })

  test("scatterAdd loses no update to another thread", async () => {
    const [count, rows, channels] = [20000, 17, 16]
    const graph = {
      y: scatterAdd(input("x", [rows, channels]), input("i", [count], "int32"), input("u", [count, channels])),
    }
    const feeds = {
      x: ndarray(new Float32Array(rows * channels), [rows, channels]),
      i: ndarray(
        Int32Array.from({ length: count }, (_, i) => i % rows),
        [count],
        "int32",
      ),
      u: ndarray(new Float32Array(count * channels).fill(1), [count, channels]),
    }
    const program = await Program.create(graph, { name: "test", backend: await backendFor("cpu"), threads: 2 })
    const expected = numbers(evaluate(graph, feeds).y!)
    for (let run = 0; run < 3; run++) expect(numbers((await program.run(feeds)).y!)).toEqual(expected)
    await program.dispose()
  })

  test("fail when an index is not there", async () => {
    const graph = { y: gather(input("x", [3]), input("i", [1], "int32")) }
    const feeds = { x: ndarray([1, 2, 3]), i: ndarray([3], [1], "int32") }
    expect(() => evaluate(graph, feeds)).toThrow("index 3 is out of range for size 3")
    await expect(runGraph(graph, feeds)).rejects.toThrow("3")
  })

  test("refuse what does not fit", () => {
    const x = input("x", ["N", 3])
    const i = input("i", [4], "int32")
    expect(() => gather(x, input("i", [4]))).toThrow("gather: indices must be int32 or int64, got float32[4]")
    expect(() => gather(x, i, 2)).toThrow("gather: axis 2 is out of range for rank 2")
    expect(() => scatterAdd(x, i, input("u", ["N", 5]), 1)).toThrow(
      "scatterAdd: updates must have shape [N, 4], got [N, 5]",
    )
    expect(() => scatterAdd(x, input("i", [4]), x)).toThrow("scatterAdd: indices must be int32 or int64")
  })
})

describe("gatherElements and scatterAddElements", () => {
  test("agree with the reference and with finite differences along all axes", async () => {
    await fc.assert(
      fc.asyncProperty(lookups, fc.integer({ min: 1, max: 4 }), async ({ before, size, after, shape, axis }, count) => {
        const indices = randomIndices([...before, count, ...after], size, "i")
        await checkOp({ inputs: [randomArray(shape, "x"), indices], build: (x, i) => gatherElements(x!, i!, axis) })
        await checkOp({
          inputs: [randomArray(shape, "x"), indices, randomArray(indices.shape, "u")],
          build: (x, i, u) => scatterAddElements(x!, i!, u!, axis - shape.length),
        })
      }),
      { numRuns: 12, seed: 6 },
    )
  })

  test("take a batch of unknown size", async () => {
    const inputs = [randomArray([3, 4], "x"), randomIndices([3, 2], 4, "i")]
    await checkOp({ inputs, build: (x, i) => gatherElements(x!, i!, 1), batched: [0, 1] })
    await checkOp({
      inputs: [...inputs, randomArray([3, 2], "u")],
      build: (x, i, u) => scatterAddElements(x!, i!, u!, 1),
      batched: [0, 1, 2],
    })
  })

  test("refuse what does not fit", () => {
    const x = input("x", ["N", 3])
    expect(() => gatherElements(x, input("i", [2, 1], "int32"), 1)).toThrow(
      "gatherElements: indices must have shape [N, 1], got [2, 1]",
    )
    expect(() => gatherElements(x, input("i", ["N"], "int32"), 1)).toThrow(
      "gatherElements: indices must have shape [N, 3], got [N]",
    )
    const i = input("i", ["N", 1], "int32")
    expect(() => scatterAddElements(x, i, x, 1)).toThrow(
      "scatterAddElements: updates must have shape [N, 1], got [N, 3]",
    )
  })
})

describe("oneHot", () => {
  test("agrees with the reference", async () => {
    for (const shape of [[], [4], [3, 2]]) {
      const batched = shape.length > 0 ? [0] : []
      await checkOp({ inputs: [randomIndices(shape, 5, "i")], build: (i) => oneHot(i!, 5), batched })
    }
    const long = ndarray(BigInt64Array.of(1n, 0n), [2], "int64")
    await checkOp({ inputs: [long], build: (i) => oneHot(i!, 2) })
  })

  test("has one 1 in each row, none for what is no class", () => {
    const { y } = evaluate({ y: oneHot(input("i", [4], "int32"), 3) }, { i: ndarray([1, 2, 3, -1], [4], "int32") })
    expect(numbers(y!)).toEqual([0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0])
  })

  test("refuses indices that are no integers", () => {
    expect(() => oneHot(input("i", [4]), 3)).toThrow("oneHot: indices must be int32 or int64, got float32[4]")
  })
})

/** Few different values, so that many are equal. */
function withTies(shape: readonly number[]): NdArray<"float32"> {
  const random = new Random(0, "ties", shape.join("x"))
  return ndarray(
    Float32Array.from({ length: sizeOf(shape) }, () => random.integer(3)),
    shape,
  )
}

const shapesAndAxes = fc.tuple(dims(1, 4), fc.nat(3)).map(([shape, at]) => ({ shape, axis: at % shape.length }))

describe("argMax", () => {
  test("agrees with the reference along all axes, with equal elements too", async () => {
    await fc.assert(
      fc.asyncProperty(shapesAndAxes, async ({ shape, axis }) => {
        await checkOp({ inputs: [randomArray(shape, "x")], build: (x) => argMax(x!, axis) })
        await checkOp({ inputs: [withTies(shape)], build: (x) => argMax(x!, axis - shape.length) })
      }),
      { numRuns: 12, seed: 7 },
    )
    await checkOp({ inputs: [randomArray([3, 5], "x")], build: (x) => argMax(x!, 1), batched: [0] })
  })

  test("is the first of equal elements", async () => {
    const { y } = await runGraph({ y: argMax(input("x", [4]), 0) }, { x: ndarray([1, 3, 3, 2]) })
    expect(y).toEqual({ shape: [], dtype: "int32", data: Int32Array.of(1) })
  })
})

describe("topK", () => {
  test("agrees with the reference and with finite differences along all axes", async () => {
    await fc.assert(
      fc.asyncProperty(shapesAndAxes, fc.nat(3), async ({ shape, axis }, more) => {
        const k = 1 + (more % shape[axis]!)
        await checkOp({ inputs: [randomArray(shape, "x")], build: (x) => topK(x!, k, axis).values })
        await checkOp({ inputs: [withTies(shape)], build: (x) => topK(x!, k, axis).indices })
      }),
      { numRuns: 12, seed: 8 },
    )
    await checkOp({ inputs: [randomArray([3, 5], "x")], build: (x) => topK(x!, 2).values, batched: [0] })
    await checkOp({ inputs: [randomArray([3, 5], "x")], build: (x) => topK(x!, 2).indices, batched: [0] })
  })

  test("is sorted, largest first", async () => {
    const { values, indices } = topK(input("x", [5]), 3)
    const result = await runGraph({ values, indices }, { x: ndarray([1, 5, 3, 5, 2]) })
    expect(numbers(result.values!)).toEqual([5, 5, 3])
    expect(result.indices!.data).toEqual(Int32Array.of(1, 3, 2))
  })

  test("its indices read from another tensor", async () => {
    await checkOp({
      inputs: [randomArray([3, 5], "scores"), randomArray([3, 5], "x")],
      build: (scores, x) => gatherElements(x!, topK(scores!, 2).indices, -1),
    })
  })

  test("refuses more elements than there are, and an axis without a fixed size", () => {
    expect(() => topK(input("x", ["N", 3]), 4)).toThrow("topK: axis 1 of [N, 3] has no 4 largest elements")
    expect(() => topK(input("x", ["N", 3]), 0)).toThrow("topK: axis 1 of [N, 3] has no 0 largest elements")
    expect(() => topK(input("x", ["N", 3]), 1, 0)).toThrow("topK: axis 0 of [N, 3] has no 1 largest elements")
  })
})

describe("cumulativeSum", () => {
  test("agrees with the reference and with finite differences along all axes", async () => {
    await fc.assert(
      fc.asyncProperty(shapesAndAxes, async ({ shape, axis }) => {
        await checkOp({ inputs: [randomArray(shape, "x")], build: (x) => cumulativeSum(x!, axis - shape.length) })
      }),
      { numRuns: 10, seed: 9 },
    )
    const x = randomArray([3, 4], "x")
    await checkOp({ inputs: [x], build: (a) => mul(cumulativeSum(a!, 0), a!), batched: [0] })
  })

  test("ends with the sum", () => {
    const { y } = evaluate({ y: cumulativeSum(input("x", [4]), 0) }, { x: ndarray([1, 2, 3, 4]) })
    expect(numbers(y!)).toEqual([1, 3, 6, 10])
  })
})
