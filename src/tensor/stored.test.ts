import { expect, test, vi } from "vitest"
import { ndarray } from "./ndarray.ts"
import { type FileRegion, regionOf, storedArray, withShape } from "./stored.ts"

const region: FileRegion = { folder: "/weights", file: "a.safetensors", start: 64, isCurrent: () => true }

function makeStored() {
  const read = vi.fn(() => new Float32Array([1, 2, 3, 4, 5, 6]))
  return { read, array: storedArray([2, 3], "float32", region, { read }) }
}

test("values are read when they are wanted, once, and then the array lies in memory alone", () => {
  const { read, array } = makeStored()
  expect(array).toMatchObject({ shape: [2, 3], dtype: "float32" })
  expect(regionOf(makeStored().array)).toBe(region)
  const { data } = array
  expect([...data]).toEqual([1, 2, 3, 4, 5, 6])
  expect(array.data).toBe(data)
  expect(read).toHaveBeenCalledTimes(1)
  expect(regionOf(array)).toBeUndefined()
})

test("values that are set take the place of those in the file", () => {
  const { read, array } = makeStored()
  array.data = new Float32Array(6)
  expect([...array.data]).toEqual([0, 0, 0, 0, 0, 0])
  expect(regionOf(array)).toBeUndefined()
  expect(read).not.toHaveBeenCalled()
})

test("a copy of the object has values, and is in no file", () => {
  const { array } = makeStored()
  const copy = { ...array, shape: [6] }
  expect(copy.data).toBe(array.data)
  expect(regionOf(copy)).toBeUndefined()
})

test("another shape shares the values and stays in the file until either array is read", () => {
  const { read, array } = makeStored()
  const flat = withShape(array, [6])
  expect(flat.shape).toEqual([6])
  expect(regionOf(flat)).toBe(region)
  array.data[0] = 7
  expect(regionOf(flat)).toBeUndefined()
  expect(flat.data).toBe(array.data)
  expect(read).toHaveBeenCalledTimes(1)
  const plain = ndarray([1, 2])
  expect(withShape(plain, [2, 1])).toEqual({ shape: [2, 1], dtype: "float32", data: plain.data })
})
