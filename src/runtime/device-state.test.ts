import { describe, expect, test } from "vitest"
import { expectSameBits, randomArray } from "../../test/support/arrays.ts"
import { testDevices } from "../../test/support/devices.ts"
import "../index.ts"
import { type NdArray, ndarray } from "../tensor/ndarray.ts"
import { add, mul } from "../tensor/ops/index.ts"
import { input } from "../tensor/tensor.ts"
import { backendFor } from "./backend.ts"
import { DeviceState } from "./device-state.ts"
import { Program } from "./program.ts"

describe.each(testDevices)("on %s", (device) => {
  test("a value comes back with the bits it had when it was uploaded, whatever its type and rank", async () => {
    const backend = await backendFor(device)
    const values: NdArray[] = [
      randomArray([], 0),
      randomArray([3], 1),
      randomArray([2, 1, 2, 2], 2),
      ndarray([1, -2], [2], "int32"),
      ndarray(BigInt64Array.of(2n ** 40n), [], "int64"),
    ]
    for (const value of values) {
      const copy = { ...value, data: value.data.slice() }
      const uploaded = await backend.upload(value)
      new Uint8Array(value.data.buffer).fill(0)
      expect(uploaded.shape).toEqual(copy.shape)
      expect(uploaded.dtype).toBe(copy.dtype)
      expectSameBits(`${copy.dtype} of rank ${copy.shape.length}`, await uploaded.read(), copy)
      uploaded.dispose()
    }
  })

  test("a program feeds on what another left there, and gives to the host what is not to stay", async () => {
    const backend = await backendFor(device)
    const x = input("x", ["N", 2])
    const graph = { next: mul(x, 2), sum: add(x, input("b", [2])) }
    const program = await Program.create(graph, { name: "test", backend, threads: 1, resident: ["next"] })
    const state = new DeviceState(backend)
    await state.write({ x: ndarray([1, 2], [1, 2]) })
    const b = ndarray([10, 20])
    for (const expected of [
      [11, 22],
      [12, 24],
      [14, 28],
    ]) {
      const { host, resident } = await program.runResident({ ...state.values, b })
      expect(Object.keys(resident)).toEqual(["next"])
      expect(Array.from(host.sum!.data as Float32Array)).toEqual(expected)
      state.replace({ x: resident.next! })
    }
    expect((await state.read("x")).data).toEqual(Float32Array.of(8, 16))
    state.dispose()
    await expect(program.runResident({ ...state.values, b })).rejects.toThrow("input x float32[N, 2] has no value")
    await program.dispose()
  })

  test("a program refuses a value of the device that does not fit", async () => {
    const backend = await backendFor(device)
    const program = await Program.create({ y: add(input("x", [2]), 1) }, { name: "test", backend, threads: 1 })
    const long = await backend.upload(ndarray([1, 2, 3]))
    await expect(program.run({ x: long })).rejects.toThrow("input x: expected shape [2], got [3]")
    long.dispose()
    await program.dispose()
  })
})

test("a state names what it holds, and frees what it is told to", async () => {
  const state = new DeviceState(await backendFor("cpu"))
  await state.write({ a: ndarray([1]), b: ndarray([2]) })
  expect(Object.keys(state.values)).toEqual(["a", "b"])
  state.dispose(["a"])
  expect([state.has("a"), state.has("b")]).toEqual([false, true])
  await expect(state.read("a")).rejects.toThrow("the device holds no a")
})
