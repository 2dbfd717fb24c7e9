import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { InputError } from "../../tensor/errors.ts"
import type { EpochRecord } from "../record.ts"
import { appendMetrics, readMetrics, startMetrics } from "./metrics-csv.ts"

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "convnext-metrics-"))
})
afterAll(() => rm(folder, { recursive: true }))

const record = (epoch: number): EpochRecord => ({
  epoch,
  step: epoch * 115,
  trainLoss: 0.1 + 0.2,
  valLoss: Number.NaN,
  top1: 1 / 3,
  top5: 1,
  lr: 1e-7 / 3,
  gradNorm: Number.POSITIVE_INFINITY,
  imagesPerSecond: 41.7,
  waitShare: 5e-324,
  memoryBytes: 2 ** 40 + 1,
  seconds: 88,
})

async function runWith(name: string, epochs: number): Promise<string> {
  const path = join(folder, name)
  await startMetrics(path, 0)
  for (let epoch = 1; epoch <= epochs; epoch++) await appendMetrics(path, record(epoch))
  return path
}

test("one header, one row per epoch, the same numbers back", async () => {
  const path = await runWith("plain.csv", 3)
  const lines = (await readFile(path, "utf8")).split("\r\n")
  expect(lines).toHaveLength(5)
  expect(lines[0]).toBe(
    "epoch,step,trainLoss,valLoss,top1,top5,lr,gradNorm,imagesPerSecond,waitShare,memoryBytes,seconds",
  )
  expect(await readMetrics(path)).toEqual([record(1), record(2), record(3)])
})

test("a resumed run keeps the epochs up to its checkpoint and goes on from there", async () => {
  const path = await runWith("resumed.csv", 4)
  await appendFile(path, "5,575,0.31") // killed while it wrote
  expect(await readMetrics(path)).toHaveLength(4)
  await startMetrics(path, 2)
  await appendMetrics(path, record(3))
  expect(await readMetrics(path)).toEqual([record(1), record(2), record(3)])
})

test("a new run forgets what an older one left", async () => {
  const path = await runWith("again.csv", 2)
  await startMetrics(path, 0)
  expect(await readMetrics(path)).toEqual([])
})

test("reads a file that a spreadsheet has written again", async () => {
  const path = await runWith("spreadsheet.csv", 1)
  const [header, row] = (await readFile(path, "utf8")).split("\r\n")
  await writeFile(path, `note,${header}\n"",${row!.replace(/[^,]+/g, '"$&"')}\n`)
  expect(await readMetrics(path)).toEqual([record(1)])
})

test.each([
  ["missing.csv", undefined, /cannot read .*missing\.csv: no such file/],
  ["empty.csv", "", /it has no header/],
  ["columns.csv", "epoch,step\r\n", /it has no column trainLoss, valLoss/],
])("%s is refused", async (name, content, message) => {
  const path = join(folder, name)
  if (content !== undefined) await writeFile(path, content)
  await expect(readMetrics(path)).rejects.toThrow(InputError)
  await expect(readMetrics(path)).rejects.toThrow(message)
})

test("a field that is no number is named by line and column", async () => {
  const path = await runWith("text.csv", 2)
  const text = await readFile(path, "utf8")
  await writeFile(path, text.replace("\r\n2,230,", "\r\n2,many,"))
  await expect(readMetrics(path)).rejects.toThrow(/text\.csv, line 3, step: expected a number, found "many"/)
})
