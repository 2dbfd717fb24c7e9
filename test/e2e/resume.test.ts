/** A run that is stopped, however roughly, goes on to the bits that an uninterrupted run reaches. */

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, watch, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { beforeAll, describe, expect, test } from "vitest"
import { createModel, InputError, loadTensors, type StateDict, train } from "../../src/index.ts"
import { Random } from "../../src/tensor/random.ts"
import type { TrainOptions } from "../../src/train/options.ts"
import { convnext, type Running, startConvnext } from "../support/cli.ts"
import { shownScalars } from "../support/event-file.ts"
import { sharedFolder, writeColourFolder } from "../support/images.ts"

const folder = sharedFolder()

/** What must be equal, bit by bit: both checkpoints, and the columns of metrics.csv that no clock decides. */
function resultOf(run: string) {
  const metrics = readFileSync(join(run, "metrics.csv"), "utf8").trimEnd().split("\r\n")
  return {
    last: readFileSync(join(run, "last.safetensors")).toString("base64"),
    best: readFileSync(join(run, "best.safetensors")).toString("base64"),
    metrics: metrics.map((row) => row.split(",").slice(0, 8).join(",")),
  }
}

/**
 * Starts a run, kills it with `kill -9` once the first of `moments` has come, resumes it, kills it at the second, and
 * so on; then lets it end. Gives the number of times that it was killed before its end.
 */
async function killAndResume(args: readonly string[], run: string, moments: ((run: Running) => Promise<void>)[]) {
  let killed = 0
  for (const moment of moments) {
    const resumable = readdirSync(run).includes("config.yaml")
    const running = startConvnext(["train", ...(resumable ? ["--resume", run] : [...args, "--out", run])])
    await Promise.race([moment(running), running.outcome])
    running.child.kill("SIGKILL")
    if ((await running.outcome).signal === "SIGKILL") killed++
    // Before there is a configuration nothing was trained, and the run begins again.
    if (!readdirSync(run).includes("config.yaml")) clear(run)
  }
  const { code, stderr } = await convnext(["train", "--resume", run])
  expect(code, stderr).toBe(0)
  return killed
}

function clear(run: string): void {
  rmSync(run, { recursive: true, force: true })
  mkdirSync(run)
}

/** Waits until the run writes its `count`-th file, and is in the middle of it. */
function whileWriting(run: string, count: number): () => Promise<void> {
  return () =>
    new Promise((resolve) => {
      let seen = 0
      const watcher = watch(run, (event, name) => {
        // The first event of a temporary file is that it was made.
        if (event !== "rename" || !name?.endsWith(".tmp") || ++seen < 2 * count - 1) return
        watcher.close()
        resolve()
      })
    })
}

interface Setting {
  data: string[]
  options: TrainOptions
  seeds: number[]
  /** Where a signal stops the run. */
  stops: { epoch: number; step: number }[]
}

const settings: Record<string, Setting> = {
  "images in memory, gradients accumulated across epochs, averaged weights": {
    data: [],
    options: { epochs: 6, imageSize: 16, batchSize: 8, limitBatches: 12, accumulate: 5, ema: 0.9, threads: 1 },
    seeds: [1, 2],
    // After step 10 of epoch 4 (batch 46) the epoch has no update any more: its rate is that of the process before.
    stops: [
      { epoch: 2, step: 3 },
      { epoch: 3, step: 4 },
      { epoch: 4, step: 10 },
    ],
  },
  "files that workers read": {
    data: [join(folder, "colours")],
    options: { epochs: 6, imageSize: 16, batchSize: 4, accumulate: 2, ema: 0.8, workers: 2, threads: 1 },
    seeds: [3],
    stops: [
      { epoch: 2, step: 3 },
      { epoch: 3, step: 4 },
    ],
  },
}

beforeAll(async () => {
  await writeColourFolder(join(folder, "colours"), { red: 14, green: 14, blue: 14 })
})

