import { expect, test } from "vitest"
import { readModelConfig } from "./model-config.ts"

test("what timm writes", () => {
  const config = {
    architecture: "convnext_tiny",
    num_classes: 3,
    num_features: 768,
    pretrained_cfg: {
      tag: "mine",
      input_size: [3, 288, 288],
      interpolation: "bicubic",
      crop_pct: 0.95,
      crop_mode: "squash",
      mean: [0.5, 0.5, 0.5],
      std: [0.2, 0.2, 0.2],
      license: "mit",
      label_names: ["a", "b", "c"],
    },
  }
  expect(readModelConfig(config)).toEqual({
    architecture: "convnext_tiny",
    numClasses: 3,
    classes: ["a", "b", "c"],
    preprocessing: {
      inputSize: 288,
      interpolation: "bicubic",
      cropPct: 0.95,
      cropMode: "squash",
      mean: [0.5, 0.5, 0.5],
      std: [0.2, 0.2, 0.2],
    },
    license: "mit",
  })
})

test("what transformers writes", () => {
  const config = { model_type: "convnext", id2label: { "1": "dog", "0": "cat" }, label2id: { cat: 0, dog: 1 } }
  expect(readModelConfig(config)).toEqual({ numClasses: 2, classes: ["cat", "dog"] })
})

test.each([
  ["nothing", undefined],
  ["a list", [1, 2]],
  ["null", null],
  [
    "values of other forms",
    { architecture: 7, num_classes: -1, pretrained_cfg: { input_size: [3, 224, 256], mean: "x" } },
  ],
  ["unknown names", { pretrained_cfg: { interpolation: "random", crop_mode: "other", crop_pct: 7 } }],
  ["labels with a gap", { id2label: { "0": "cat", "2": "dog" } }],
])("%s says nothing", (_, json) => {
  expect(readModelConfig(json)).toEqual({})
})
