import { expect, test } from "vitest"
import { comparedModels, countCost, estimateInferenceBytes, growthExponent } from "./resolution.ts"

const macs = (model: string, size: number) => countCost(model, size).macs

test("ConvNeXt-T: four times the pixels are four times the MACs, but for the classifier", () => {
  const classifier = 768 * 1000
  expect(macs("convnext_tiny", 224)).toBe(4_455_531_264)
  expect(macs("convnext_tiny", 448)).toBe(4 * (4_455_531_264 - classifier) + classifier)
})

test("Swin-T with windows of 7: attention in windows grows with the pixels", () => {
  const classifier = 768 * 1000
  expect(macs("swin_tiny_patch4_window7_224", 448)).toBe(
    4 * (macs("swin_tiny_patch4_window7_224", 224) - classifier) + classifier,
  )
})

test.each([224, 448, 1024])("ViT-S/16 at %i pixels: attention goes with the square of the patches", (size) => {
  const [patches, width, depth] = [(size / 16) ** 2, 384, 12]
  const tokens = patches + 1
  const linear = tokens * width * width * (3 + 1 + 4 + 4)
  const attention = 2 * tokens * tokens * width
  expect(macs("vit_small_patch16_224", size)).toBe(
    patches * 16 * 16 * 3 * width + depth * (linear + attention) + width * 1000,
  )
})

test("from 224 to 1,024 pixels, ConvNeXt grows with the pixels and ViT faster, in MACs and in what training keeps", () => {
  const exponents = (model: string) => {
    const [from, to] = [countCost(model, 224), countCost(model, 1024)]
    const power = (measure: "macs" | "activationBytes") =>
      growthExponent({ size: 224, cost: from[measure] }, { size: 1024, cost: to[measure] })
    return { macs: power("macs"), kept: power("activationBytes") }
  }
  const [convnext, vit] = [exponents("convnext_tiny"), exponents("vit_small_patch16_224")]
  expect(convnext.macs).toBeCloseTo(1, 3)
  expect(convnext.kept).toBeCloseTo(1, 2)
  expect(vit.macs).toBeGreaterThan(1.2)
  expect(vit.kept).toBeGreaterThan(1.3)
})

test("the exponent of a proportional cost is 1, of its square 2, of none 0", () => {
  const from = { size: 100, cost: 7 }
  expect(growthExponent(from, { size: 200, cost: 28 })).toBeCloseTo(1, 12)
  expect(growthExponent(from, { size: 200, cost: 7 * 16 })).toBeCloseTo(2, 12)
  expect(growthExponent(from, { size: 300, cost: 7 })).toBe(0)
})

test("the estimate of memory holds attention's scores: 6 heads of tokens x tokens, before and after the softmax", () => {
  const tokens = (2048 / 16) ** 2 + 1
  const scores = 6 * tokens ** 2 * 4
  const [small, large] = [224, 2048].map((size) => estimateInferenceBytes("vit_small_patch16_224", size))
  expect(large! - small!).toBeGreaterThan(2 * scores)
  expect(large! - small!).toBeLessThan(3 * scores)
  for (const model of comparedModels) expect(estimateInferenceBytes(model, 224)).toBeLessThan(600 * 2 ** 20)
})

test("unknown models and sizes that a model cannot take are named", () => {
  expect(() => countCost("convnext_tinny", 224)).toThrow("did you mean convnext_tiny?")
  expect(() => countCost("roadmap/50/gelu", 16)).toThrow(
    "size of roadmap/50/gelu must be a whole number of at least 32",
  )
  expect(() => countCost("vit_small_patch16_224", 8)).toThrow("imgSize must be at least patchSize 16, got 8")
  expect(() => countCost("convnext_tiny", 100.5)).toThrow("size of convnext_tiny must be a whole number")
})
