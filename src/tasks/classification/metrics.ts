/** How good a classifier is, counted over batches. */

import type { NdArray } from "../../tensor/ndarray.ts"

/** How one class fares. A share is NaN where there is nothing to divide by: no guess, no sample. JSON has null then. */
export interface ClassMetrics {
  name: string
  /** Share of the guesses of this class that are right. */
  precision: number
  /** Share of the samples of this class that are found. */
  recall: number
  /** Harmonic mean of both; NaN only if the class has neither guesses nor samples. */
  f1: number
  /** Samples of this class. */
  support: number
}

/** Means over all samples; 0 if there are none. */
export interface ClassificationResult {
  /** Mean cross-entropy. */
  loss: number
  /** Share of samples whose class is the first guess. A logit of NaN is no guess. */
  top1: number
  /** Share of samples whose class is among the first five guesses. */
  top5: number
  count: number
  classes: string[]
  /** `confusion[truth][guess]`: number of samples. */
  confusion: number[][]
  perClass: ClassMetrics[]
}

/** One sample and what the model made of it. */
export interface SampleOutcome {
  /** Index in the dataset. */
  index: number
  label: number
  predicted: number
  /** Probability of the predicted class. */
  probability: number
  /** Cross-entropy of the sample. */
  loss: number
}

/** Collects outcomes batch by batch. */
export class ClassificationMetrics {
  readonly outcomes: SampleOutcome[] = []
  readonly #classes: readonly string[]
  #top1 = 0
  #top5 = 0

  constructor(classes: readonly string[]) {
    this.#classes = classes
  }

  /** Adds a batch. logits [N, K]; targets and indices in the dataset [N]. */
  add(logits: NdArray, targets: Int32Array, indices: Uint32Array): void {
    const classes = logits.shape[1]!
    targets.forEach((label, n) => {
      const row = (logits.data as Float32Array).subarray(n * classes, (n + 1) * classes)
      const predicted = argMax(row)
      const logSum = logSumExp(row, row[predicted]!)
      const rank = rankOf(row, label)
      if (rank < 1) this.#top1++
      if (rank < 5) this.#top5++
      const probability = Math.exp(row[predicted]! - logSum)
      this.outcomes.push({ index: indices[n]!, label, predicted, probability, loss: logSum - row[label]! })
    })
  }

  result(): ClassificationResult {
    const { outcomes } = this
    const classes = [...this.#classes]
    const confusion = classes.map(() => new Array<number>(classes.length).fill(0))
    let loss = 0
    for (const outcome of outcomes) {
      confusion[outcome.label]![outcome.predicted]!++
      loss += outcome.loss
    }
    const count = outcomes.length
    const divisor = Math.max(1, count)
    return {
      loss: loss / divisor,
      top1: this.#top1 / divisor,
      top5: this.#top5 / divisor,
      count,
      classes,
      confusion,
      perClass: classes.map((name, label) => classMetrics(name, label, confusion)),
    }
  }

  /** The wrong guesses, the most confident first. */
  worst(count: number): SampleOutcome[] {
    return this.outcomes
      .filter(({ label, predicted }) => label !== predicted)
      .sort((a, b) => b.probability - a.probability || a.index - b.index)
      .slice(0, count)
  }
}

function classMetrics(name: string, label: number, confusion: readonly number[][]): ClassMetrics {
  const hits = confusion[label]![label]!
  const support = confusion[label]!.reduce((sum, n) => sum + n, 0)
  const guesses = confusion.reduce((sum, row) => sum + row[label]!, 0)
  return {
    name,
    precision: share(hits, guesses),
    recall: share(hits, support),
    f1: share(2 * hits, guesses + support),
    support,
  }
}

const share = (part: number, whole: number) => (whole === 0 ? Number.NaN : part / whole)

/** Index of the largest value, the first of equals. */
export function argMax(values: ArrayLike<number>): number {
  let best = 0
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i
  return best
}

/** Number of classes that are guessed before `label`; of equals the first comes first. A logit of NaN is no guess. */
function rankOf(row: Float32Array, label: number): number {
  if (Number.isNaN(row[label])) return Number.POSITIVE_INFINITY
  let rank = 0
  for (let k = 0; k < row.length; k++) if (row[k]! > row[label]! || (row[k] === row[label] && k < label)) rank++
  return rank
}

function logSumExp(row: Float32Array, largest: number): number {
  let sum = 0
  for (const value of row) sum += Math.exp(value - largest)
  return largest + Math.log(sum)
}

/** Class probabilities of each row of logits [N, K]. */
export function probabilities(logits: NdArray): Float32Array[] {
  const [count, classes] = logits.shape as [number, number]
  return Array.from({ length: count }, (_, n) => {
    const row = (logits.data as Float32Array).subarray(n * classes, (n + 1) * classes)
    const logSum = logSumExp(row, row[argMax(row)]!)
    return row.map((value) => Math.exp(value - logSum))
  })
}
