import { describe, expect, test } from "vitest"
import type { Preprocessing } from "../../models/family.ts"
import { describeModel } from "../../models/registry.ts"
import { configFromHuggingFace, configToHuggingFace } from "./huggingface-config.ts"

const labels = { 0: "cat", 1: "dog", 10: "owl", 2: "fox", 3: "a", 4: "b", 5: "c", 6: "d", 7: "e", 8: "f", 9: "g" }

/** As huggingface.co/facebook/convnext-tiny-224 has them, with fewer classes. */
const convnextTiny = {
  architectures: ["ConvNextForImageClassification"],
  depths: [3, 3, 9, 3],
  drop_path_rate: 0,
  hidden_act: "gelu",
  hidden_sizes: [96, 192, 384, 768],
  id2label: labels,
  image_size: 224,
  layer_norm_eps: 1e-12,
  layer_scale_init_value: 1e-6,
  model_type: "convnext",
  num_channels: 3,
  num_stages: 4,
  patch_size: 4,
}

const describeFrom = ({ family, config }: { family: string; config: Record<string, unknown> }) =>
  describeModel(family, config)

test("the config of facebook/convnext-tiny-224 is convnext_tiny", () => {
  const model = configFromHuggingFace(convnextTiny)
  expect(model.classes).toEqual(["cat", "dog", "fox", "a", "b", "c", "d", "e", "f", "g", "owl"])
  expect(model.preprocessing).toEqual({ inputSize: 224 })
  expect(describeFrom(model).config).toEqual(describeModel("convnext_tiny", { numClasses: 11 }).config)
})

test.each([
  ["resnet50", { model_type: "resnet", architectures: ["ResNetForImageClassification"] }],
  ["resnet18", { model_type: "resnet", layer_type: "basic", depths: [2, 2, 2, 2], hidden_sizes: [64, 128, 256, 512] }],
  ["convnextv2_tiny", { model_type: "convnextv2" }],
  ["vit_base_patch16_224", { model_type: "vit", layer_norm_eps: 1e-6 }],
  ["deit_base_distilled_patch16_224", { model_type: "deit", layer_norm_eps: 1e-6 }],
  ["swin_tiny_patch4_window7_224", { model_type: "swin", drop_path_rate: 0 }],
])("%s by transformers' defaults", (name, json) => {
  const { config } = describeFrom(configFromHuggingFace(json))
  // transformers' default number of classes, whose labels it does not write.
  expect(config).toEqual(describeModel(name, { numClasses: 2 }).config)
})

test.each([
  "convnext_tiny",
  "convnext_atto",
  "convnextv2_atto",
  "resnet34",
  "resnet50",
  "swin_base_patch4_window12_384",
  "vit_small_patch32_384",
  "deit_small_distilled_patch16_224",
])("%s, written and read, is the same", (name) => {
  const { family, config, preprocessing } = describeModel(name, { numClasses: 3 })
  const written = configToHuggingFace({ family, config, classes: ["x", "y", "z"], preprocessing })
  const json = JSON.parse(JSON.stringify(written))
  const model = configFromHuggingFace(json.config, json.preprocessor)
  const expected = { ...config, ...(config.convMlp ? { convMlp: false } : {}) }
  expect(describeFrom(model).config).toEqual(expected)
  expect(model.classes).toEqual(["x", "y", "z"])
  // The pixels that are cropped from are whole ones: the share may be another by less than one.
  const { cropPct, ...rest } = preprocessing
  expect(model.preprocessing).toMatchObject(rest)
  const resized = (share: number) => Math.floor(preprocessing.inputSize / share)
  expect(resized(model.preprocessing.cropPct!)).toBe(resized(cropPct))
})

