import { describe, expect, test } from "vitest"
import { UsageError } from "../tensor/errors.ts"
import { checkTrainOptions } from "../train/options.ts"
import { pickSteps, recipeNames, resolveStudy, trainingOf } from "./study.ts"

const clothes = { trainCount: 10_000, imageSize: 28 }
const photos = { trainCount: 600, imageSize: undefined }

describe("what is left open is chosen by the data", () => {
  test("small images are enlarged to what the networks need, others become thumbnails", () => {
    expect(resolveStudy({}, clothes)).toEqual({
      regime: 50,
      scale: 0.25,
      imageSize: 32,
      recipe: "quick",
      epochs: 6,
      batchSize: 64,
      lr: 6e-3,
    })
    expect(resolveStudy({}, photos)).toMatchObject({ imageSize: 64, epochs: 100 })
    expect(resolveStudy({ imageSize: 128, epochs: 3 }, photos)).toMatchObject({ imageSize: 128, epochs: 3 })
  })

  test("the learning rate goes with the root of the batch size, from the paper's 4e-3 for 4,096 in its recipe", () => {
    expect(resolveStudy({ batchSize: 16 }, clothes).lr).toBe(3e-3)
    expect(resolveStudy({ recipe: "paper", batchSize: 4096 }, clothes)).toMatchObject({ lr: 4e-3, epochs: 300 })
    expect(resolveStudy({ recipe: "paper" }, clothes).lr).toBe(5e-4)
  })
})

test("the recipe of the paper's section 2 has no average of weights, drop path 0.1 and no clipping", () => {
  const settings = resolveStudy({ recipe: "paper", data: "pets" }, photos)
  expect(trainingOf(settings, false)).toMatchObject({ ema: 0, dropPath: 0.1, clipGrad: 0, labelSmoothing: 0.1 })
  expect(trainingOf(settings, true).crop).toBe("random-resized")
})

test.each(recipeNames)("the recipe %s is one that train takes", (recipe) => {
  for (const small of [false, true]) checkTrainOptions(trainingOf(resolveStudy({ recipe }, clothes), small))
})

describe("steps", () => {
  const settings = resolveStudy({}, clothes)

  test("are all of them by default, and always in the order of the paper", () => {
    expect(pickSteps(settings, undefined)).toHaveLength(16)
    expect(pickSteps(settings, ["gelu", "resnet"]).map(({ id }) => id)).toEqual(["resnet", "gelu"])
  })

  test.each([
    [["depthwize"], "the roadmap has no step depthwize, did you mean depthwise?"],
    [["resnet", ""], 'the roadmap has no step ""; there are resnet, stage-ratio'],
    [["gelu", "gelu"], "the step gelu is given twice"],
    [["separate-downsampling-as-submitted"], "the roadmap has no step separate-downsampling-as-submitted"],
    [[], "no step is given; there are resnet"],
  ])("%j is refused", (asked, message) => {
    expect(() => pickSteps(settings, asked)).toThrow(UsageError)
    expect(() => pickSteps(settings, asked)).toThrow(message)
  })

  test("a scale that leaves no channel is refused", () => {
    expect(() => pickSteps({ ...settings, scale: 0.005 }, undefined)).toThrow("a scale of 0.005 leaves no channel")
  })
})
