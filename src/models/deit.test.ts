import { expect, test } from "vitest"
import { hashImages } from "../../test/support/hash-weights.ts"
import "../index.ts"
import { createModel } from "./model.ts"
import { Network } from "./network.ts"
import { describeModel } from "./registry.ts"

const small = { imgSize: 16, patchSize: 4, embedDim: 12, depth: 1, numHeads: 3, numClasses: 5 }

test.each([
  ["deit_tiny_patch16_224", 224, 0.9],
  ["deit_base_distilled_patch16_384", 384, 1],
  ["deit3_large_patch16_384", 384, 1],
])("%s sees ImageNet's colours at %i pixels, crop %f", (name, inputSize, cropPct) => {
  expect(describeModel(name).preprocessing).toMatchObject({
    inputSize,
    cropPct,
    cropMode: "center",
    interpolation: "bicubic",
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
  })
})

test("DeiT III has layer scale in both branches, and no position for the class token", () => {
  const { parameters } = new Network(describeModel("deit3_small_patch16_224"))
  expect(parameters.get("pos_embed")!.size).toEqual([1, 196, 384])
  expect(parameters.get("blocks.11.ls1.gamma")!.size).toEqual([384])
  expect(parameters.get("blocks.11.ls2.gamma")!.size).toEqual([384])
})

test("other classes replace both classifiers of a distilled model", async () => {
  const model = await createModel("deit", { config: { ...small, distilled: true }, threads: 1 })
  const before = model.stateDict()
  model.resetClassifier(3)
  const after = model.stateDict()
  expect(after["head.weight"]!.shape).toEqual([3, 12])
  expect(after["head_dist.weight"]!.shape).toEqual([3, 12])
  expect(after.dist_token).toEqual(before.dist_token)
  expect((await model.forward(hashImages("x0", [2, 3, 16, 16]))).shape).toEqual([2, 3])
  await model.dispose()
})
