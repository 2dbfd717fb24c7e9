import { PassThrough } from "node:stream"
import { expect, test } from "vitest"
import type { EpochRecord } from "../train/record.ts"
import { createProgress, epochLine, lineProgress, startLine } from "./progress.ts"

const record: EpochRecord = {
  epoch: 3,
  step: 30,
  trainLoss: 1.23456,
  valLoss: 1.1,
  top1: 0.8125,
  top5: 0.99,
  lr: 1e-3,
  gradNorm: 2,
  imagesPerSecond: 431.7,
  waitShare: 0.01,
  memoryBytes: 1e9,
  seconds: 83.2,
}
const start = {
  folder: "runs/a",
  model: "convnext_tiny",
  parameters: 28_589_128,
  trainedParameters: 28_589_128,
  epochs: 10,
  stepsPerEpoch: 5,
  accumulate: 1,
}

test("an epoch is one line", () => {
  expect(epochLine(record, 10)).toBe("epoch  3/10  loss 1.2346, val 1.1000  top-1 81.3%  432 images/s  1 min 23 s")
})

test("the start says what is trained, and where a resumed run goes on", () => {
  expect(startLine({ ...start, firstEpoch: 1 })).toBe(
    "training convnext_tiny (28.6M parameters) for 10 epochs of 5 steps in runs/a",
  )
  expect(startLine({ ...start, firstEpoch: 4 })).toContain("for epochs 4 to 10 of 5 steps")
  expect(startLine({ ...start, firstEpoch: 1, stepsPerEpoch: 1 })).toContain("for 10 epochs of 1 step in")
})

test("the start says how much of a model trains, and what is a step where batches are accumulated", () => {
  expect(startLine({ ...start, firstEpoch: 1, trainedParameters: 76_900 })).toBe(
    "training 76,900 of 28,589,128 parameters of convnext_tiny for 10 epochs of 5 steps in runs/a",
  )
  expect(startLine({ ...start, firstEpoch: 1, accumulate: 2 })).toContain(
    "for 10 epochs of 5 batches, 2 to a step, in runs/a",
  )
})

test("without a terminal, steps are silent", () => {
  const lines: string[] = []
  const progress = lineProgress((line) => lines.push(line))
  progress.start({ ...start, firstEpoch: 1 })
  progress.step({ epoch: 1, step: 1, loss: 2, lr: 1e-3, gradNorm: 1, imagesPerSecond: 3 })
  progress.epoch(record)
  progress.message("skipped 1 file")
  progress.stop()
  expect(lines).toEqual([startLine({ ...start, firstEpoch: 1 }), epochLine(record, 10), "skipped 1 file"])
})

test("on a terminal there is a bar, and every line is written even if the run stops at once", async () => {
  const terminal = Object.assign(new PassThrough(), { isTTY: true, columns: 100, rows: 30 })
  const progress = await createProgress(terminal as unknown as NodeJS.WriteStream)
  progress.start({ ...start, firstEpoch: 3 })
  progress.step({ epoch: 3, step: 4, loss: 0.5, lr: 1e-3, gradNorm: 1, imagesPerSecond: 120.4 })
  progress.epoch(record)
  progress.message("the last words")
  progress.stop()
  progress.stop()
  const output = String(terminal.read())
  expect(output).toContain(startLine({ ...start, firstEpoch: 3 }))
  expect(output).toContain("10%  epoch 3  loss 0.5000  120 images/s")
  expect(output).toContain(`${epochLine(record, 10)}\n`)
  expect(output).toContain("the last words\n")
  const [hideCursor, showCursor] = ["\x1b[?25l", "\x1b[?25h"]
  expect(output.lastIndexOf(showCursor)).toBeGreaterThan(output.lastIndexOf(hideCursor))
  expect(output.split(showCursor)).toHaveLength(2)
})
