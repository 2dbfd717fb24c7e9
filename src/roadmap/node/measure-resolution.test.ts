import { expect, test } from "vitest"
import "../../index.ts"
import { countCost } from "../resolution.ts"
import { measureResolution } from "./measure-resolution.ts"

const model = "convnext_atto"

test("each model and size is measured in a process of its own, in order, and counted as the graph says", async () => {
  const progress: string[] = []
  const { rows, skipped, threads, device, cpu } = await measureResolution([model, "resnet18"], [64, 256], {
    device: "cpu",
    threads: 1,
    onProgress: ({ model: name, size, index, count }) => progress.push(`${index}/${count} ${name} ${size}`),
  })
  expect(progress).toEqual([`1/4 ${model} 64`, `2/4 ${model} 256`, "3/4 resnet18 64", "4/4 resnet18 256"])
  expect([skipped, threads, device]).toEqual([[], 1, "cpu"])
  expect(cpu).not.toBe("")
  for (const row of rows) {
    expect(row).toEqual({ ...countCost(row.model, row.size), milliseconds: row.milliseconds, peakBytes: row.peakBytes })
    expect(row.milliseconds).toBeGreaterThan(0)
    // Less than Node alone would mean that it is not the process's own; more than this process has, neither.
    expect(row.peakBytes).toBeGreaterThan(40 * 2 ** 20)
    expect(row.peakBytes).toBeLessThan(2 ** 30)
  }
  expect(rows[1]!.milliseconds).toBeGreaterThan(rows[0]!.milliseconds)
  expect(rows[3]!.milliseconds).toBeGreaterThan(rows[2]!.milliseconds)
})

test("what needs more memory than it may use is skipped, with the reason", async () => {
  const options = { device: "cpu", threads: 1, memoryLimit: 300 * 2 ** 20 }
  const { rows, skipped } = await measureResolution([model], [64, 4096], options)
  expect(rows.map(({ size }) => size)).toEqual([64])
  expect(skipped).toEqual([
    { model, size: 4096, reason: expect.stringMatching(/^needs about \d\.\d GiB, and 0\.3 GiB may be used$/) },
  ])
})

test("where nothing can be measured the first reason is said", async () => {
  await expect(measureResolution([model], [64], { device: "cpu", memoryLimit: 1 })).rejects.toThrow(
    /^nothing was measured; convnext_atto at 64 pixels: needs about 0\.\d GiB/,
  )
  await expect(measureResolution([model], [64], { device: "gpu3000" })).rejects.toThrow('unknown device "gpu3000"')
})

test("mistakes are found before anything is measured", async () => {
  const started: number[] = []
  const onProgress = ({ index }: { index: number }) => started.push(index)
  await expect(measureResolution([model, "convnext_ato"], [64], { onProgress })).rejects.toThrow("did you mean")
  await expect(measureResolution([model], [64, 0], { onProgress })).rejects.toThrow("size of convnext_atto")
  expect(started).toEqual([])
})
