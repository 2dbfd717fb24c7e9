import { expect, test } from "vitest"
import type { ModelInfo } from "../../models/list.ts"
import type { ModelSummary } from "../../nn/summary.ts"
import models from "./models.ts"

const run = (filter?: string) => models.run({ filter }, { given: { filter }, note: () => {} })

test("a model by its name comes with its layers, in JSON and as text", async () => {
  const { json, text } = await run("convnext_mini")
  const [model, ...others] = json as (ModelInfo & { summary: ModelSummary })[]
  expect(others).toEqual([])
  const { parameters, macs, summary } = model!
  expect(summary).toMatchObject({ inputShape: ["N", 32, 32, 3], parameters, macs })
  expect(summary.layers[0]).toMatchObject({ name: "stem.0", type: "Conv2d", outputShape: ["N", 16, 16, 32] })
  expect(text()).toMatch(/^model +family +parameters/)
  expect(text()).toMatch(/^layer +type +output +parameters +MACs +output bytes +kept: none +kept: cheap +kept: block$/m)
  expect(text()).toMatch(/^stem\.0 +Conv2d +\[N, 16, 16, 32\] +416 +98,304 +32,768 /m)
})

test("a pattern, or nothing, gives a line for each model and no layers", async () => {
  for (const filter of ["convnext_min*", undefined]) {
    const { json, text } = await run(filter)
    expect(json).toContainEqual(expect.not.objectContaining({ summary: expect.anything() }))
    expect(text()).not.toContain("stem.0")
  }
})
