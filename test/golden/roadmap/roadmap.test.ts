/** Every step of the road from ResNet-50 against the authors' own code. README.md says what the cases hold. */

import { expect, test } from "vitest"
import "../../../src/index.ts"
import { createModel, type Model } from "../../../src/models/model.ts"
import type { StateDict } from "../../../src/models/network.ts"
import { roadmapSteps } from "../../../src/roadmap/steps.ts"
import { zeros } from "../../../src/tensor/ndarray.ts"
import { convertStateDict } from "../../../src/weights/naming/convert.ts"
import { readGolden } from "../../support/golden.ts"
import { hashImages, hashParameter, hashWeights } from "../../support/hash-weights.ts"

interface StepCase {
  step: string
  /** The authors' names, with shapes, in their order. */
  names: Record<string, number[]>
  parameters: number
  /** Largest absolute logit. */
  max_abs: number
  /** The first 64 of each image. */
  logits: number[][]
  /** Over all 1,000, of each image. */
  logits_sum: number[]
}

/** Relative to the largest logit. */
const TOLERANCE = 1e-4

const { cases } = readGolden<{ cases: StepCase[] }>(import.meta.url, "index.json")
const images = hashImages("x0", [2, 3, 224, 224])

const submitted = ({ names }: StepCase): StateDict =>
  Object.fromEntries(Object.entries(names).map(([name, shape]) => [name, hashParameter(name, shape)]))

/** Logits of each image as float64. */
async function logitsOf(model: Model): Promise<number[][]> {
  const { data, shape } = await model.forward(images)
  const [count, classes] = shape as [number, number]
  const all = Array.from(data as Float32Array)
  return Array.from({ length: count }, (_, image) => all.slice(image * classes, (image + 1) * classes))
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

test("there is a case for every step", () => {
  const expected = roadmapSteps(50).map(({ id }) => (id === "separate-downsampling" ? `${id}-as-submitted` : id))
  expect(cases.map(({ step }) => step).sort()).toEqual([...expected].sort())
})

test.each(cases)("$step computes the authors' logits", async (golden) => {
  const weights = convertStateDict(submitted(golden), { from: "convnext-submission", to: "timm" })
  const model = await createModel(`roadmap/50/${golden.step}`, { weights })
  expect(model.parameterCount).toBe(golden.parameters)
  const limit = TOLERANCE * golden.max_abs
  for (const [image, logits] of (await logitsOf(model)).entries()) {
    const expected = golden.logits[image]!
    const largest = Math.max(...expected.map((value, i) => Math.abs(value - logits[i]!)))
    expect(largest, `largest difference of image ${image}`).toBeLessThanOrEqual(limit)
    // Of 1,000 errors within the limit, whose signs are random.
    expect(Math.abs(sum(logits) - golden.logits_sum[image]!)).toBeLessThanOrEqual(limit * Math.sqrt(1000))
  }
  await model.dispose()
})

test.each(cases)("the names of $step go there and back", (golden) => {
  const weights = Object.fromEntries(Object.entries(golden.names).map(([name, shape]) => [name, zeros(shape)]))
  const back = convertStateDict(convertStateDict(weights, { to: "timm" }), { to: "convnext-submission" })
  expect(Object.keys(back).sort()).toEqual(Object.keys(weights).sort())
  for (const [name, { shape, data }] of Object.entries(weights)) {
    expect(back[name]!.shape, name).toEqual(shape)
    expect(back[name]!.data, name).toBe(data)
  }
})

test("the last step is the released ConvNeXt: the same names, shapes and logits", async () => {
  const released = await createModel("convnext_tiny")
  const weights = hashWeights(released.stateDict())
  released.loadStateDict(weights)
  const model = await createModel("roadmap/50/separate-downsampling", { weights })
  expect(await logitsOf(model)).toEqual(await logitsOf(released))
  await Promise.all([model.dispose(), released.dispose()])
})
