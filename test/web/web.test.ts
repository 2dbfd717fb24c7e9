/** `convnext/web` in a browser. It needs a Chromium: CHROMIUM names it, or a package of the system brings it. */

import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Browser } from "playwright-core"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import * as library from "../../src/index.ts"
import { findChromium } from "../support/devices.ts"
import { sharedFolder } from "../support/images.ts"
import { bundlePage, launch, runExercise } from "./browser.ts"
import { exercise, type Outcome } from "./exercise.ts"

const chromium = findChromium()
const folder = join(sharedFolder(), "page")
if (!chromium) console.log("no Chromium was found: `convnext/web` is not tested; set CHROMIUM or install chromium")

describe.runIf(chromium)("convnext/web in a browser", () => {
  let browser: Browser
  let expected: Outcome
  beforeAll(async () => {
    await bundlePage(fileURLToPath(new URL("page", import.meta.url)), folder)
    browser = await launch(chromium!)
    expected = await exercise(library, "cpu")
  })
  afterAll(() => browser?.close())

  const runOn = (device: string, isolated: boolean) => runExercise(browser, folder, device, { isolated })

  test.each([true, false])(
    "runs and trains as Node does on wasm, isolated from other origins: %s",
    async (isolated) => {
      const { device, reason, logits, losses } = await runOn("wasm", isolated)
      expect(device).toBe("wasm")
      expect(reason).toMatch(
        isolated ? /\d+ threads?$/ : /1 thread, as the page is not cross-origin isolated|1 thread$/,
      )
      expect(logits).toHaveLength(expected.logits.length)
      for (const [i, logit] of logits.entries()) expect(Math.abs(logit - expected.logits[i]!)).toBeLessThan(1e-4)
      for (const [i, loss] of losses.entries()) expect(Math.abs(loss - expected.losses[i]!)).toBeLessThan(1e-2)
      expect(losses.at(-1)).toBeLessThan(losses[0]!)
    },
  )

  test("auto takes wasm where the browser has no GPU, and says so", async () => {
    const { device, reason } = await runOn("auto", false)
    expect(device).toBe("wasm")
    expect(reason).toMatch(/no GPU|no WebGPU|computed by the CPU/)
  })

  test("a device of Node is refused with those of the browser", async () => {
    await expect(runOn("cuda", false)).rejects.toThrow("in the browser the devices are wasm, webgpu and auto")
    await expect(runOn("webgpu", false)).rejects.toThrow("device webgpu is not there")
  })
})
