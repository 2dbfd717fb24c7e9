import { describe, expect, test } from "vitest"
import { UsageError } from "../tensor/errors.ts"
import { formerNames } from "./former-names.ts"
import { pretrainedNames } from "./pretrained/index.ts"
import { describeModel, modelNames, parseModelName } from "./registry.ts"

test("every registered model can be described and built", () => {
  expect(modelNames()).toContain("convnext_tiny")
  for (const name of modelNames()) {
    const { config, build, minimumSize, preprocessing } = describeModel(name, { numClasses: 3 })
    expect(config.numClasses).toBe(3)
    expect(preprocessing.inputSize).toBeGreaterThanOrEqual(minimumSize)
    expect(preprocessing.mean).toHaveLength(config.inChannels)
    expect(typeof build().forward).toBe("function")
  }
})

test("a family with a config is a model too, and what is not given is the family's default", () => {
  const { name, config } = describeModel("convnext", { depths: [1], dims: [8], dropPathRate: undefined })
  expect(name).toBe("convnext")
  expect(config).toMatchObject({ depths: [1], dims: [8], dropPathRate: 0, kernelSizes: 7, numClasses: 1000 })
})

test("the smallest image is one pixel of the last feature map", () => {
  expect(describeModel("convnext_tiny").minimumSize).toBe(32)
  expect(describeModel("convnext_mini").minimumSize).toBe(8)
})

test("a name in timm's form is a model and a tag", () => {
  expect(parseModelName("convnext_tiny.fb_in1k")).toEqual({ model: "convnext_tiny", tag: "fb_in1k" })
  expect(parseModelName("convnext_tiny")).toEqual({ model: "convnext_tiny", tag: undefined })
  expect(parseModelName("convnext_tny.fb_in1k")).toEqual({ model: "convnext_tny.fb_in1k", tag: undefined })
})

test("names that timm has given up suggest today's, and each of those is there", () => {
  expect(() => describeModel("convnext_tiny_in22k")).toThrow("did you mean convnext_tiny.fb_in22k?")
  const published = new Set(pretrainedNames())
  for (const today of Object.values(formerNames)) {
    expect(published.has(today) || modelNames().includes(today), today).toBe(true)
  }
})

describe("a mistake is a UsageError that says what to do", () => {
  test.each([
    ["convnext_tny", "there is no model convnext_tny, did you mean convnext_tiny"],
    ["convnextt", "did you mean convnext"],
    ["inception_v3", "there is no model inception_v3; `convnext models` lists all"],
    ["toString", "there is no model toString"],
  ])("%s", (name, message) => {
    expect(() => describeModel(name)).toThrow(UsageError)
    expect(() => describeModel(name)).toThrow(message)
  })

  test.each<[Record<string, unknown>, string]>([
    [{ depth: [1] }, "convnext has no option depth, did you mean depths?"],
    [{ somethingElse: 1 }, "convnext has no option somethingElse; it knows depths, dims"],
    [{ depths: [] }, "depths must be whole numbers of at least 1, got []"],
    [{ depths: [1, 0], dims: [8, 8] }, "depths must be whole numbers of at least 1, got [1,0]"],
    [{ depths: [1.5], dims: [8] }, "depths must be whole numbers"],
    [{ depths: "3,3", dims: [8] }, "depths must be a list of whole numbers"],
    [{ depths: [1], dims: 8 }, "dims must be a list of whole numbers"],
    [{ depths: [1], dims: [-8] }, "dims must be whole numbers of at least 1, got [-8]"],
    [{ depths: [1, 1], dims: [8] }, "depths and dims must be equally long, got [1,1] and [8]"],
    [{ kernelSizes: 4 }, "kernelSizes must be odd, got [4]"],
    [{ kernelSizes: [7, 7] }, "kernelSizes must be one number or one for each of 4 stages, got [7,7]"],
    [{ patchSize: 0 }, "patchSize must be a whole number of at least 1, got 0"],
    [{ lsInitValue: "no" }, "lsInitValue must be a number or null, got no"],
    [{ headInitScale: Number.NaN }, "headInitScale must be a number, got NaN"],
    [{ inChannels: 0 }, "inChannels must be a whole number of at least 1, got 0"],
    [{ numClasses: -1 }, "numClasses must be a whole number of at least 0, got -1"],
    [{ numClasses: 2.5 }, "numClasses must be a whole number of at least 0, got 2.5"],
    [{ dropPathRate: 1 }, "dropPathRate must be at least 0 and below 1, got 1"],
    [{ dropPathRate: "0.5" }, "dropPathRate must be at least 0 and below 1, got 0.5"],
    [{ kernelSizes: "7" }, "kernelSizes must be a list of whole numbers, got 7"],
    [{ dropPathRate: Number.NaN }, "dropPathRate must be at least 0 and below 1, got NaN"],
  ])("%o", (config, message) => {
    expect(() => describeModel("convnext", config)).toThrow(UsageError)
    expect(() => describeModel("convnext", config)).toThrow(message)
  })
})
