/** A study of the roadmap: killed and gone on with, grown, failed in part, refused. */

import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, expect, test } from "vitest"
import { InputError, type RoadmapRunStart, runRoadmap, UsageError } from "../../src/index.ts"
import { convnext, convnextJson, startConvnext } from "../support/cli.ts"
import { sharedFolder, writeColourFolder } from "../support/images.ts"

const folder = sharedFolder()
const data = join(folder, "data")
/** Ends of the road with three channels, on 24 pictures. */
const small = { data, scale: 0.05, imageSize: 32, epochs: 2, batchSize: 6, threads: 1, workers: 0 }
const flags = ["--scale", "0.05", "--image-size", "32", "--threads", "1", "--workers", "0"]
const both = ["resnet", "separate-downsampling"]

const figureOf = (study: string) => readFileSync(join(study, "roadmap.svg"), "utf8")

const inspectionOf = (study: string, step: string, seed: number) =>
  JSON.parse(readFileSync(join(study, step, `seed-${seed}`, "inspection.json"), "utf8"))

beforeAll(() => writeColourFolder(data))

/** Trains a study, and gives the runs that it began. */
async function begun(options: Parameters<typeof runRoadmap>[0]): Promise<string[]> {
  const runs: string[] = []
  const onRun = ({ step, seed, resumed }: RoadmapRunStart) => runs.push(`${step} ${seed}${resumed ? " again" : ""}`)
  const { failures } = await runRoadmap({ ...options, onRun })
  expect(failures).toEqual([])
  return runs
}

test("a study that is killed and started again ends with the same figure", async () => {
  const whole = join(folder, "whole")
  const result = await runRoadmap({ ...small, steps: both, seeds: 2, out: whole })
  expect(result.stopped).toBe("done")
  expect(result.runs.map(({ step, seed }) => [step, seed])).toEqual([
    ["resnet", 0],
    ["resnet", 1],
    ["separate-downsampling", 0],
    ["separate-downsampling", 1],
  ])
  for (const run of result.runs) expect(run).toMatchObject({ epochs: { length: 2 }, top1: run.epochs[1]!.top1 })
  expect(readdirSync(join(whole, "resnet", "seed-1"))).toEqual(
    expect.arrayContaining(["config.yaml", "last.safetensors", "report.html", "state.json"]),
  )

  const killed = join(folder, "killed")
  const training = [...flags, "--epochs", "2", "--batch-size", "6"]
  const args = ["roadmap", data, ...training, "--steps", both.join(), "--seeds", "2", "--out", killed]
  const moments = ["[1/4] ResNet, seed 0", "epoch 1/2", "[2/4]", "[4/4]"]
  for (const moment of moments) {
    const { child, outcome, said } = startConvnext(args)
    const reached = said(moment)
    // Before the last one the process may have come to its end.
    await (moment === moments.at(-1) ? reached.catch(() => {}) : reached)
    child.kill("SIGKILL")
    await outcome
  }
  const { code, stderr, stdout } = await convnext(["roadmap", "--out", killed, "--threads", "1", "--workers", "0"])
  expect(code, stderr).toBe(0)
  expect(stdout).toMatch(/^step +top-1 +seeds +paper\nresnet +[\d.]+% +2 +78\.8\d*%\nseparate-downsampling +[\d.]+% +2/)
  expect(figureOf(killed)).toBe(figureOf(whole))
  for (const step of both) expect(inspectionOf(killed, step, 1)).toEqual(inspectionOf(whole, step, 1))
}, 120_000)

test("every network is looked at, also of a study that is finished", async () => {
  const out = join(folder, "seen")
  const options = { ...small, steps: ["resnet"], out }
  await begun(options)
  const found = inspectionOf(out, "resnet", 0)
  expect(found.consistency).toMatchObject({ images: 6, maxShift: 4 })
  expect(found.receptiveField.map.shape).toEqual([32, 32])
  expect(readFileSync(join(out, "roadmap.html"), "utf8")).toContain("Effective receptive field of ResNet")

  const file = join(out, "resnet", "seed-0", "inspection.json")
  rmSync(file)
  const messages: string[] = []
  await runRoadmap({ out, threads: 1, workers: 0, onMessage: (message) => messages.push(message) })
  expect(messages).toEqual(["ResNet, seed 0: shifts its images and maps what it sees"])
  expect(inspectionOf(out, "resnet", 0)).toEqual(found)
}, 60_000)

