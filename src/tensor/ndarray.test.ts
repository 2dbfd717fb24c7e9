import { expect, test } from "vitest"
import { bytesPerElement, ndarray, sizeOf, zeros } from "./ndarray.ts"

test("zeros have the shape and the type that were asked for", () => {
  expect(zeros([2, 3])).toEqual({ shape: [2, 3], dtype: "float32", data: new Float32Array(6) })
  expect(zeros([2], "int64").data).toEqual(new BigInt64Array(2))
  expect(zeros([]).data.length).toBe(1)
})

test("ndarray is a vector unless a shape is given", () => {
  expect(ndarray([1, 2, 3])).toEqual({ shape: [3], dtype: "float32", data: Float32Array.of(1, 2, 3) })
  expect(ndarray([1, 2, 3, 4], [2, 2], "int32").data).toEqual(Int32Array.of(1, 2, 3, 4))
})

test("ndarray takes a typed array as it is, and converts one of another type", () => {
  const values = Float32Array.of(1, 2)
  expect(ndarray(values).data).toBe(values)
  expect(ndarray(Float64Array.of(1, 2)).data).toEqual(values)
  expect(ndarray(Int32Array.of(1, 2))).toEqual({ shape: [2], dtype: "int32", data: Int32Array.of(1, 2) })
  expect(ndarray(BigInt64Array.of(1n)).dtype).toBe("int64")
  expect(ndarray(Int32Array.of(1, 2), [2], "float32").data).toEqual(values)
})

test("ndarray refuses values that do not fill the shape", () => {
  expect(() => ndarray([1, 2, 3], [2, 2])).toThrow("ndarray: 3 values do not fill shape [2, 2]")
})

test("sizes count elements and bytes", () => {
  expect(sizeOf([])).toBe(1)
  expect(sizeOf([2, 0, 3])).toBe(0)
  expect(sizeOf([2, 3])).toBe(6)
  const sizes = { float32: 4, float64: 8, float16: 2, bfloat16: 2, int64: 8, uint8: 1, bool: 1 } as const
  for (const [dtype, size] of Object.entries(sizes)) expect(bytesPerElement(dtype as keyof typeof sizes)).toBe(size)
})
