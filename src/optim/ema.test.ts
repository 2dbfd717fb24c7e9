import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { emaDecay } from "./ema.ts"

interface Case {
  arguments: Record<string, number | boolean>
  steps: number[]
  decay: number[]
}

const golden: { ema_decay: Case[] } = JSON.parse(
  readFileSync(new URL("../../test/golden/schedules.json", import.meta.url), "utf8"),
)

test.each(golden.ema_decay)("decay of timm's ModelEmaV3($arguments)", ({ arguments: timm, steps, decay }) => {
  const options = {
    decay: Number(timm.decay),
    ...(timm.use_warmup !== undefined && { warmup: Boolean(timm.use_warmup) }),
    ...(timm.warmup_gamma !== undefined && { warmupGamma: Number(timm.warmup_gamma) }),
    ...(timm.warmup_power !== undefined && { warmupPower: Number(timm.warmup_power) }),
    ...(timm.min_decay !== undefined && { minDecay: Number(timm.min_decay) }),
    ...(timm.update_after_step !== undefined && { updateAfterStep: Number(timm.update_after_step) }),
  }
  for (const [i, step] of steps.entries()) expect(emaDecay(step, options)).toBeCloseTo(decay[i]!, 12)
})
