import { execFileSync } from "node:child_process"
import { copyFileSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { imageFolder, temporaryFolder } from "../../../test/data/image-folder.ts"
import { InputError, UsageError } from "../../tensor/errors.ts"
import { Random } from "../../tensor/random.ts"
import { resolveDataConfig } from "../config.ts"
import type { Dataset } from "../dataset.ts"
import { epochOrder } from "../sampler.ts"
import { evalTransform, trainTransform } from "../transform.ts"
import { folderDataset, scanImageFolder } from "./folder.ts"
import { type Batch, createLoader, type LoaderOptions } from "./loader.ts"
import { openEmbedded } from "./open.ts"

const inputSize = [16, 20]
const config = resolveDataConfig({ inputSize })
const train = { batchSize: 4, config, mode: "train", seed: 5 } as const
const measure = { batchSize: 4, config, mode: "eval" } as const

/** Pictures 0.jpg, 1.jpg, ... of noise, by turns of class a and b. */
async function pictures(count: number): Promise<Dataset> {
  const names = Array.from({ length: count }, (_, i) => `${i % 2 === 0 ? "a" : "b"}/${i}.jpg`)
  return folderDataset(await scanImageFolder(await imageFolder(names)))
}

function openLoader(dataset: Dataset, options: LoaderOptions) {
  const loader = createLoader(dataset, options)
  onTestFinished(() => loader.close())
  return loader
}

/** The batches, copied out of the memory that is used again. */
async function collect(batches: AsyncIterable<Batch>) {
  const list: { shape: number[]; pixels: Float32Array; targets: number[]; indices: number[] }[] = []
  for await (const { images, targets, indices } of batches) {
    list.push({ shape: images.shape, pixels: images.data.slice(), targets: [...targets], indices: [...indices] })
  }
  return list
}

/** Makes image `index` of a file dataset unreadable. */
const cutShort = (dataset: Dataset, index: number) => truncateSync(dataset.source(index), 400)
const replaceByText = (dataset: Dataset, index: number) => writeFileSync(dataset.source(index), "<html>404</html>")

test("measuring gives all images in order, as the evaluation transform makes them", async () => {
  const dataset = await pictures(10)
  const loader = openLoader(dataset, { ...measure, workers: 2 })
  expect(loader.batchesPerEpoch).toBe(3)
  const batches = await collect(loader.epoch(0))
  expect(batches.map(({ shape }) => shape)).toEqual([
    [4, 16, 20, 3],
    [4, 16, 20, 3],
    [2, 16, 20, 3],
  ])
  expect(batches.flatMap(({ indices }) => indices)).toEqual([...Array(10).keys()])
  expect(batches.flatMap(({ targets }) => targets)).toEqual([...dataset.labels])
  const transform = evalTransform({ inputSize })
  const size = 16 * 20 * 3
  for (let i = 0; i < 10; i++) {
    const at = (i % 4) * size
    expect(batches[i >> 2]!.pixels.slice(at, at + size)).toEqual(transform(await dataset.read(i)).data)
  }
})

test("training gives full batches of a new order each epoch, augmented by (seed, epoch, index)", async () => {
  const dataset = await pictures(11)
  const loader = openLoader(dataset, { ...train, augmentation: { crop: "shift", padding: 2 }, workers: 1 })
  expect(loader.batchesPerEpoch).toBe(2)
  const epochs = [await collect(loader.epoch(0)), await collect(loader.epoch(1)), await collect(loader.epoch(0))]
  expect(epochs[0]).toEqual(epochs[2])
  const indices = epochs.map((batches) => batches.flatMap((batch) => batch.indices))
  expect(new Set(indices[0]).size).toBe(8)
  expect(indices[0]).not.toEqual(indices[1])
  const transform = trainTransform({ inputSize, augmentation: { crop: "shift", padding: 2 } })
  const expected = new Float32Array(16 * 20 * 3)
  for (const [position, index] of epochs[1]![0]!.indices.entries()) {
    transform(await dataset.read(index), new Random(5, 1, index, "augment"), expected, 0)
    const at = position * expected.length
    expect(epochs[1]![0]!.pixels.slice(at, at + expected.length)).toEqual(expected)
    expect(epochs[1]![0]!.targets[position]).toBe(dataset.labels[index])
  }
})

test("a set smaller than a batch is one smaller batch", async () => {
  const loader = openLoader(await pictures(3), { ...train, workers: 1 })
  expect((await collect(loader.epoch(0))).map(({ shape }) => shape)).toEqual([[3, 16, 20, 3]])
})

test.each([{ bad: [] }, { bad: [3, 4, 17] }])(
  "any number of workers gives the same bits, with bad files $bad",
  async ({ bad }) => {
    const dataset = await pictures(24)
    for (const index of bad) cutShort(dataset, index)
    const results = []
    for (const { workers, prefetch } of [
      { workers: 0, prefetch: 1 },
      { workers: 1, prefetch: 1 },
      { workers: 2, prefetch: 3 },
      { workers: 3, prefetch: 7 },
    ]) {
      const loader = openLoader(dataset, { ...train, workers, prefetch })
      results.push([await collect(loader.epoch(0)), await collect(loader.epoch(1))])
      const bySource = loader.skipped.map(({ source }) => source).sort()
      expect(bySource).toEqual(bad.map((index) => dataset.source(index)).sort())
    }
    expect(results[0]!.flat()).toHaveLength(12)
    for (const result of results.slice(1)) expect(result).toEqual(results[0])
  },
)

test("an epoch that is begun in the middle, or stopped early, has the same batches", async () => {
  const dataset = await pictures(24)
  cutShort(dataset, 7)
  const whole = await collect(openLoader(dataset, { ...train, workers: 2 }).epoch(3))
  const loader = openLoader(dataset, { ...train, workers: 2 })
  expect(await collect(loader.epoch(3, { from: 4 }))).toEqual(whole.slice(4))
  expect(await collect(loader.epoch(3, { from: 1, limit: 2 }))).toEqual(whole.slice(1, 3))
  expect(await collect(loader.epoch(3, { from: 6 }))).toEqual([])
  for await (const { indices } of loader.epoch(3)) {
    expect([...indices]).toEqual(whole[0]!.indices)
    break
  }
  expect(await collect(loader.epoch(3))).toEqual(whole)
})

test("in training the next readable image in the epoch's order takes the place of one that is not", async () => {
  const dataset = await pictures(12)
  const order = (await collect(openLoader(dataset, { ...train, workers: 1 }).epoch(0))).flatMap((b) => b.indices)
  cutShort(dataset, order[2]!)
  replaceByText(dataset, order[3]!)
  cutShort(dataset, order[11]!)
  const loader = openLoader(dataset, { ...train, workers: 2 })
  const expected = [...order]
  expected[2] = order[4]!
  expected[3] = order[4]!
  expected[11] = order[0]!
  for (let repeat = 0; repeat < 2; repeat++) {
    expect((await collect(loader.epoch(0))).flatMap((batch) => batch.indices)).toEqual(expected)
  }
  expect(loader.skipped).toHaveLength(3)
  const skipped = loader.skipped.find(({ source }) => source === dataset.source(order[3]!))
  expect(skipped?.reason).toMatch(/^it is /)
})

test("in measuring an image that cannot be read is left out, and so is a batch without any", async () => {
  const dataset = await pictures(12)
  for (const index of [1, 4, 5, 6, 7, 11]) cutShort(dataset, index)
  const loader = openLoader(dataset, { ...measure, workers: 2 })
  const batches = await collect(loader.epoch(0))
  expect(batches.map(({ indices }) => indices)).toEqual([
    [0, 2, 3],
    [8, 9, 10],
  ])
  expect(batches[0]!.shape).toEqual([3, 16, 20, 3])
  const third = evalTransform({ inputSize })(await dataset.read(3)).data
  expect(batches[0]!.pixels.slice(2 * third.length)).toEqual(third)
  expect(loader.skipped).toHaveLength(6)
  await collect(loader.epoch(0))
  expect(loader.skipped).toHaveLength(6)
})

test("strict stops at the first image that cannot be read, and names it", async () => {
  const dataset = await pictures(12)
  cutShort(dataset, 6)
  const loader = openLoader(dataset, { ...measure, workers: 2, strict: true })
  const seen: number[] = []
  const reading = (async () => {
    for await (const { indices } of loader.epoch(0)) seen.push(...indices)
  })()
  await expect(reading).rejects.toThrow(InputError)
  await expect(reading).rejects.toThrow(dataset.source(6))
  expect(seen).toEqual([0, 1, 2, 3])
  expect((await collect(loader.epoch(0, { limit: 1 })))[0]!.indices).toEqual([0, 1, 2, 3])
})

// Linux has a file whose reading fails as it does on a broken disk.
test.runIf(process.platform === "linux").each([0, 2])(
  "trouble of the machine ends the epoch instead of leaving the image out, with %i workers",
  async (workers) => {
    const dataset = await pictures(12)
    rmSync(dataset.source(6))
    symlinkSync("/proc/self/mem", dataset.source(6))
    const loader = openLoader(dataset, { ...train, workers })
    await expect(collect(loader.epoch(0))).rejects.toThrow(`cannot read image ${dataset.source(6)}: EIO: i/o error`)
    expect(loader.skipped).toEqual([])
  },
)

test.each([0, 2])("no readable image at all is an error, with %i workers", async (workers) => {
  const dataset = await pictures(5)
  for (let i = 0; i < 5; i++) replaceByText(dataset, i)
  const loader = openLoader(dataset, { ...train, workers })
  await expect(collect(loader.epoch(0))).rejects.toThrow(
    /none of the 5 images can be read, for example .*\.jpg: it is an HTML page/,
  )
})

test("images in memory are loaded too, gray as they are", async () => {
  const { train: dataset } = await openEmbedded()
  const gray = resolveDataConfig({ inputSize: [1, 28, 28], mean: 0.5, std: 0.5, cropPct: 1 })
  const loader = openLoader(dataset, { batchSize: 128, config: gray, mode: "eval" })
  expect(loader.batchesPerEpoch).toBe(79)
  const [batch] = await collect(loader.epoch(0, { limit: 1 }))
  expect(batch!.shape).toEqual([128, 28, 28, 1])
  const { data } = await dataset.read(127)
  expect(batch!.pixels.slice(127 * 784)).toEqual(Float32Array.from(data, (x) => (Math.fround(x / 255) - 0.5) / 0.5))
  expect(loader.waitedSeconds).toBeGreaterThan(0)
})

test("while the calling thread is blocked, the workers prepare as many batches as `prefetch` says", async () => {
  const dataset = await pictures(40)
  const order = [...epochOrder(40, "train", 5, 0)]
  const loader = openLoader(dataset, { ...train, workers: 2, prefetch: 3 })
  const epoch = loader.epoch(0)
  await epoch.next()
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500)
  for (let i = 0; i < 40; i++) replaceByText(dataset, i) // too late for the batches 1, 2 and 3, and for no other
  for (const batch of [1, 2, 3]) {
    expect([...(await epoch.next()).value!.indices]).toEqual(order.slice(batch * 4, batch * 4 + 4))
  }
  await expect(epoch.next()).rejects.toThrow(/none of the 40 images can be read/)
})

