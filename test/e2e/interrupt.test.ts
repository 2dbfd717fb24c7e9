/** Ctrl-C once and twice. */

import { cpSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { beforeAll, expect, test } from "vitest"
import { embeddedFolder } from "../../src/data/node/open.ts"
import { convnext, startConvnext } from "../support/cli.ts"
import { sharedFolder, writeFile } from "../support/images.ts"

const folder = sharedFolder()
const data = join(folder, "data")
const args = ["train", data, "--epochs", "50", "--batch-size", "16", "--threads", "1"]

/** 16 images to learn from and 2,000 to measure on: a signal during an epoch comes while it measures. */
beforeAll(() => {
  const count = 16
  for (const name of ["labels.txt", "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"]) {
    cpSync(join(embeddedFolder, name), join(data, name))
  }
  const header = (...numbers: number[]) => Buffer.from(Int32Array.from(numbers).buffer).swap32()
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 10)
  writeFile(join(data, "train-labels-idx1-ubyte"), Buffer.concat([header(0x801, count), labels]))
  const pixels = Uint8Array.from({ length: count * 28 * 28 }, (_, i) => (i * 7919) % 256)
  writeFile(join(data, "train-images-idx3-ubyte"), Buffer.concat([header(0x803, count, 28, 28), pixels]))
})

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("%s once saves a state, says how to go on, and exits with %i", async (signal, code) => {
  const run = join(folder, `once ${signal}`)
  const { child, outcome, said } = startConvnext([...args, "--out", run])
  await said("epoch  1/50")
  child.kill(signal)
  const { code: ended, stdout, stderr } = await outcome
  expect(ended).toBe(code)
  expect(stderr).toContain("stopping after this step to save a checkpoint; press Ctrl-C again to exit at once\n")
  const [, epochs, command] = /^stopped after (\d) finished epochs?; go on with\n {2}(.*)\n$/.exec(stdout)!
  expect(command).toBe(`npx convnext train --resume '${run}'`)
  expect(JSON.parse(readFileSync(join(run, "state.json"), "utf8"))).toMatchObject({
    epoch: Number(epochs) + 1,
    batch: 0,
  })
})

test("SIGINT twice exits at once, and the state before is whole", async () => {
  const run = join(folder, "twice")
  const { child, outcome, said } = startConvnext([...args, "--out", run])
  await said("epoch  1/50")
  while (!readFileSync(join(run, "state.json"), "utf8").includes('"epoch": 2')) await setTimeout(20)
  await setTimeout(150) // the one step of epoch 2 is done, and its measurement under way
  child.kill("SIGINT")
  await said("stopping after this step")
  child.kill("SIGINT")
  const { code, stdout, stderr } = await outcome
  expect(code).toBe(130)
  expect(stdout).toBe("")
  expect(stderr).not.toContain("epoch  2/50")
  expect(JSON.parse(readFileSync(join(run, "state.json"), "utf8"))).toMatchObject({ epoch: 2, batch: 0 })

  const resumed = startConvnext(["train", "--resume", run])
  await resumed.said("epoch  2/50")
  resumed.child.kill("SIGKILL")
  await resumed.outcome
})

test("SIGINT before the first step leaves a run to go on with", async () => {
  const run = join(folder, "early")
  const { child, outcome, said } = startConvnext([...args, "--out", run])
  await said("training convnext_mini")
  child.kill("SIGINT")
  expect(await outcome).toMatchObject({ code: 130 })
  const { code, stderr } = await convnext(["train", "--resume", run, "--lr", "1"])
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: "convnext: a resumed run keeps its own settings: lr cannot be changed\n",
  })
})
