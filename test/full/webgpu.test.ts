/**
 * What runs on every device, on WebGPU in Node: operators against their references, models against the CPU, training that
 * stays on the device, its memory. SwiftShader takes the place of a GPU; it comes with Chromium.
 */

import { spawnSync } from "node:child_process"
import { readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { softwareGpu } from "../support/devices.ts"
import { sharedFolder } from "../support/images.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const vitest = join(root, "node_modules/vitest/vitest.mjs")
const folder = sharedFolder()
const environment = softwareGpu()
if (!environment) console.log("SwiftShader was not found: WebGPU is not tested; install chromium")

/** Files with tests for each device, and fewer tests than they have by far: none at all would pass too. */
const suites: { files: string[]; least: number }[] = [
  { files: ["src/tensor/ops"], least: 300 },
  { files: ["src/runtime", "src/optim/graph.test.ts", "src/train/resident.test.ts"], least: 40 },
  { files: ["test/devices.test.ts", "test/memory.test.ts"], least: 4 },
  { files: ["test/full/device-models.test.ts"], least: 14 },
]

/** The tests of this folder are run too, and a renderer that computes on the CPU takes its time. */
const options = ["--config=vitest.full.config.ts", `--testTimeout=${20 * 60_000}`]

test.runIf(environment).each(suites)(
  "on WebGPU, all tests of $files pass",
  ({ files, least }) => {
    const report = join(folder, "report.json")
    rmSync(report, { force: true })
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [vitest, "run", ...files, ...options, "--reporter=json", `--outputFile=${report}`],
      { cwd: root, encoding: "utf8", env: { ...process.env, ...environment, CONVNEXT_TEST_DEVICES: "webgpu" } },
    )
    const { numPassedTests, numFailedTests, testResults } = readReport(report, `${stdout}${stderr}`)
    const failures = testResults.flatMap(({ assertionResults }) =>
      assertionResults.filter(({ status }) => status === "failed").map(({ fullName }) => fullName),
    )
    expect(failures).toEqual([])
    expect(numFailedTests).toBe(0)
    expect(numPassedTests).toBeGreaterThanOrEqual(least)
  },
  1_800_000,
)

interface Report {
  numPassedTests: number
  numFailedTests: number
  testResults: { assertionResults: { status: string; fullName: string }[] }[]
}

function readReport(path: string, output: string): Report {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Report
  } catch {
    throw new Error(`the tests did not come to an end:\n${output}`)
  }
}
