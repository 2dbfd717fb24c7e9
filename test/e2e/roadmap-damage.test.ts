/** Studies some of whose files are damaged: what is whole is drawn, and what is not is told. */

import { readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, expect, test } from "vitest"
import { type RoadmapResult, runRoadmap, type StudyFailure } from "../../src/index.ts"
import { sharedFolder, writeColourFolder } from "../support/images.ts"

const folder = sharedFolder()
const data = join(folder, "data")
const out = join(folder, "study")
const run = join(out, "resnet", "seed-0")
const small = { data, scale: 0.05, imageSize: 32, epochs: 2, batchSize: 6, threads: 1, workers: 0 }

beforeAll(async () => {
  await writeColourFolder(data)
  await runRoadmap({ ...small, steps: ["resnet", "separate-downsampling"], out })
}, 60_000)

/** Goes on with the study, which must tell each failure once, and draw no NaN. */
async function goOn(): Promise<RoadmapResult> {
  const told: StudyFailure[] = []
  const result = await runRoadmap({ out, onFailure: (failure) => told.push(failure) })
  expect(result.failures).toEqual(told)
  for (const file of ["roadmap.svg", "roadmap.html"]) expect(readFileSync(join(out, file), "utf8")).not.toContain("NaN")
  return result
}

const text = (name: string) => readFileSync(join(run, name), "utf8")
const json = (name: string) => JSON.parse(text(name))

const anew = `remove the folder ${run} to train the network anew`
const lookAnew = "remove it to look at the network anew"

/** Damage to a file of a run, and what is said of it. */
const damages: [file: string, damage: string, content: () => string | undefined, said: string, remedy: string][] = [
  ["result.json", "empty", () => "", "Unexpected end", anew],
  ["result.json", "cut", () => text("result.json").slice(0, 30), "is damaged: ", anew],
  ["result.json", "without macs", () => JSON.stringify({ ...json("result.json"), macs: null }), "macs: ", anew],
  ["result.json", "of another top-1", () => JSON.stringify({ ...json("result.json"), top1: 0.123 }), "0.123", anew],
  ["result.json", "of more epochs", () => JSON.stringify({ ...json("result.json"), epochs: 3 }), "3 epochs", anew],
  ["metrics.csv", "missing", () => undefined, "no such file", anew],
  ["metrics.csv", "empty", () => "", "no header", anew],
  ["metrics.csv", "cut", () => text("metrics.csv").slice(0, -20), "it has 1 of 2 epochs", anew],
  ["metrics.csv", "with an epoch twice", () => text("metrics.csv").replace("\n2,", "\n1,"), "epoch 1 is where", anew],
  ["metrics.csv", "with NaN", () => withLastTop1("NaN"), "top1 of epoch 2 is no finite number", anew],
  ["metrics.csv", "with no share", () => withLastTop1("7"), "top1 of epoch 2 is 7", anew],
  ["inspection.json", "empty", () => "", "Unexpected end", lookAnew],
  ["inspection.json", "cut", () => text("inspection.json").slice(0, 100), "is damaged: ", lookAnew],
  ["inspection.json", "without a shift", () => inspected("consistency", { unchanged: [] }), "unchanged: ", lookAnew],
  ["inspection.json", "without squares", () => inspected("receptiveField", { squares: [] }), "squares: ", lookAnew],
  [
    "inspection.json",
    "with a short map",
    () => inspected("receptiveField", { map: { shape: [32, 32], values: [1] } }),
    "map: it has not as many values",
    lookAnew,
  ],
]

function inspected(part: string, changes: object): string {
  const record = json("inspection.json")
  return JSON.stringify({ ...record, [part]: { ...record[part], ...changes } })
}

function withLastTop1(value: string): string {
  const lines = text("metrics.csv").trimEnd().split("\r\n")
  const fields = lines.at(-1)!.split(",")
  fields[lines[0]!.split(",").indexOf("top1")] = value
  return `${[...lines.slice(0, -1), fields.join()].join("\r\n")}\r\n`
}

test.each(damages)("%s that is %s is told, and the others are drawn", async (file, _, content, said, remedy) => {
  const path = join(run, file)
  const whole = readFileSync(path)
  const damaged = content()
  if (damaged === undefined) rmSync(path)
  else writeFileSync(path, damaged)
  try {
    const { failures, runs } = await goOn()
    expect(failures).toMatchObject([{ step: "resnet", seed: 0 }])
    const { message } = failures[0]!
    expect(message).toContain(path)
    expect(message).toContain(said)
    expect(message.endsWith(remedy)).toBe(true)
    expect(runs.map(({ step }) => step)).toEqual(["separate-downsampling"])
  } finally {
    writeFileSync(path, whole)
  }
  expect((await goOn()).runs).toHaveLength(2)
})

test("a run that has lost its result is concluded again, unless its epochs are lost too", async () => {
  const path = join(run, "result.json")
  rmSync(path)
  const { top1, failures } = { ...(await goOn()), top1: json("result.json").top1 }
  expect(failures).toEqual([])
  expect(text("metrics.csv")).toContain(`,${top1},`)
  const [result, metrics] = [readFileSync(path), readFileSync(join(run, "metrics.csv"))]
  rmSync(path)
  truncateSync(join(run, "metrics.csv"), metrics.length - 20)
  const again = await goOn()
  expect(again.failures).toMatchObject([{ message: expect.stringContaining(`it has 1 of 2 epochs: ${anew}`) }])
  writeFileSync(path, result)
  writeFileSync(join(run, "metrics.csv"), metrics)
}, 60_000)

test("results of earlier versions are read; of runs of several machines and versions all are named", async () => {
  const path = join(run, "result.json")
  const { machine, version, top1, epochs, ...old } = json("result.json")
  expect([top1, epochs]).toEqual([expect.any(Number), 2])
  writeFileSync(path, JSON.stringify(old))
  expect(await goOn()).toMatchObject({ machine, version, runs: { length: 2 }, failures: [] })
  writeFileSync(path, JSON.stringify({ ...old, machine: "an abacus", version: "0.0.1" }))
  expect(await goOn()).toMatchObject({ machine: `an abacus; ${machine}`, version: `0.0.1; ${version}` })
  expect(readFileSync(join(out, "roadmap.html"), "utf8")).toContain(`an abacus; ${machine}`)
})

test("a study.json that is cut is told with what to do, and the folder is left as it is", async () => {
  const path = join(out, "study.json")
  const whole = readFileSync(path, "utf8")
  for (const content of ["", whole.slice(0, 50), "{}"]) {
    writeFileSync(path, content)
    await expect(runRoadmap({ out })).rejects.toThrow(/study.json is damaged: .*: put a copy of it back, or choose/)
    expect(readFileSync(path, "utf8")).toBe(content)
  }
  writeFileSync(path, whole)
  expect((await goOn()).runs).toHaveLength(2)
})
