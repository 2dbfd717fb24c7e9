import { expect, test } from "vitest"
import type { Evaluation } from "../../run/evaluate.ts"
import type { FilePrediction } from "../../run/predict.ts"
import type { TrainResult } from "../../run/train.ts"
import { evaluationText } from "./eval.ts"
import { predictionCsv, predictionTable } from "./predict.ts"
import { trainSummary } from "./train.ts"

const predictions: FilePrediction[] = [
  {
    file: "a, b.jpg",
    predictions: [
      { label: "tabby cat", index: 3, probability: 0.9 },
      { label: 'the "big" dog', index: 1, probability: 0.0987654 },
    ],
  },
  { file: "broken.jpg", predictions: [], error: "the file is empty" },
]

test("predictions are a line for each readable image", () => {
  expect(predictionTable(predictions).split("\n")).toEqual([
    "file      1.                2.",
    'a, b.jpg  tabby cat  90.0%  the "big" dog  9.9%',
  ])
})

test("predictions as CSV are quoted where they must be", () => {
  expect(predictionCsv(predictions).split("\n")).toEqual([
    "file,rank,label,probability",
    '"a, b.jpg",1,tabby cat,0.900000',
    '"a, b.jpg",2,"the ""big"" dog",0.098765',
  ])
})

/** A perfect model of `classCount` classes, one image each. */
function evaluation(classCount: number): Evaluation {
  const classes = Array.from({ length: classCount }, (_, i) => `class${i}`)
  return {
    loss: 0.25,
    top1: 1,
    top5: 1,
    count: classCount,
    classes,
    confusion: classes.map((_, i) => classes.map((_, j) => (i === j ? 1 : 0))),
    perClass: classes.map((name) => ({ name, precision: 1, recall: 1, f1: 1, support: 1 })),
    skipped: [],
    warnings: [],
  }
}

test("an evaluation shows accuracy and classes, and the confusion matrix up to 12 classes", () => {
  expect(evaluationText(evaluation(2)).split("\n")).toEqual([
    "top-1 100.0%  top-5 100.0%  loss 0.2500  2 images",
    "",
    "class   precision  recall      F1  images",
    "class0     100.0%  100.0%  100.0%       1",
    "class1     100.0%  100.0%  100.0%       1",
    "",
    "truth \\ guess  class0  class1",
    "class0              1       0",
    "class1              0       1",
  ])
  expect(evaluationText(evaluation(12))).toContain("truth")
  expect(evaluationText(evaluation(13))).not.toContain("truth")
})

test.skipIf(process.platform === "win32")("training ends with the report and commands that can be pasted", () => {
  const result: TrainResult = {
    folder: "my runs/pets",
    data: "pets",
    example: "pets/cat/a b.jpg",
    epochs: [],
    best: { epoch: 7, top1: 0.925 },
    reportPath: "my runs/pets/report.html",
    stopped: "done",
  }
  expect(trainSummary(result).split("\n")).toEqual([
    "best top-1 92.5% in epoch 7",
    "report  my runs/pets/report.html",
    "",
    "Next, try",
    "  npx convnext predict 'my runs/pets' 'pets/cat/a b.jpg'",
    "  npx convnext eval 'my runs/pets' pets",
    "  npx convnext export 'my runs/pets'",
  ])
  expect(trainSummary({ ...result, example: undefined })).toContain("predict 'my runs/pets' photo.jpg")
})