describe.each(Object.entries(settings))("%s", (name, { data, options, seeds, stops }) => {
  const [key] = name.split(" ")
  const whole = join(folder, `${key} whole`)
  const flags = Object.entries(options).flatMap(([option, value]) => [
    `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    String(value),
  ])
  const args = [...data, ...flags]
  beforeAll(async () => {
    const { code, stderr } = await convnext(["train", ...args, "--out", whole])
    expect(code, stderr).toBe(0)
  })

  test("the same call gives the same bits", async () => {
    const again = join(folder, `${key} again`)
    await train(undefined, { ...options, data: data[0], out: again })
    expect(resultOf(again)).toEqual(resultOf(whole))
  })

  test.concurrent.each(seeds)("killed at random moments (seed %i), a run resumes to the same bits", async (seed) => {
    const run = join(folder, `${key} random ${seed}`)
    clear(run)
    const random = new Random(seed, "kill", name)
    // Compiling, steps, validations and checkpoints of all epochs take a second or so.
    const moments = [350, 700].map((most) => async ({ said }: Running) => {
      await said("training convnext_mini")
      await setTimeout(most * random.uniform())
    })
    expect(await killAndResume(args, run, moments)).toBeGreaterThan(0)
    expect(resultOf(run)).toEqual(resultOf(whole))
  })

  // Other systems tell of other events, or of none.
  const onLinux = test.skipIf(process.platform !== "linux")
  onLinux("killed while it writes a file, a run resumes to the same bits", { concurrent: true }, async () => {
    const run = join(folder, `${key} writing`)
    clear(run)
    // Files 1 to 5 are those of a new run; an epoch then writes last, best where it is better, and two of its state.
    const moments = [2, 7].map((count) => whileWriting(run, count))
    expect(await killAndResume(args, run, moments)).toBe(2)
    expect(resultOf(run)).toEqual(resultOf(whole))
    expect(readdirSync(run).filter((file) => file.endsWith(".tmp"))).toEqual([])
  })

  test("stopped by a signal in the middle of epochs, a run resumes to the same bits", async () => {
    const run = join(folder, `${key} stopped`)
    for (const stopAt of stops) {
      const stop = new AbortController()
      const call = stopAt === stops[0] ? { ...options, data: data[0], out: run } : { resume: run }
      const { stopped } = await train(undefined, {
        ...call,
        signal: stop.signal,
        onStep: ({ epoch, step }) => {
          if (epoch === stopAt.epoch && step === stopAt.step) stop.abort()
        },
      })
      expect(stopped).toBe("signal")
      expect(JSON.parse(readFileSync(join(run, "state.json"), "utf8"))).toMatchObject({
        epoch: stopAt.epoch,
        batch: stopAt.step,
      })
    }
    const { code, stderr } = await convnext(["train", "--resume", run])
    expect(code, stderr).toBe(0)
    expect(stderr).toContain(`for epochs ${stops.at(-1)!.epoch} to 6 of`)
    expect(resultOf(run)).toEqual(resultOf(whole))
    // Every epoch is a point on TensorBoard's curves, those before a resumption too.
    const curve = await shownScalars(run, "loss/val")
    expect(curve).toHaveLength(6)
    expect(curve).toEqual(await shownScalars(whole, "loss/val"))
  })
})

describe("a run of a model that was made by hand", () => {
  const config = { depths: [1, 1, 1, 1], dims: [8, 8, 16, 16], kernelSizes: 3, patchSize: 2 }
  const make = () => createModel("convnext", { config, numClasses: 3, inputSize: 32, dropPathRate: 0.2, seed: 5 })
  const options: TrainOptions = { data: join(folder, "colours"), epochs: 2, batchSize: 8 }

  test("is resumed with that model and its first weights, by the command as well", async () => {
    const whole = join(folder, "own whole")
    await train(await make(), { ...options, out: whole })
    expect(readFileSync(join(whole, "report.html"), "utf8")).not.toContain("--config")
    const run = join(folder, "own")
    const stop = new AbortController()
    await train(await make(), { ...options, out: run, signal: stop.signal, onStart: () => stop.abort() })
    expect(JSON.parse(readFileSync(join(run, "state.json"), "utf8"))).toMatchObject({ epoch: 1, batch: 0 })

    const { code, stderr } = await convnext(["train", "--resume", run])
    expect(code, stderr).toBe(0)
    expect(resultOf(run)).toEqual(resultOf(whole))
    expect(readFileSync(join(run, "report.html"), "utf8")).not.toContain("--config")
  })

  test("is not repeated from its configuration, which cannot make the model", async () => {
    const config = join(folder, "own", "config.yaml")
    expect(await convnext(["train", "--config", config])).toMatchObject({
      code: 1,
      stderr: `convnext: ${config} is of a run whose model was given by a program: options cannot make it. Run that program again, or go on with the run by --resume\n`,
    })
  })

  test("does not let go of weights that were loaded", async () => {
    const weights: StateDict = (await make()).stateDict()
    for (const { data } of Object.values(weights)) (data as Float32Array).fill(0.01)
    const model = await createModel("convnext", { config, numClasses: 3, inputSize: 32, weights })
    const stop = new AbortController()
    const run = join(folder, "loaded")
    await train(model, { ...options, out: run, signal: stop.signal, onStart: () => stop.abort() })
    const tensors = await loadTensors(join(run, "state-1-0.safetensors"))
    for (const name of Object.keys(weights)) expect(tensors[`model/${name}`]).toEqual(weights[name])
  })
})

describe("what cannot be resumed", () => {
  const run = join(folder, "images whole")

  test("a run that has finished is concluded again, and nothing else changes", async () => {
    const before = resultOf(run)
    rmSync(join(run, "report.html"))
    const curve = await shownScalars(run, "loss/val")
    const { code, stdout, stderr } = await convnext(["train", "--resume", run])
    expect(code, stderr).toBe(0)
    expect(stderr).toContain("the run has finished already")
    expect(stderr).not.toContain("training convnext_mini")
    expect(stdout).toContain("best top-1")
    expect(readFileSync(join(run, "report.html"), "utf8")).toContain("train --config")
    expect(resultOf(run)).toEqual(before)
    expect(await shownScalars(run, "loss/val")).toEqual(curve)
  })

  test.each<[string, () => string[], 1 | 2, string | RegExp]>([
    [
      "an option",
      () => [run, "--batch-size", "9"],
      2,
      "a resumed run keeps its own settings: batchSize cannot be changed",
    ],
    [
      "the data",
      () => [run, join(folder, "colours")],
      2,
      "a resumed run keeps its own settings: data cannot be changed",
    ],
    ["no folder", () => [join(folder, "none")], 1, `there is no run at ${join(folder, "none")}`],
    [
      "no run",
      () => [join(folder, "colours")],
      1,
      /colours is no run: it has no config\.yaml\. A run is what `convnext train` writes/,
    ],
    ["a state cut short", () => [damaged("state.json", "{")], 1, /^cannot read .*state\.json: /],
    ["a state of other things", () => [damaged("state.json", '{"version": 1}')], 1, /state\.json is damaged: /],
    [
      "a configuration that is none",
      () => [damaged("config.yaml", "epochs: many\n")],
      1,
      /config\.yaml is damaged: epochs must be a whole number/,
    ],
    [
      "an unknown setting",
      () => [damaged("config.yaml", "epoch: 1\n")],
      1,
      /config\.yaml is damaged: unknown option epoch/,
    ],
    [
      "a state whose tensors are elsewhere",
      () => [damaged("state.json", stateWith({ tensors: "../images whole/last.safetensors" }))],
      1,
      /state\.json is damaged: tensors is no file of a state/,
    ],
  ])("%s", async (_, resume, code, message) => {
    const { code: ended, stderr } = await convnext(["train", "--resume", ...resume()])
    const [line, ...more] = stderr.trimEnd().split("\n")
    expect(more).toEqual([])
    expect(line).toMatch(/^convnext: /)
    expect(line!.slice("convnext: ".length)).toMatch(message)
    expect(ended).toBe(code)
  })

  test("other classes than those that the run began with", async () => {
    const data = await writeColourFolder(join(folder, "two"), { red: 6, blue: 6 })
    const other = join(folder, "other")
    await train(undefined, { data, out: other, fastDevRun: true, imageSize: 8 })
    await writeColourFolder(data, { green: 6 })
    const { code, stderr } = await convnext(["train", "--resume", other])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^convnext: the data has other classes than when .*other began: image folder, 3 classes/)
  })

  test("data that has changed, be it in number or in names; data that was moved as a whole is the same", async () => {
    const data = await writeColourFolder(join(folder, "changing"), { red: 6, blue: 6 })
    const run = join(folder, "changed")
    const stop = new AbortController()
    const options: TrainOptions = { data, out: run, epochs: 2, imageSize: 8, batchSize: 2 }
    await train(undefined, { ...options, signal: stop.signal, onStep: () => stop.abort() })
    const resume = train.bind(undefined, undefined, { resume: run })
    const changed = (what: string) =>
      new InputError(`the data has changed since ${run} began: ${what}. Put it back, or train anew`)

    const image = join(data, "red", "5.png")
    renameSync(image, join(data, "red", "55.png"))
    await expect(resume()).rejects.toThrow(
      changed("as many images as then (10 images to learn from and 2 to measure on), but other files"),
    )
    renameSync(join(data, "red", "55.png"), join(folder, "away.png"))
    await expect(resume()).rejects.toThrow(
      changed("10 images to learn from and 2 to measure on then, 9 images to learn from and 2 to measure on now"),
    )
    renameSync(join(folder, "away.png"), image)
    renameSync(data, `${data} moved`)
    const config = join(run, "config.yaml")
    writeFileSync(config, readFileSync(config, "utf8").replace(data, `${data} moved`))
    expect(await resume()).toMatchObject({ stopped: "done" })
  })
})

/** state.json of a run with other values for some of its fields. */
function stateWith(fields: Record<string, unknown>): string {
  return JSON.stringify({ ...JSON.parse(readFileSync(join(folder, "images whole", "state.json"), "utf8")), ...fields })
}

/** A folder with one file of a run, damaged, beside those that are needed to get to it. */
function damaged(file: string, content: string): string {
  const copy = join(folder, `damaged ${file} ${content.length}`)
  mkdirSync(copy)
  writeFileSync(join(copy, "config.yaml"), readFileSync(join(folder, "images whole", "config.yaml")))
  writeFileSync(join(copy, file), content)
  return copy
}
