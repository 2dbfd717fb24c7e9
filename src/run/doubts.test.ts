import { expect, test } from "vitest"
import { createModel } from "../index.ts"
import { describeUnseen } from "./doubts.ts"

const small = { embedDim: 12, depth: 1, numHeads: 3, numClasses: 2 }

test("a ViT whose patches do not cover its images says what it sees", async () => {
  const vit = (inputSize: number) => createModel("vit", { config: { ...small, patchSize: 8 }, inputSize })
  expect(describeUnseen(await vit(24))).toEqual([])
  expect(describeUnseen(await vit(30))).toEqual(["vit has patches of 8 px: of 30 x 30 px it sees 24 x 24"])
  const deit = await createModel("deit_tiny_patch16_224", { config: { depth: 1 }, inputSize: 100 })
  expect(describeUnseen(deit)).toEqual(["deit_tiny_patch16_224 has patches of 16 px: of 100 x 100 px it sees 96 x 96"])
})

test("a ConvNet takes images of any size", async () => {
  const config = { depths: [1], dims: [8] }
  expect(describeUnseen(await createModel("convnext", { config, numClasses: 2, inputSize: 30 }))).toEqual([])
})
