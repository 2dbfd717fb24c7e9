import { describe, expect, test } from "vitest"
import { countedShare, countingHalfWidth, criticalRankCorrelation, deviationOf, rankCorrelation } from "./statistics.ts"

test("the deviation is that of a sample", () => {
  expect(deviationOf([1, 2, 3, 4])).toBeCloseTo(Math.sqrt(5 / 3), 12)
  expect(deviationOf([1])).toBeUndefined()
})

describe("the interval of the difference of two shares", () => {
  test("is about Wald's where there are many images and the shares are in the middle", () => {
    const wald = 1.96 * Math.sqrt((0.8 * 0.2 + 0.82 * 0.18) / 2000)
    expect(countingHalfWidth(0.8, 0.82, 2000)).toBeCloseTo(wald, 4)
  })

  test("of shares of 0 and 1 is not nothing: Agresti and Caffo's for 0 and 10 of 10 begins at 0.612", () => {
    expect(1 - countingHalfWidth(0, 1, 10)).toBeCloseTo(10 / 12 - 1.96 * Math.sqrt((2 * 11) / 144 / 12), 4)
    expect(countingHalfWidth(0, 0, 10)).toBeCloseTo(1.96 * Math.sqrt((2 * 11) / 144 / 12), 4)
    expect(countingHalfWidth(1, 1, 10)).toBeCloseTo(countingHalfWidth(0, 0, 10), 12)
  })

  test("covers zero in 93 % or more of all pairs of samples of two equal networks, also of few images and near 0 and 1", () => {
    // Exactly, by all counts of two samples of 12 images: how often the interval covers zero.
    for (const share of [0.05, 0.3, 0.5, 0.9, 0.99]) {
      const probability = binomial(12, share)
      let covered = 0
      for (let a = 0; a <= 12; a++) {
        for (let b = 0; b <= 12; b++) {
          const isCovered = Math.abs(b - a) / 12 <= countingHalfWidth(a / 12, b / 12, 12)
          if (isCovered) covered += probability[a]! * probability[b]!
        }
      }
      expect(covered, `share ${share}`).toBeGreaterThan(0.93)
    }
  })

  test("the error of a counted share is that of one more hit and one more miss", () => {
    expect(countedShare(1, 8)).toEqual({ share: 0.9, error: Math.sqrt((0.9 * (1 - 0.9)) / 10) })
  })
})

/** Probabilities of 0, 1, ... hits. */
function binomial(count: number, share: number): number[] {
  const values = [(1 - share) ** count]
  for (let k = 1; k <= count; k++) values.push((values[k - 1]! * (count - k + 1) * share) / (k * (1 - share)))
  return values
}

test("Spearman's correlation has known values, also with ties", () => {
  expect(rankCorrelation([1, 2, 3, 4].map((x) => [x, x ** 3] as const))).toBeCloseTo(1, 12)
  expect(rankCorrelation([1, 2, 3, 4].map((x) => [x, -x] as const))).toBeCloseTo(-1, 12)
  // Ranks 1, 2.5, 2.5, 4, 5 and 2, 1, 3.5, 3.5, 5: both of square sum 9.5 around 3, and of product 7.25.
  expect(
    rankCorrelation([
      [1, 3],
      [2, 1],
      [2, 4],
      [4, 4],
      [5, 5],
    ]),
  ).toBeCloseTo(7.25 / 9.5, 12)
  expect(
    rankCorrelation([
      [1, 1],
      [2, 2],
    ]),
  ).toBeUndefined()
  expect(
    rankCorrelation([
      [1, 1],
      [1, 2],
      [1, 3],
    ]),
  ).toBeUndefined()
})

describe("the critical value of Spearman's correlation", () => {
  test.each([5, 6, 7, 8])(
    "of %i pairs is reached by at most one in twenty of all orders, and the next smaller by more",
    (pairs) => {
      const identity = Array.from({ length: pairs }, (_, i) => i)
      const correlations = permutations(identity).map((order) => {
        const distance = order.reduce((sum, value, i) => sum + (value - i) ** 2, 0)
        return Math.abs(1 - (6 * distance) / (pairs * (pairs ** 2 - 1)))
      })
      const shareFrom = (value: number) => correlations.filter((r) => r > value - 6e-4).length / correlations.length
      const critical = criticalRankCorrelation(pairs)!
      expect(shareFrom(critical)).toBeLessThanOrEqual(0.05)
      expect(shareFrom(critical - 12 / (pairs * (pairs ** 2 - 1)))).toBeGreaterThan(0.05)
    },
  )

  test("is none for fewer than five, and goes on smoothly beyond the table", () => {
    expect(criticalRankCorrelation(4)).toBeUndefined()
    expect(criticalRankCorrelation(16)).toBe(0.503)
    expect(criticalRankCorrelation(17)).toBeCloseTo(0.485, 2)
    expect(criticalRankCorrelation(100)).toBeCloseTo(0.197, 3)
  })
})

function permutations(values: readonly number[]): number[][] {
  if (values.length === 0) return [[]]
  return values.flatMap((first) =>
    permutations(values.filter((value) => value !== first)).map((rest) => [first, ...rest]),
  )
}
