import { expect, test } from "vitest"
import "../index.ts"
import { createModel } from "../models/model.ts"
import { ndarray, zeros } from "../tensor/ndarray.ts"
import { Random } from "../tensor/random.ts"
import { inspectModel } from "./inspect.ts"
import { receptiveField } from "./receptive-field.ts"
import { shiftConsistency } from "./shift-consistency.ts"

test("shifts are measured on all images, the receptive field on 50 of them, evenly spaced", async () => {
  const model = await createModel("roadmap/50/gelu", {
    config: { scale: 1 / 16 },
    inChannels: 1,
    numClasses: 4,
    threads: 1,
  })
  const images = zeros([100, 32, 32, 1])
  new Random(3, "noise").fillNormal(images.data)
  const { consistency, receptiveField: field } = await inspectModel(model, images, { maxShift: 2, seed: 5 })
  expect(consistency).toEqual(await shiftConsistency(model, images, { maxShift: 2, seed: 5 }))
  expect(consistency.images).toBe(100)
  const every2nd = images.data.filter((_, i) => Math.floor(i / 1024) % 2 === 0)
  expect(field).toEqual(await receptiveField(model, ndarray(every2nd, [50, 32, 32, 1]), { seed: 5 }))
})
