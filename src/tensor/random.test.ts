import { expect, test } from "vitest"
import { philox, Random } from "./random.ts"

test("philox agrees with the known answers of the Random123 library", () => {
  const zero = new Uint32Array(4)
  philox(zero, 0, 0)
  expect([...zero]).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8])
  const ones = new Uint32Array(4).fill(0xffffffff)
  philox(ones, 0xffffffff, 0xffffffff)
  expect([...ones]).toEqual([0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd])
  const pi = Uint32Array.of(0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344)
  philox(pi, 0xa4093822, 0x299f31d0)
  expect([...pi]).toEqual([0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1])
})

test("the same key gives the same draws, another key gives others", () => {
  const draws = (...path: (number | string)[]) => {
    const random = new Random(7, ...path)
    return Array.from({ length: 5 }, () => random.uint32())
  }
  expect(draws(1, "flip")).toEqual(draws(1, "flip"))
  expect(draws(1, "flip")).not.toEqual(draws(2, "flip"))
  expect(draws(1, "flip")).not.toEqual(draws(1, "crop"))
  expect(draws(1, 2)).not.toEqual(draws(2, 1))
  expect(draws("1")).not.toEqual(draws(1))
})

test("uniform, integer and normal have the right moments", () => {
  const random = new Random(1, "moments")
  const n = 20_000
  const mean = (draw: () => number) => Array.from({ length: n }, draw).reduce((sum, x) => sum + x, 0) / n
  expect(mean(() => random.uniform(2, 4))).toBeCloseTo(3, 1)
  expect(mean(() => random.integer(10))).toBeCloseTo(4.5, 1)
  expect(mean(() => random.normal(1, 2))).toBeCloseTo(1, 1)
  expect(mean(() => random.normal() ** 2)).toBeCloseTo(1, 1)
  const filled = new Float32Array(n + 1)
  random.fillNormal(filled, 3, 0.5)
  let at = 0
  expect(mean(() => filled[at++]!)).toBeCloseTo(3, 1)
  at = 0
  expect(mean(() => (filled[at++]! - 3) ** 2)).toBeCloseTo(0.25, 2)
  expect(filled[n]).toBeGreaterThan(0)
})

test("permutation holds every number once", () => {
  const order = new Random(3).permutation(1000)
  expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i))
  expect(order.slice(0, 5)).not.toEqual(Uint32Array.of(0, 1, 2, 3, 4))
})
