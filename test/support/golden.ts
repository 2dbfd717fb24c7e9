/** Golden results of PyTorch and timm: tables of tensors with their tolerances. */

import { readFileSync } from "node:fs"
import { expect } from "vitest"
import { type NdArray, ndarray, sizeOf } from "../../src/tensor/ndarray.ts"
import { loadTensors } from "../../src/weights/node/files.ts"
import { difference } from "./arrays.ts"

/** Largest and mean difference that a float32 implementation may have. */
export interface Tolerance {
  atol: number
  meanAtol: number
}

/** Tensors of a golden file: each holds every `stride`-th element. */
export interface TensorTable {
  rows: [name: string, shape: number[], stride: number, atol: number, meanAtol: number][]
}

/** A JSON file of a golden folder. */
export function readGolden<T>(folder: URL | string, file: string): T {
  return JSON.parse(readFileSync(new URL(file, folder), "utf8")) as T
}

/** A safetensors file of a golden folder. */
export function readGoldenTensors(folder: URL | string, file: string): Promise<Record<string, NdArray>> {
  return loadTensors(readFileSync(new URL(file, folder)))
}

/** Fails unless all tensors of a table are there and within their tolerances. */
export function expectGoldenTensors(
  { rows }: TensorTable,
  stored: Readonly<Record<string, NdArray>>,
  actual: Readonly<Record<string, NdArray>>,
): void {
  expect(Object.keys(actual).sort()).toEqual(rows.map(([name]) => name).sort())
  for (const [name, shape, stride, atol, meanAtol] of rows) {
    expect(actual[name]!.shape, name).toEqual(shape)
    expectWithin(name, everyNth(actual[name]!, stride), stored[name]!, { atol, meanAtol })
  }
}

/** Fails unless both differences are within the tolerance. */
export function expectWithin(what: string, actual: NdArray, expected: NdArray, { atol, meanAtol }: Tolerance): void {
  const { largest, mean } = difference(actual, expected)
  expect(largest, `largest difference of ${what}`).toBeLessThanOrEqual(atol)
  expect(mean, `mean difference of ${what}`).toBeLessThanOrEqual(meanAtol)
}

function everyNth({ data, shape }: NdArray, stride: number): NdArray {
  const count = Math.ceil(sizeOf(shape) / stride)
  return ndarray(
    Float64Array.from({ length: count }, (_, i) => Number(data[i * stride])),
    [count],
    "float64",
  )
}