test("finished runs are used again: a study grows by steps and seeds, and its settings need not be given again", async () => {
  const out = join(folder, "grown")
  expect(await begun({ ...small, steps: ["resnet"], out })).toEqual(["resnet 0"])
  expect(await begun({ out, steps: ["resnet", "gelu"], seeds: 2 })).toEqual(["gelu 0", "resnet 1", "gelu 1"])
  expect(await begun({ ...small, out, steps: ["gelu"] })).toEqual([])
  for (const run of ["resnet/seed-1", "gelu/seed-0"]) rmSync(join(out, run), { recursive: true })
  expect(await begun({ out, steps: ["gelu"], seeds: 1 })).toEqual(["gelu 0"])
  expect(await begun({ out })).toEqual(["resnet 1"])
  const { runs, settings } = await runRoadmap({ out })
  expect(runs).toHaveLength(4)
  expect(settings).toMatchObject({ scale: 0.05, imageSize: 32, epochs: 2, batchSize: 6 })
}, 120_000)

test("a signal stops a study, and it goes on in the middle of its run", async () => {
  const out = join(folder, "stopped")
  const controller = new AbortController()
  const options = { ...small, steps: ["resnet"], out }
  const result = await runRoadmap({ ...options, signal: controller.signal, onEpoch: () => controller.abort() })
  expect(result).toMatchObject({ stopped: "signal", runs: [] })
  expect(await begun(options)).toEqual(["resnet 0 again"])
}, 60_000)

test("a step that fails is told, the others are trained, and the next start tries it again", async () => {
  const out = join(folder, "failed")
  const steps = ["resnet", "gelu", "separate-downsampling"]
  await runRoadmap({ ...small, steps: ["resnet"], out })
  // Where the runs of a step belong, there is a file.
  writeFileSync(join(out, "gelu"), "")
  const args = ["roadmap", "--out", out, "--steps", steps.join(), "--threads", "1", "--workers", "0", "--json"]
  const { code, stdout, stderr } = await convnext(args)
  expect(code).toBe(1)
  expect(stderr).toMatch(/gelu, seed 0, failed: .*gelu/)
  const { runs, failures } = JSON.parse(stdout)
  expect(runs.map(({ step }: { step: string }) => step)).toEqual(["resnet", "separate-downsampling"])
  expect(failures).toMatchObject([{ step: "gelu", seed: 0 }])
  expect(readFileSync(join(out, "roadmap.html"), "utf8")).toContain("1 run failed and is missing: gelu, seed 0")
  rmSync(join(out, "gelu"))
  expect(await begun({ out })).toEqual(["gelu 0"])
}, 60_000)

test("a study of other settings or data is left as it is, and what differs is said", async () => {
  const out = join(folder, "other")
  await runRoadmap({ ...small, steps: ["resnet"], out })
  const before = figureOf(out)
  const refused = (changes: object) => expect(runRoadmap({ ...small, out, ...changes })).rejects
  await refused({ scale: 0.1, epochs: 3 }).toThrow(
    `the study in ${out} has scale 0.05, not 0.1; epochs 2, not 3: leave that as it is, or choose another --out`,
  )
  await refused({ data: folder }).toThrow(InputError)
  const others = join(folder, "others")
  await writeColourFolder(others, { red: 8, green: 9, blue: 8 })
  await refused({ data: others }).toThrow(`the study in ${out} is of ${data}, and ${others} is other data: 18 images`)
  await writeColourFolder(data, { red: 9 })
  try {
    await refused({}).toThrow(/^the data has changed since .* began: 18 images .* then, 19 images/)
  } finally {
    rmSync(join(data, "red", "8.png"))
  }
  expect(figureOf(out)).toBe(before)
}, 60_000)

test("one process at a time works on a study, and says so to others", async () => {
  const out = join(folder, "locked")
  const args = ["roadmap", data, ...flags, "--epochs", "2", "--batch-size", "6", "--steps", "resnet", "--out", out]
  const { child, outcome, said } = startConvnext(args)
  await said("[1/1]")
  const held = new RegExp(`process ${child.pid} on this machine .* works on the study in .*: wait until it ends`)
  await expect(runRoadmap({ ...small, out })).rejects.toThrow(held)
  const second = await convnext(args)
  expect(second).toMatchObject({ code: 1, stdout: "" })
  expect(second.stderr).toMatch(held)
  const first = await outcome
  expect(first.code, first.stderr).toBe(0)

  let refused: Promise<void> | undefined
  const onRun = () => {
    refused = expect(runRoadmap({ out })).rejects.toThrow("this process works on the study")
  }
  const { runs } = await runRoadmap({ out, steps: ["gelu"], threads: 1, onRun })
  await refused
  expect(runs.map(({ step }) => step)).toEqual(["resnet", "gelu"])
  expect(refused).toBeDefined()
  expect(readdirSync(out)).not.toContain("study.lock")
}, 60_000)

