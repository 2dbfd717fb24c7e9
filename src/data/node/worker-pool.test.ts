import { expect, onTestFinished, test } from "vitest"
import { imageFolder } from "../../../test/data/image-folder.ts"
import { resolveDataConfig } from "../config.ts"
import { folderDataset, scanImageFolder } from "./folder.ts"
import { workerFiller } from "./worker-pool.ts"

const config = resolveDataConfig({ inputSize: 8 })
const spec = { config, mode: "eval", seed: 0 } as const

/** Eight samples of one picture, for places from `first` on. */
async function eightSamples(first = 0) {
  const dataset = folderDataset(await scanImageFolder(await imageFolder(["a/0.png"])))
  return Array.from({ length: 8 }, (_, i) => ({ position: first + i, index: 0, source: dataset.source(0) }))
}

function startFiller(...args: Parameters<typeof workerFiller>) {
  const filler = workerFiller(...args)
  onTestFinished(() => filler.close())
  return filler
}

test("a worker that cannot start makes all jobs fail, with the reason", async () => {
  const filler = startFiller({ ...spec, config: { ...config, interpolation: "no-such-filter" as "bicubic" } }, 2)
  const job = { epoch: 0, samples: await eightSamples(), out: filler.allocate(8 * 192) }
  await expect(filler.fill(job)).rejects.toThrow(/a worker that reads images failed: .*no-such-filter/)
  await expect(filler.fill(job)).rejects.toThrow(/a worker that reads images failed/)
})

test("what a transform throws is the job's error, not an image that cannot be read, and the workers go on", async () => {
  const filler = startFiller(spec, 2)
  const outside = { epoch: 0, samples: await eightSamples(1), out: filler.allocate(8 * 192) }
  await expect(filler.fill(outside)).rejects.toThrow(RangeError)
  const inside = { ...outside, samples: await eightSamples() }
  expect(await filler.fill(inside)).toEqual([])
  expect(inside.out.every((value) => value !== 0)).toBe(true)
})

test("a job that is cancelled ends without its samples, and the next is done as ever", async () => {
  const filler = startFiller(spec, 1)
  // So many that the worker is not done with them before they are cancelled, however busy the machine is.
  const count = 5000
  const missing = Array.from({ length: count }, (_, position) => ({ position, index: 0, source: "nowhere.jpg" }))
  const job = { epoch: 0, samples: missing, out: filler.allocate(8 * 192) }
  expect(await filler.fill({ ...job, samples: missing.slice(0, 8) })).toHaveLength(8)
  const cancelled = filler.fill(job)
  filler.cancel()
  expect((await cancelled).length).toBeLessThan(count)
  expect(await filler.fill({ ...job, samples: await eightSamples() })).toEqual([])
  expect(job.out.every((value) => value !== 0)).toBe(true)
})
