/** `convnext/web` on the browser's WebGPU, which SwiftShader computes. */

import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Browser } from "playwright-core"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import * as library from "../../src/index.ts"
import { findChromium } from "../support/devices.ts"
import { sharedFolder } from "../support/images.ts"
import { bundlePage, launch, runExercise } from "../web/browser.ts"
import { exercise, type Outcome } from "../web/exercise.ts"

const chromium = findChromium()
const folder = join(sharedFolder(), "page")
if (!chromium)
  console.log("no Chromium was found: WebGPU in the browser is not tested; set CHROMIUM or install chromium")

describe.runIf(chromium)("convnext/web in a browser with WebGPU", () => {
  let browser: Browser
  let expected: Outcome
  beforeAll(async () => {
    await bundlePage(fileURLToPath(new URL("../web/page", import.meta.url)), folder)
    browser = await launch(chromium!, { webgpu: true })
    expected = await exercise(library, "cpu")
  })
  afterAll(() => browser?.close())

  test("runs and trains as Node does on the CPU", { timeout: 600_000 }, async () => {
    const { device, reason, logits, losses } = await runExercise(browser, folder, "webgpu", { isolated: false })
    expect(device).toBe("webgpu")
    expect(reason).toMatch(/^the browser has a GPU/)
    for (const [i, logit] of logits.entries()) expect(Math.abs(logit - expected.logits[i]!)).toBeLessThan(1e-3)
    expect(losses[0]!).toBeCloseTo(expected.losses[0]!, 3)
    expect(losses.at(-1)).toBeLessThan(losses[0]!)
  })

  test("auto leaves a software renderer alone", { timeout: 300_000 }, async () => {
    const { device, reason } = await runExercise(browser, folder, "auto", { isolated: true })
    expect(device).toBe("wasm")
    expect(reason).toMatch(/^the browser's WebGPU is computed by the CPU/)
  })
})
