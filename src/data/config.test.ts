import { expect, test } from "vitest"
import { type CropMode, type DataConfig, resolveDataConfig } from "./config.ts"
import type { Filter } from "./resample.ts"

test("the defaults are timm's", () => {
  expect(resolveDataConfig()).toEqual({
    inputSize: [224, 224],
    height: 224,
    width: 224,
    channels: 3,
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
    interpolation: "bicubic",
    cropPct: 0.875,
    cropMode: "center",
  })
})

test("inputSize may be a side, [height, width] or [channels, height, width]", () => {
  expect(resolveDataConfig({ inputSize: 64 })).toMatchObject({ channels: 3, height: 64, width: 64 })
  expect(resolveDataConfig({ inputSize: [48, 80] })).toMatchObject({ channels: 3, height: 48, width: 80 })
  expect(resolveDataConfig({ inputSize: [1, 28, 32] })).toMatchObject({ channels: 1, height: 28, width: 32 })
})

test("colour statistics become one number for gray, and one number stands for all channels", () => {
  const gray = resolveDataConfig({ channels: 1 })
  expect(gray.mean[0]).toBeCloseTo(0.449, 10)
  expect(gray.std[0]).toBeCloseTo(0.226, 10)
  expect(gray.mean.length).toBe(1)
  expect(resolveDataConfig({ mean: 0.5, std: [0.25] })).toMatchObject({
    mean: [0.5, 0.5, 0.5],
    std: [0.25, 0.25, 0.25],
  })
})

test.each<[string, DataConfig]>([
  ["inputSize", { inputSize: 0 }],
  ["inputSize", { inputSize: [224] }],
  ["inputSize", { inputSize: [3, 224, 22.5] }],
  ["inputSize says 3 channels, but channels is 1", { inputSize: [3, 224, 224], channels: 1 }],
  ["channels must be 1 \\(gray\\) or 3 \\(RGB\\), got 4", { channels: 4 }],
  ["cropPct", { cropPct: 0 }],
  ["cropPct", { cropPct: 1.5 }],
  ["cropPct", { cropPct: Number.NaN }],
  ["mean", { mean: [0.5, 0.5] }],
  ["mean", { mean: Number.NaN }],
  ["std must be above 0", { std: [0.2, 0, 0.2] }],
  ['"lancos", did you mean lanczos\\?', { interpolation: "lancos" as Filter }],
  ['"centre", did you mean center\\?', { cropMode: "centre" as CropMode }],
])("a wrong value is named: %s", (message, config) => {
  expect(() => resolveDataConfig(config)).toThrow(new RegExp(message))
})
