import { join } from "node:path"
import { expect, test } from "vitest"
import { sharedFolder, writeColourFolder } from "../../../test/support/images.ts"
import { train } from "../../index.ts"
import { inspectRun } from "./inspect-run.ts"

const folder = sharedFolder()

test("a run is looked at on images that it held out, with its last weights", async () => {
  const data = join(folder, "colours")
  await writeColourFolder(data, { red: 10, green: 10, blue: 10 })
  const out = join(folder, "run")
  await train(undefined, {
    data,
    model: "convnext_atto",
    imageSize: 32,
    epochs: 2,
    batchSize: 8,
    workers: 1,
    threads: 1,
    out,
  })
  const { consistency, receptiveField } = await inspectRun(out, { limit: 5, maxShift: 1, threads: 1 })
  expect(consistency.images).toBe(5)
  // A picture of one colour is nearly the same after a shift.
  expect(consistency.unchanged).toHaveLength(1)
  expect(consistency.unchanged[0]!.share).toBeGreaterThan(0.8)
  expect(receptiveField.map.shape).toEqual([32, 32])
  const sides = receptiveField.squares.map(({ side }) => side)
  expect(sides).toEqual([...sides].sort((a, b) => a - b))
  expect(sides.every((side) => side > 0 && side <= 32)).toBe(true)
})

test("a folder that is no run is named", async () => {
  await expect(inspectRun(join(folder, "nothing"))).rejects.toThrow("nothing")
  await expect(inspectRun(join(folder, "run"), { limit: 0 })).rejects.toThrow("limit must be a whole number")
})