test("a study keeps its threads, says where they change, and tells what is the same for all runs once", async () => {
  const pictures = join(folder, "pictures")
  const out = join(folder, "threads")
  await writeColourFolder(pictures)
  writeFileSync(join(pictures, "red", "0.png"), "no image")
  const messages: string[] = []
  const onMessage = (message: string) => messages.push(message)
  await runRoadmap({ ...small, data: pictures, steps: ["resnet"], out })
  await runRoadmap({ out, steps: both, workers: 0, seeds: 2, onMessage })
  expect(readFileSync(join(out, "separate-downsampling", "seed-0", "config.yaml"), "utf8")).toContain("threads: 1\n")
  for (const text of ["computing on", "0.png"]) {
    expect(messages.filter((message) => message.includes(text))).toHaveLength(1)
  }
  messages.length = 0
  await runRoadmap({ out, threads: 2, onMessage })
  expect(messages).toEqual([
    "computed otherwise than before, with threads 2 (before: 1): what is finished is kept, and may differ from what comes now in the last bits",
  ])
}, 60_000)

test("a study goes on with its data at another place, also in the middle of a run", async () => {
  const [before, after] = [join(folder, "before"), join(folder, "after")]
  await writeColourFolder(before)
  const out = join(folder, "moved")
  const controller = new AbortController()
  const options = { ...small, data: before, steps: ["resnet"], out }
  await runRoadmap({ ...options, signal: controller.signal, onEpoch: () => controller.abort() })
  renameSync(before, after)
  expect(await begun({ ...options, data: after })).toEqual(["resnet 0 again"])
  const { settings, runs } = await runRoadmap({ out })
  expect(settings.data).toBe(after)
  expect(runs).toMatchObject([{ inspection: { consistency: { images: 6 } } }])
}, 60_000)

test("mistakes leave nothing behind", async () => {
  const out = join(folder, "none")
  const refused = (changes: object) => expect(runRoadmap({ ...small, out, ...changes })).rejects
  await refused({ steps: ["resnet", "attention"] }).toThrow(UsageError)
  await refused({ scale: 0.001 }).toThrow("a scale of 0.001 leaves no channel")
  await refused({ imageSize: 31 }).toThrow("the image size must be a whole number of at least 32, the stride")
  await refused({ epochs: 0 }).toThrow(UsageError)
  await refused({ threads: 0 }).toThrow(UsageError)
  await refused({ seeds: 0 }).toThrow("seeds must be a whole number of at least 1, got 0")
  await refused({ data: join(folder, "nowhere") }).toThrow("there is no such folder")
  expect(readdirSync(folder)).not.toContain("none")
  await expect(runRoadmap({ ...small, out: data })).rejects.toThrow("is not empty and holds no study")
  const damaged = join(folder, "other")
  writeFileSync(join(damaged, "study.json"), "{}")
  await expect(runRoadmap({ out: damaged })).rejects.toThrow("study.json is damaged")
}, 60_000)

test("--json prints the study", async () => {
  const out = join(folder, "whole")
  const { folder: where, runs } = await convnextJson<{ folder: string; runs: object[] }>([
    ...["roadmap", "--out", out, "--steps", "resnet"],
  ])
  expect(where).toBe(out)
  expect(runs).toHaveLength(4)
})

test("what the caller's own functions throw reaches the caller, and no step has failed", async () => {
  const out = join(folder, "thrown")
  const options = { ...small, steps: ["resnet"], out }
  const fault = new Error("mine")
  const onEpoch = () => {
    throw fault
  }
  await expect(runRoadmap({ ...options, onEpoch })).rejects.toBe(fault)
  const { failures, runs } = await runRoadmap(options)
  expect(failures).toEqual([])
  expect(runs).toHaveLength(1)
}, 60_000)

test("a chart that cannot be written is told before anything is measured", async () => {
  const { code, stderr } = await convnext(["roadmap", "--resolution", "--svg", join(folder, "nowhere", "chart.svg")])
  expect(code).toBe(1)
  expect(stderr).toContain("its folder")
})
