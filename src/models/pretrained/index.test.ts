import { expect, test } from "vitest"
import { UsageError } from "../../tensor/errors.ts"
import { describeModel, modelNames } from "../registry.ts"
import {
  findPretrained,
  isNonCommercial,
  licenseNotice,
  type PretrainedWeights,
  pretrainedFor,
  pretrainedNames,
  suggestPretrained,
} from "./index.ts"

const all = modelNames().flatMap(pretrainedFor)

test("every entry belongs to a registered model, has its own name, and the hub's repository of that name", () => {
  expect(all.map(({ name }) => name).sort()).toEqual(pretrainedNames().sort())
  expect(new Set(all.map(({ repository }) => repository)).size).toBe(all.length)
  for (const { name, model, tag, repository } of all) {
    expect(name).toBe(`${model}.${tag}`)
    expect(tag).toMatch(/^[a-z0-9_]+$/)
    expect(repository).toBe(`timm/${name}`)
  }
})

test.each(all.map((weights) => [weights.name, weights] as const))("%s says what is needed to use it", (_, weights) => {
  const { numClasses, preprocessing, test, accuracy, classes } = weights
  const sizes = [preprocessing.inputSize, test?.inputSize]
  const { minimumSize, fixedSize } = describeModel(weights.model)
  if (fixedSize !== undefined) expect(sizes).toEqual([fixedSize, undefined])
  for (const size of sizes) if (size !== undefined) expect(size).toBeGreaterThanOrEqual(minimumSize)
  for (const crop of [preprocessing.cropPct, test?.cropPct ?? 1]) {
    expect(crop).toBeGreaterThan(0.8)
    expect(crop).toBeLessThanOrEqual(1)
  }
  for (const [size, [top1, top5 = 100]] of Object.entries(accuracy)) {
    expect(sizes).toContain(Number(size))
    expect(top1).toBeGreaterThan(60)
    expect(top5).toBeGreaterThan(top1)
    expect(classes).toBe("1k")
  }
  if (numClasses === 1000) expect(classes).toBe("1k")
})

const find = (name: string): PretrainedWeights => findPretrained(name, "convnext_tiny")!

test("convnext_tiny.fb_in1k has the figures that timm publishes", () => {
  expect(find("convnext_tiny.fb_in1k")).toEqual({
    name: "convnext_tiny.fb_in1k",
    model: "convnext_tiny",
    tag: "fb_in1k",
    repository: "timm/convnext_tiny.fb_in1k",
    license: "apache-2.0",
    numClasses: 1000,
    classes: "1k",
    preprocessing: {
      inputSize: 224,
      interpolation: "bicubic",
      cropPct: 0.875,
      cropMode: "center",
      mean: [0.485, 0.456, 0.406],
      std: [0.229, 0.224, 0.225],
    },
    test: { inputSize: 288, cropPct: 1 },
    accuracy: { 224: [82.066, 95.854], 288: [82.694, 96.144] },
  })
})

test.each([
  ["convnext_tiny.fb_in22k_ft_in1k_384", { inputSize: 384, cropPct: 1, cropMode: "squash" }],
  ["convnext_zepto_rms.ra4_e3600_r224_in1k", { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }],
  ["resnet50.tv2_in1k", { inputSize: 176, interpolation: "bilinear" }],
  ["deit3_small_patch16_384.fb_in1k", { inputSize: 384, cropPct: 1 }],
])("%s is prepared as in timm", (name, preprocessing) => {
  expect(find(name).preprocessing).toMatchObject(preprocessing)
})

test.each([
  ["convnext_nano.in12k", 11821, "12k"],
  ["convnext_tiny.fb_in22k", 21841, "22k"],
  ["vit_tiny_patch16_224.augreg_in21k", 21843, "21k"],
  ["convnextv2_atto.fcmae", 0, undefined],
  ["convnext_base.clip_laion2b", 640, undefined],
])("%s has %i outputs", (name, numClasses, classes) => {
  expect(find(name)).toMatchObject({ numClasses, classes })
})

test("weights are found by name, repository, tag of the model, and as the model's default", () => {
  const expected = "convnext_tiny.fb_in1k"
  expect(find(expected).name).toBe(expected)
  expect(find(`timm/${expected}`).name).toBe(expected)
  expect(find("fb_in1k").name).toBe(expected)
  expect(findPretrained("fb_in1k", "convnext_base")?.name).toBe("convnext_base.fb_in1k")
  expect(findPretrained("fb_in1k", "convnext_atto")).toBeUndefined()
  expect(findPretrained("convnext_tiny", "convnext_tiny")).toBeUndefined()
  // timm.create_model("convnext_tiny", pretrained=True)
  expect(find("pretrained").name).toBe("convnext_tiny.in12k_ft_in1k")
  expect(() => findPretrained("pretrained", "convnext_mini")).toThrow(UsageError)
  expect(() => findPretrained("pretrained", "convnext_mini")).toThrow("no published weights of convnext_mini")
})

test("the nearest published name is suggested, or what the model has", () => {
  expect(suggestPretrained("timm/convnext_tiny.fb_in1", "convnext_tiny")).toBe(", did you mean convnext_tiny.fb_in1k?")
  expect(suggestPretrained("fb_in2k", "convnext_large")).toBe(", did you mean fb_in1k?")
  expect(suggestPretrained("something-else", "convnext_atto")).toBe("; published for convnext_atto are d2_in1k")
  expect(suggestPretrained("something-else", "convnext_mini")).toBe("")
})

test("licences that restrict the use are said, others are not", () => {
  const notices = new Map(all.map(({ name, license }) => [name, licenseNotice(name, license)]))
  expect(notices.get("convnext_tiny.fb_in1k")).toBeUndefined()
  expect(notices.get("convnextv2_tiny.fcmae_ft_in1k")).toBe(
    "the weights convnextv2_tiny.fcmae_ft_in1k are under CC BY-NC 4.0, for non-commercial use only",
  )
  expect(notices.get("convnext_tiny.dinov3_lvd1689m")).toContain("DINOv3 License, which has terms of its own")
  expect(notices.get("resnet50.bamboo")).toContain("states no licence")
  for (const { name, license } of all)
    if (isNonCommercial(license)) expect(notices.get(name)).toContain("non-commercial")
  expect(licenseNotice("a/b", "cc-by-nc-sa-4.0")).toContain("cc-by-nc-sa-4.0, for non-commercial use only")
  expect(licenseNotice("a/b", "bsd-2-clause")).toBeUndefined()
})
