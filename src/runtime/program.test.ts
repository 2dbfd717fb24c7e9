import { describe, expect, test } from "vitest"
import "../index.ts"
import { randomArray } from "../../test/support/arrays.ts"
import { UsageError } from "../tensor/errors.ts"
import { ndarray, zeros } from "../tensor/ndarray.ts"
import { add, exp, linear, mul } from "../tensor/ops/index.ts"
import { input } from "../tensor/tensor.ts"
import { backendFor } from "./backend.ts"
import { Program, type ProgramOptions } from "./program.ts"

const backend = await backendFor("cpu")
const create = (graph: Parameters<typeof Program.create>[0], options: Partial<ProgramOptions> = {}) =>
  Program.create(graph, { name: "test", backend, threads: 1, ...options })

const x = input("x", ["N", 3])

describe("a program", () => {
  test("runs batches of any size", async () => {
    const program = await create({ y: add(x, 1) })
    for (const n of [1, 4, 2]) {
      const { y } = await program.run({ x: randomArray([n, 3], n) })
      expect(y!.shape).toEqual([n, 3])
    }
    await program.dispose()
  })

  test("fills outputs that are given in place, and makes the others", async () => {
    const program = await create({ y: add(x, 1), z: mul(x, 2) })
    const y = zeros([2, 3])
    const memory = y.data
    const feed = ndarray([1, 2, 3, 4, 5, 6], [2, 3])
    const values = await program.run({ x: feed }, { y })
    expect(values.y).toBe(y)
    expect(y.data).toBe(memory)
    expect([...memory]).toEqual([2, 3, 4, 5, 6, 7])
    expect([...(values.z!.data as Float32Array)]).toEqual([2, 4, 6, 8, 10, 12])
    await program.dispose()
  })

  test("reads its feeds anew at each run, and changes none", async () => {
    const program = await create({ y: exp(x) })
    const feed = ndarray([0, 0, 0], [1, 3])
    await program.run({ x: feed })
    feed.data[1] = 1
    const { y } = await program.run({ x: feed })
    expect(y!.data[1]).toBeCloseTo(Math.E, 5)
    expect([...feed.data]).toEqual([0, 1, 0])
    await program.dispose()
  })

  test("holds constants, small and large, and needs no feed for them", async () => {
    for (const size of [4, 4096]) {
      const w = randomArray([2, size], "w")
      const graph = { y: linear(input("x", ["N", size]), input("w", [2, size])) }
      const feed = randomArray([1, size], "x")
      const fed = await create(graph)
      const fixed = await create(graph, { constants: { w } })
      expect([...fixed.inputs.keys()]).toEqual(["x"])
      const [a, b] = [await fed.run({ x: feed, w }), await fixed.run({ x: feed })]
      for (let i = 0; i < 2; i++) expect(Number(b.y!.data[i])).toBeCloseTo(Number(a.y!.data[i]), 3)
      await Promise.all([fed.dispose(), fixed.dispose()])
    }
  })

  test("ignores feeds that it does not know", async () => {
    const program = await create({ y: add(x, 1) })
    const { y } = await program.run({ x: ndarray([1, 2, 3], [1, 3]), other: ndarray([1]) })
    expect([...(y!.data as Float32Array)]).toEqual([2, 3, 4])
    await program.dispose()
  })

  test("refuses feeds that are missing or do not fit, and names them", async () => {
    const program = await create({ y: add(x, input("z", ["N", 3])) })
    const feed = ndarray([1, 2, 3], [1, 3])
    await expect(program.run({ x: feed })).rejects.toThrow("input z float32[N, 3] has no value")
    await expect(program.run({ x: feed, z: ndarray([1, 2, 3]) })).rejects.toThrow(
      "input z: expected shape [N, 3], got [3]",
    )
    await expect(program.run({ x: feed, z: zeros([2, 3]) })).rejects.toThrow(
      "input z: expected shape [N, 3], got [2, 3]",
    )
    const integers = ndarray([1, 2, 3], [1, 3], "int32")
    await expect(program.run({ x: feed, z: integers })).rejects.toThrow("input z must be float32, got int32")
    await program.dispose()
  })
})

describe("backends", () => {
  test("are made once for each device", () => {
    expect(backendFor("cpu")).toBe(backendFor("cpu"))
  })

  test("auto is the CPU where there is nothing else", async () => {
    expect((await backendFor("auto")).device).toBe("cpu")
  })

  test("have blocks of 0, 8 or 16 channels", () => {
    expect([0, 8, 16]).toContain(backend.block)
  })

  test("a device that is not there is refused", async () => {
    await expect(backendFor("tpu")).rejects.toThrow(UsageError)
  })
})
