import { readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { cosineSchedule } from "./cosine.ts"
import { polySchedule } from "./poly.ts"
import type { Schedule } from "./schedule.ts"
import { multiStepSchedule, stepSchedule } from "./step.ts"
import { tanhSchedule } from "./tanh.ts"

interface Case {
  id: string
  scheduler: string
  arguments: Record<string, number | number[] | boolean>
  lr: number
  values: number[]
}

const golden: { cases: Case[]; factory: { id: string; values: number[] }[] } = JSON.parse(
  readFileSync(new URL("../../../test/golden/schedules.json", import.meta.url), "utf8"),
)

/** timm's argument names in ours. */
const names: Record<string, string> = {
  t_initial: "totalSteps",
  lr_min: "minLr",
  warmup_t: "warmupSteps",
  warmup_lr_init: "warmupLr",
  warmup_prefix: "warmupPrefix",
  cycle_limit: "cycles",
  cycle_mul: "cycleLength",
  cycle_decay: "cycleDecay",
  k_decay: "kDecay",
  lb: "lowerBound",
  ub: "upperBound",
  power: "power",
  decay_rate: "decayRate",
}

const makers: Record<string, (options: never) => Schedule> = {
  CosineLRScheduler: cosineSchedule,
  TanhLRScheduler: tanhSchedule,
  PolyLRScheduler: polySchedule,
  StepLRScheduler: stepSchedule,
  MultiStepLRScheduler: multiStepSchedule,
}

function expectValues(schedule: Schedule, values: number[]) {
  expect(values.length).toBeGreaterThan(5)
  for (const [t, value] of values.entries()) {
    expect(Math.abs(schedule(t) - value), `step ${t}: ${schedule(t)} for ${value}`).toBeLessThanOrEqual(1e-12 * value)
  }
}

describe("schedules agree with timm's schedulers", () => {
  test.each(golden.cases)("$id", ({ scheduler, arguments: timm, lr, values }) => {
    const options: Record<string, unknown> = { lr }
    for (const [key, value] of Object.entries(timm)) {
      const name = key === "decay_t" ? (Array.isArray(value) ? "milestones" : "decaySteps") : names[key]
      options[name!] = value
    }
    expectValues(makers[scheduler]!(options as never), values)
  })

  const lr = 0.01
  const perUpdate: [id: string, schedule: Schedule][] = [
    ["cosine_0", cosineSchedule({ lr, totalSteps: 50, warmupSteps: 10, warmupLr: 1e-5, minLr: 1e-6 })],
    [
      "cosine_1",
      cosineSchedule({ lr, totalSteps: 10, warmupSteps: 2, warmupLr: 1e-5, minLr: 1e-6, warmupPrefix: true }),
    ],
    ["step_2", stepSchedule({ lr, decaySteps: 12, decayRate: 0.5, warmupSteps: 4, warmupLr: 1e-5 })],
    ["multistep_3", multiStepSchedule({ lr, milestones: [12, 24], decayRate: 0.2 })],
    ["poly_4", polySchedule({ lr, totalSteps: 10, power: 0.9, minLr: 1e-5, warmupSteps: 2, warmupLr: 1e-4 })],
    ["tanh_5", tanhSchedule({ lr, totalSteps: 10, minLr: 1e-5, warmupSteps: 2, warmupLr: 1e-4 })],
  ]
  test.each(perUpdate)("as made by create_scheduler_v2: %s", (id, schedule) => {
    expectValues(schedule, golden.factory.find((entry) => entry.id === `factory_${id}`)!.values)
  })
})
