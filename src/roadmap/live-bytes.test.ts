import { expect, test } from "vitest"
import { add, concat, relu, reshape, sigmoid } from "../tensor/ops/index.ts"
import { input } from "../tensor/tensor.ts"
import { peakLiveBytes } from "./live-bytes.ts"

const x = input("x", [100])

test("in a chain two values are there at a time: the operand and the result", () => {
  const y = relu(sigmoid(relu(sigmoid(x))))
  expect(peakLiveBytes({ y })).toBe(2 * 400)
})

test("a value stays until its last reader is done", () => {
  const early = relu(x)
  const y = add(sigmoid(relu(sigmoid(early))), early)
  expect(peakLiveBytes({ y })).toBe(3 * 400)
})

test("views take no memory, and keep what they show", () => {
  const early = relu(x)
  const view = reshape(early, [10, 10])
  expect(peakLiveBytes({ y: relu(view) })).toBe(2 * 400)
  expect(peakLiveBytes({ view })).toBe(400)
})

test("outputs stay, inputs do not count, and a node that reads a value twice frees it once", () => {
  const first = relu(x)
  const second = add(first, first)
  expect(peakLiveBytes({ second })).toBe(2 * 400)
  expect(peakLiveBytes({ first, third: relu(relu(second)) })).toBe(3 * 400)
  expect(peakLiveBytes({ x })).toBe(0)
})

test("sizes of symbolic dimensions are those given", () => {
  const batch = relu(input("x", ["N", 25]))
  expect(peakLiveBytes({ y: concat([batch, batch], 1) }, { N: 4 })).toBe(400 + 800)
})
