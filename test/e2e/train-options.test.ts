/** Options of a run that decide what learns, and how: what is said of them, and what they do. */

import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, test } from "vitest"
import { parse } from "yaml"
import { createModel, loadRun, loadTensors, type TrainOptions, type TrainStart, train } from "../../src/index.ts"
import { sharedFolder, writeColourFolder } from "../support/images.ts"

const folder = sharedFolder()
const data = join(folder, "colours")
beforeAll(() => writeColourFolder(data, { red: 10, green: 10, blue: 10 }))

/** A short run: its folder, what it said, its resolved options. */
async function trainWith(name: string, options: TrainOptions) {
  const messages: string[] = []
  const starts: TrainStart[] = []
  const out = join(folder, name)
  const quick = { data, out, imageSize: 8, batchSize: 4, epochs: 1, limitBatches: 2, threads: 1, workers: 0 }
  await train(undefined, {
    ...quick,
    ...options,
    onMessage: (message) => messages.push(message),
    onStart: (start) => starts.push(start),
  })
  return { out, messages, start: starts[0]!, config: parse(readFileSync(join(out, "config.yaml"), "utf8")) }
}

const randomWeights = /^the frozen layers have random weights, and keep them: set `weights` to a checkpoint or a run$/

describe("freeze", () => {
  test("takes names as createTrainer does: the others train, and a run can be resumed", async () => {
    const { out, start, config, messages } = await trainWith("names", { freeze: ["stem", "stages"], ema: 0 })
    const { network } = await createModel("convnext_mini", { numClasses: 3 })
    const head = [...network.parameters].filter(([name]) => name.startsWith("head."))
    const count = head.reduce((sum, [, { size }]) => sum + size.reduce((product, side) => product * side, 1), 0)
    expect(start).toMatchObject({ trainedParameters: count, parameters: network.parameterCount })
    expect(count).toBeLessThan(network.parameterCount / 100)
    expect(config.freeze).toEqual(["stem", "stages"])
    expect(messages).toContainEqual(expect.stringMatching(randomWeights))

    const first = (await createModel("convnext_mini", { numClasses: 3, inputSize: 8 })).stateDict()
    const last = (await loadRun(out, { checkpoint: "last" })).stateDict()
    const changed = Object.keys(first).filter((name) => first[name]!.data.join() !== last[name]!.data.join())
    expect(changed.sort()).toEqual(head.map(([name]) => name).sort())
    await expect(train(undefined, { resume: out })).resolves.toMatchObject({ stopped: "done" })
  })

  test("of weights that were given is no reason to warn", async () => {
    const weights = join(folder, "names", "last.safetensors")
    const { messages, start } = await trainWith("backbone", { freeze: "backbone", model: "convnext_mini", weights })
    expect(messages.join("\n")).not.toContain("random weights")
    expect(start.trainedParameters).toBeLessThan(start.parameters)
  })

  test("of nothing trains all, without a word", async () => {
    const { messages, start } = await trainWith("nothing", { freeze: 0 })
    expect(messages.join("\n")).not.toContain("random weights")
    expect(start.trainedParameters).toBe(start.parameters)
  })
})

describe("optimizer", () => {
  test("sgd keeps its momentum, has its own learning rate and decay, and goes on with them", async () => {
    const { out, config } = await trainWith("sgd", { optimizer: "sgd", accumulate: 2 })
    expect(config).toMatchObject({ optimizer: "sgd", lr: 0.00313, weightDecay: 1e-4 })
    const state = readdirSync(out).find((file) => /^state-.*safetensors$/.test(file))!
    const slots = Object.keys(await loadTensors(join(out, state))).filter((name) => name.startsWith("optimizer/"))
    expect(slots.filter((name) => name.includes("momentum_buffer")).length).toBeGreaterThan(20)
    expect(slots.filter((name) => name.includes("exp_avg"))).toEqual([])
    await expect(train(undefined, { resume: out })).resolves.toMatchObject({ stopped: "done" })
  })

  test("takes the learning rate and the decay that are given; by default it is AdamW", async () => {
    const { config } = await trainWith("given", { optimizer: "sgd", lr: 0.5, weightDecay: 0.1 })
    expect(config).toMatchObject({ optimizer: "sgd", lr: 0.5, weightDecay: 0.1 })
    expect((await trainWith("default", {})).config).toMatchObject({ optimizer: "adamw", weightDecay: 0.05 })
  })
})

test("ema is a number or { decay }: the same run", async () => {
  const [number, form] = [await trainWith("number", { ema: 0.5 }), await trainWith("form", { ema: { decay: 0.5 } })]
  expect([number.config.ema, form.config.ema]).toEqual([0.5, 0.5])
  const [one, other] = [number, form].map(({ out }) => readFileSync(join(out, "last.safetensors")))
  expect(one!.equals(other!)).toBe(true)
})

test("a run with fewer batches than one step takes says that nothing will be learnt", async () => {
  const { messages, start } = await trainWith("few", { accumulate: 3 })
  expect(start).toMatchObject({ stepsPerEpoch: 2, accumulate: 3 })
  expect(messages).toContain("no step will be made: accumulate is 3, and the run has fewer batches (2)")
  expect((await trainWith("enough", { accumulate: 2 })).messages.join("\n")).not.toContain("no step")
})