test("one epoch at a time", async () => {
  const loader = openLoader(await pictures(12), { ...train, workers: 1 })
  const first = loader.epoch(0)
  await first.next()
  await expect(loader.epoch(1).next()).rejects.toThrow(/one at a time/)
  await first.return()
  expect((await loader.epoch(1).next()).done).toBe(false)
})

test("closing ends an epoch that is under way, promptly, and twice is as good as once", async () => {
  const dataset = await pictures(40)
  const loader = createLoader(dataset, { ...train, workers: 2 })
  const epoch = loader.epoch(0)
  const waiting = epoch.next().catch((error: Error) => error)
  const started = performance.now()
  await loader.close()
  expect(performance.now() - started).toBeLessThan(1500)
  expect(await waiting).toMatchObject({ message: "the loader is closed" })
  await expect(collect(loader.epoch(0))).rejects.toThrow("the loader is closed")
  await loader.close()
})

test.each(["close", "forget"])("the process ends when its loader is closed or forgotten: %s", async (how) => {
  const root = temporaryFolder()
  const dataset = await pictures(8)
  copyFileSync(dataset.source(0), join(root, "0.jpg"))
  const program = `
    import { createLoader } from ${JSON.stringify(new URL("../../../dist/data/node/loader.js", import.meta.url).href)}
    const source = () => ${JSON.stringify(join(root, "0.jpg"))}
    const dataset = { kind: "files", classes: ["a"], length: 8, labels: new Int32Array(8), source }
    const loader = createLoader(dataset, { batchSize: 2, config: ${JSON.stringify(config)}, mode: "train", workers: 2 })
    let count = 0
    for await (const batch of loader.epoch(0)) count += batch.indices.length
    console.log(count)
    if (${how === "close"}) await loader.close()`
  const script = join(root, "program.mjs")
  writeFileSync(script, program)
  expect(execFileSync(process.execPath, [script], { timeout: 20_000 }).toString().trim()).toBe("8")
})

test("options that make no sense are refused at once", async () => {
  const dataset = await pictures(2)
  expect(() => createLoader(dataset, { ...train, batchSize: 0 })).toThrow(UsageError)
  expect(() => createLoader(dataset, { ...train, workers: -1 })).toThrow(/workers must be a whole number of at least 0/)
  expect(() => createLoader(dataset, { ...train, prefetch: 0 })).toThrow(
    /prefetch must be a whole number of at least 1/,
  )
})

test("an image is decoded from what the file holds when it is read", async () => {
  const dataset = await pictures(4)
  writeFileSync(dataset.source(1), readFileSync(dataset.source(0)))
  const [batch] = await collect(openLoader(dataset, { ...measure, workers: 2 }).epoch(0))
  const size = 16 * 20 * 3
  expect(batch!.pixels.slice(0, size)).toEqual(batch!.pixels.slice(size, 2 * size))
})
