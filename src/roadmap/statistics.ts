/** The little statistics that a study needs: means, intervals, and whether two orders agree. */

/** Mean of some numbers; NaN of none. */
export const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length

/** Standard deviation of a sample, by its degrees of freedom; undefined of fewer than two values. */
export function deviationOf(values: readonly number[]): number | undefined {
  if (values.length < 2) return undefined
  const mean = meanOf(values)
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1))
}

/** The 97.5 % point of the normal distribution. */
const normal = 1.959964

/** The 97.5 % points of Student's t with 1, 2, ... degrees of freedom. */
const tTable = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
]

/** The 97.5 % point of Student's t. Beyond the table, the first terms of Cornish and Fisher's expansion. */
export function studentT(degrees: number): number {
  return tTable[degrees - 1] ?? normal + (normal ** 3 + normal) / (4 * degrees)
}

/**
 * Share and standard error of counting it among `count` images, after one hit and one miss are added: plain shares of 0
 * and 1 would have no error at all.
 */
export function countedShare(share: number, count: number): { share: number; error: number } {
  const adjusted = (share * count + 1) / (count + 2)
  return { share: adjusted, error: Math.sqrt((adjusted * (1 - adjusted)) / (count + 2)) }
}

/**
 * Half of an interval of 95 % around the difference of two shares, each counted among `count` images: that of Agresti and
 * Caffo 2000, "Simple and Effective Confidence Intervals for Proportions and Differences of Proportions Result from Adding
 * Two Successes and Two Failures". Theirs lies a little nearer to zero than the plain difference; this one is as much wider
 * as it takes to reach it from there, and leaves out zero whenever theirs does.
 */
export function countingHalfWidth(from: number, to: number, count: number): number {
  const [a, b] = [countedShare(from, count), countedShare(to, count)]
  const shift = Math.abs(to - from) - Math.abs(b.share - a.share)
  return normal * Math.hypot(a.error, b.error) + shift
}

/** Spearman's rank correlation of pairs of numbers, ties with the mean of their ranks; undefined of fewer than three. */
export function rankCorrelation(pairs: readonly (readonly [number, number])[]): number | undefined {
  if (pairs.length < 3) return undefined
  const x = ranks(pairs.map(([first]) => first))
  const y = ranks(pairs.map(([, second]) => second))
  const middle = (pairs.length + 1) / 2
  const product = (a: number[], b: number[]) =>
    a.reduce((sum, value, i) => sum + (value - middle) * (b[i]! - middle), 0)
  const scale = Math.sqrt(product(x, x) * product(y, y))
  return scale === 0 ? undefined : product(x, y) / scale
}

function ranks(values: readonly number[]): number[] {
  const below = (value: number) => values.filter((other) => other < value).length
  const equal = (value: number) => values.filter((other) => other === value).length
  return values.map((value) => below(value) + (equal(value) + 1) / 2)
}

/** Fewer pairs have no order that chance would not give more often than one time in twenty. */
const fewestRanked = 5

/** For 5, 6, ... pairs. Zar 1972, "Significance Testing of the Spearman Rank Correlation Coefficient". */
const rankTable = [1, 0.886, 0.786, 0.738, 0.7, 0.648, 0.618, 0.587, 0.56, 0.538, 0.521, 0.503]

/**
 * What Spearman's correlation of so many pairs reaches, one way or the other, at most one time in twenty where the two
 * orders have nothing to do with each other; undefined where no correlation is as rare. Beyond the table, by Student's t of
 * r sqrt((n - 2) / (1 - r^2)).
 */
export function criticalRankCorrelation(pairs: number): number | undefined {
  if (pairs < fewestRanked) return undefined
  const t = studentT(pairs - 2)
  return rankTable[pairs - fewestRanked] ?? t / Math.sqrt(pairs - 2 + t ** 2)
}
