import { expect, test } from "vitest"
import { Random } from "../tensor/random.ts"
import { constantValue, kaimingNormal, normal, ones, truncatedNormal, uniform, zeros } from "./initializers.ts"

const random = () => new Random(0, "test")

test("constants fill the shape", () => {
  expect(zeros([2, 3], random())).toEqual(new Float32Array(6))
  expect(ones([2], random())).toEqual(Float32Array.of(1, 1))
  expect(constantValue(1e-6)([2], random())).toEqual(Float32Array.of(1e-6, 1e-6))
})

test("truncatedNormal has timm's deviation of 0.02 and mean 0", () => {
  const values = truncatedNormal()([200, 500], random())
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
  expect(Math.abs(mean)).toBeLessThan(3e-4)
  expect(deviation).toBeGreaterThan(0.0197)
  expect(deviation).toBeLessThan(0.0203)
  // Some 0.27 percent of a normal distribution lie beyond three deviations.
  const tails = values.filter((value) => Math.abs(value) > 0.06).length / values.length
  expect(tails).toBeGreaterThan(0.002)
  expect(tails).toBeLessThan(0.0035)
})

test("truncatedNormal draws again what lies beyond the absolute bounds", () => {
  const values = truncatedNormal(1, -0.5, 1.5)([10_000], random())
  expect(Math.min(...values)).toBeGreaterThanOrEqual(-0.5)
  expect(Math.max(...values)).toBeLessThanOrEqual(1.5)
  expect(values.filter((value) => value > 1).length).toBeGreaterThan(500)
})

test("the same stream gives the same values", () => {
  expect(truncatedNormal()([7], random())).toEqual(truncatedNormal()([7], random()))
  expect(truncatedNormal()([7], random())).not.toEqual(truncatedNormal()([7], new Random(1, "test")))
})

/** Mean and root of the mean square. */
function momentsOf(values: Float32Array): [mean: number, deviation: number] {
  const total = (term: (value: number) => number) => values.reduce((sum, value) => sum + term(value), 0) / values.length
  return [total((value) => value), Math.sqrt(total((value) => value * value))]
}

test("normal has the deviation that is asked for, and is not cut off", () => {
  const values = normal(3)([100_000], random())
  const [mean, deviation] = momentsOf(values)
  expect(Math.abs(mean)).toBeLessThan(0.04)
  expect(Math.abs(deviation - 3)).toBeLessThan(0.03)
  expect(Math.max(...values)).toBeGreaterThan(9)
})

test("uniform fills its interval evenly", () => {
  const values = uniform(0.5)([100_000], random())
  const [mean, deviation] = momentsOf(values)
  expect(Math.abs(mean)).toBeLessThan(0.004)
  expect(Math.abs(deviation - 0.5 / Math.sqrt(3))).toBeLessThan(0.002)
  expect(values.every((value) => value >= -0.5 && value <= 0.5)).toBe(true)
})

test("kaimingNormal has the variance 2 / fan-out of all channels, or of a group's", () => {
  const deviation = (groups?: number) => momentsOf(kaimingNormal(groups)([400, 50, 3, 3], random()))[1]
  expect(deviation()).toBeCloseTo(Math.sqrt(2 / (9 * 400)), 3)
  expect(deviation(4)).toBeCloseTo(Math.sqrt(2 / (9 * 100)), 3)
})
