/** Arrays for tests: random ones, and how far two are apart. */

import { expect } from "vitest"
import { type NdArray, ndarray, sizeOf } from "../../src/tensor/ndarray.ts"
import { Random } from "../../src/tensor/random.ts"

export interface RandomArrayOptions {
  /** Default 0. */
  mean?: number
  /** Default 1. */
  std?: number
}

/** Normal float32 values that depend only on the key. */
export function randomArray(
  shape: readonly number[],
  key: number | string,
  { mean = 0, std = 1 }: RandomArrayOptions = {},
): NdArray<"float32"> {
  const random = new Random(0, "test", key)
  return ndarray(
    Float32Array.from({ length: sizeOf(shape) }, () => random.normal(mean, std)),
    shape,
  )
}

/** The elements as numbers. */
export const numbers = ({ data }: NdArray): number[] => Array.from(data as ArrayLike<number>, Number)

/** Largest magnitude of the elements. */
export function largest(array: NdArray): number {
  return numbers(array).reduce((most, value) => Math.max(most, Math.abs(value)), 0)
}

/** Largest and mean difference. NaN counts as infinitely far from anything. Throws if the shapes differ. */
export function difference(actual: NdArray, expected: NdArray): { largest: number; mean: number } {
  expect(actual.shape).toEqual(expected.shape)
  let most = 0
  let total = 0
  for (let i = 0; i < expected.data.length; i++) {
    const distance = Math.abs(Number(actual.data[i]) - Number(expected.data[i]))
    most = Math.max(most, Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance)
    total += distance
  }
  return { largest: most, mean: total / Math.max(1, expected.data.length) }
}

/**
 * Fails unless the shapes are equal and no element is further off than `tolerance` times the largest expected one, or
 * times `floor` where all are smaller: what should be zero is what is left of larger terms.
 */
export function expectClose(what: string, actual: NdArray, expected: NdArray, tolerance: number, floor = 0): void {
  const limit = tolerance * Math.max(largest(expected), floor)
  expect(difference(actual, expected).largest, what).toBeLessThanOrEqual(limit)
}

/** Fails unless both have the same shape and bits. */
export function expectSameBits(what: string, actual: NdArray, expected: NdArray): void {
  expect(actual.shape, what).toEqual(expected.shape)
  expect(bytes(actual).equals(bytes(expected)), `${what}: same bits`).toBe(true)
}

const bytes = ({ data }: NdArray): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength)
