import { expect, test } from "vitest"
import { cosineSchedule, multiStepSchedule, polySchedule, stepSchedule, tanhSchedule } from "../src/index.ts"
import { adamw, batchOf, makeTrainer } from "./support/training.ts"

test("every learning-rate schedule can be had from the package, and a trainer follows it", async () => {
  const schedules = [
    cosineSchedule({ lr: 0.5, totalSteps: 2 }),
    polySchedule({ lr: 0.5, totalSteps: 2, power: 1 }),
    tanhSchedule({ lr: 0.5, totalSteps: 2 }),
    stepSchedule({ lr: 0.5, decaySteps: 1, decayRate: 0.5 }),
    multiStepSchedule({ lr: 0.5, milestones: [2], decayRate: 0.5 }),
  ]
  for (const schedule of schedules) expect(schedule(1)).toBeLessThan(schedule(0))
  const trainer = await makeTrainer({ optimizer: adamw, schedule: schedules[3] })
  expect((await trainer.step(batchOf(0))).lr).toBe(0.5)
  expect((await trainer.step(batchOf(1))).lr).toBe(0.25)
})
