import { expect, test } from "vitest"
import { ndarray } from "../../tensor/ndarray.ts"
import { ClassificationMetrics, type ClassificationResult } from "./metrics.ts"

/** Measures rows of logits against their labels. */
function measureRows(rows: readonly number[][], labels: readonly number[]): ClassificationResult {
  const classes = rows[0]!.map((_, k) => `class ${k}`)
  const metrics = new ClassificationMetrics(classes)
  const logits = ndarray(Float32Array.from(rows.flat()), [rows.length, classes.length])
  metrics.add(logits, Int32Array.from(labels), Uint32Array.from(labels.keys()))
  return metrics.result()
}

test("top-1 and top-5 count the samples whose class is among the first guesses, of equals the first", () => {
  const falling = [7, 6, 5, 4, 3, 2, 1]
  expect(measureRows([falling, falling, falling, falling], [0, 4, 5, 6])).toMatchObject({ top1: 0.25, top5: 0.5 })
  const equal = falling.map(() => 1)
  expect(measureRows([equal, equal, equal, equal], [0, 1, 4, 5])).toMatchObject({ top1: 0.25, top5: 0.75 })
})

test("logits of NaN are no hits", () => {
  const broken = new Array<number>(6).fill(Number.NaN)
  expect(measureRows([broken, broken], [0, 3])).toMatchObject({ top1: 0, top5: 0, loss: Number.NaN, count: 2 })
  expect(measureRows([[Number.NaN, 1, 2]], [0])).toMatchObject({ top1: 0, top5: 0 })
})

test("precision, recall and F1 come from the confusion matrix", () => {
  const guess = (k: number) => [0, 1, 2].map((i) => (i === k ? 5 : 0))
  const { perClass, confusion } = measureRows([guess(0), guess(0), guess(1), guess(1)], [0, 0, 0, 1])
  expect(confusion).toEqual([
    [2, 1, 0],
    [0, 1, 0],
    [0, 0, 0],
  ])
  expect(perClass.slice(0, 2)).toEqual([
    { name: "class 0", precision: 1, recall: 2 / 3, f1: 0.8, support: 3 },
    { name: "class 1", precision: 0.5, recall: 1, f1: 2 / 3, support: 1 },
  ])
})

test("where there is nothing to divide by, the share is NaN, and null in JSON", () => {
  const { perClass } = measureRows([[0, 5, 0]], [0])
  const [missed, guessed, absent] = perClass
  expect(missed).toEqual({ name: "class 0", precision: Number.NaN, recall: 0, f1: 0, support: 1 })
  expect(guessed).toEqual({ name: "class 1", precision: 0, recall: Number.NaN, f1: 0, support: 0 })
  expect(absent).toEqual({ name: "class 2", precision: Number.NaN, recall: Number.NaN, f1: Number.NaN, support: 0 })
  expect(JSON.parse(JSON.stringify(absent))).toMatchObject({ precision: null, recall: null, f1: null })
})