test("without a classifier there are no classes, and classes without names have none", () => {
  expect(configFromHuggingFace({ ...convnextTiny, architectures: ["ConvNextModel"] })).toMatchObject({
    config: { numClasses: 0 },
    classes: undefined,
  })
  const unnamed = configFromHuggingFace({ ...convnextTiny, id2label: { 0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2" } })
  expect(unnamed).toMatchObject({ config: { numClasses: 3 }, classes: undefined })
})

test.each<[string, Record<string, unknown>, Partial<Preprocessing>]>([
  [
    "ConvNeXt below 384 pixels crops",
    { image_processor_type: "ConvNextImageProcessor", size: { shortest_edge: 224 }, crop_pct: 0.95 },
    { inputSize: 224, cropPct: 0.95, cropMode: "center" },
  ],
  [
    "ConvNeXt from 384 pixels on squashes",
    { feature_extractor_type: "ConvNextFeatureExtractor", size: 384, crop_pct: 0.95 },
    { inputSize: 384, cropPct: 1, cropMode: "squash" },
  ],
  [
    "ViT squashes",
    { image_processor_type: "ViTImageProcessor", size: { height: 224, width: 224 } },
    { inputSize: 224, cropPct: 1, cropMode: "squash" },
  ],
  ["ViT of old squashes", { feature_extractor_type: "ViTFeatureExtractor", size: 224 }, { cropMode: "squash" }],
  [
    "DeiT squashes and crops",
    { size: { height: 256, width: 256 }, do_center_crop: true, crop_size: { height: 224, width: 224 } },
    { inputSize: 224, cropPct: 0.875, cropMode: "squash" },
  ],
  [
    "CLIP crops",
    { size: { shortest_edge: 248 }, do_center_crop: true, crop_size: 224 },
    { inputSize: 224, cropMode: "center" },
  ],
  [
    "filter, mean and deviation",
    { size: 224, resample: 2, image_mean: [0.1, 0.2, 0.3], image_std: [1, 2, 3] },
    { interpolation: "bilinear", mean: [0.1, 0.2, 0.3], std: [1, 2, 3] },
  ],
  ["no normalisation", { size: 224, do_normalize: false }, { mean: [0, 0, 0], std: [1, 1, 1] }],
])("preprocessor: %s", (_, json, expected) => {
  expect(configFromHuggingFace(convnextTiny, json).preprocessing).toMatchObject(expected)
})

test("every side that is cropped from can be written and read", () => {
  const { family, config, preprocessing } = describeModel("convnext_tiny")
  for (let resized = 224; resized < 512; resized++) {
    const json = { size: { shortest_edge: resized }, do_center_crop: true, crop_size: 224 }
    const read = configFromHuggingFace(convnextTiny, json).preprocessing
    const { preprocessor } = configToHuggingFace({ family, config, preprocessing: { ...preprocessing, ...read } })
    expect(preprocessor.size).toEqual(json.size)
  }
})

describe("mistakes", () => {
  test.each([
    [{ ...convnextTiny, model_type: "bert" }, "config.json has model_type bert; only convnext, convnextv2, resnet"],
    [{}, "config.json cannot be used: model_type: "],
    ["text", "config.json cannot be used: its content: "],
    [{ ...convnextTiny, depths: [1.5] }, "config.json cannot be used: depths.0: "],
    [{ ...convnextTiny, hidden_act: "quick_gelu" }, "config.json cannot be used: hidden_act: "],
    [
      { model_type: "resnet", downsample_in_bottleneck: true },
      "config.json cannot be used: downsample_in_bottleneck: ",
    ],
    [{ model_type: "deit", architectures: ["DeiTForImageClassification"] }, "one of two classifiers"],
  ])("config.json %#", (json, message) => {
    expect(() => configFromHuggingFace(json)).toThrow(message)
  })

  test.each([
    [{ size: { height: 224, width: 256 } }, "preprocessor_config.json cannot be used: size"],
    [{ size: 224, resample: 1 }, "preprocessor_config.json cannot be used: resample: only 2 (bilinear)"],
  ])("preprocessor_config.json %#", (json, message) => {
    expect(() => configFromHuggingFace(convnextTiny, json)).toThrow(message)
  })

  test.each([
    ["convnext_atto_ols", 'transformers has no convnext with stemType "overlap_tiered"'],
    ["resnext50_32x4d", "transformers has no resnet with cardinality 32, baseWidth 4"],
    ["deit3_small_patch16_224", "transformers has no deit with initValues 0.000001, noEmbedClass true"],
    ["efficientnet_b0", "transformers has no model of family efficientnet"],
  ])("transformers has no %s", (name, message) => {
    expect(() => configToHuggingFace(describeModel(name))).toThrow(message)
  })
})
