import { expect, test } from "vitest"
import { Pattern } from "./pattern.ts"

test("a name through one pattern and another", () => {
  const rename = (from: string, to: string, name: string) => {
    const bindings = new Pattern(from).match(name)
    return bindings && new Pattern(to).fill(bindings)
  }
  expect(rename("stages.{s}.{b}.norm.*", "features.{2s+1}.{b}.block.2.*", "stages.3.10.norm.bias")).toBe(
    "features.7.10.block.2.bias",
  )
  expect(rename("features.{2s+1}.{b}.block.2.*", "stages.{s}.{b}.norm.*", "features.7.10.block.2.bias")).toBe(
    "stages.3.10.norm.bias",
  )
  // Even numbers are layers between the stages.
  expect(rename("features.{2s+1}.{b}.block.2.*", "stages.{s}.{b}.norm.*", "features.6.10.block.2.bias")).toBe(undefined)
  expect(rename("layers.{s+1}.downsample.*", "layers.{s}.downsample.*", "layers.1.downsample.norm")).toBe(
    "layers.0.downsample.norm",
  )
  // Below 0.
  expect(rename("layers.{s+1}.downsample.*", "layers.{s}.downsample.*", "layers.0.downsample.norm")).toBe(undefined)
  expect(rename("layers.{s}.downsample", "layers.{s-1}.downsample", "layers.0.downsample")).toBe(undefined)
  expect(rename("encoder_layer_{b}.ln_{j}.*", "blocks.{b}.norm{j}.*", "encoder_layer_11.ln_2.weight")).toBe(
    "blocks.11.norm2.weight",
  )
})

test.each([
  ["norm.*", "norm.weight", true],
  ["norm.*", "norm.0.weight", false],
  ["norm.*", "layers.norm.weight", false],
  ["norm.*", "normXweight", false],
  ["blocks.{b}.**", "blocks.0.se.conv_reduce.weight", true],
  ["blocks.{b}.*", "blocks.00.weight", false],
  ["{i}.{i}", "1.1", true],
  ["{i}.{i}", "1.2", false],
])("%s matches %s: %s", (pattern, name, expected) => {
  expect(new Pattern(pattern).match(name) !== undefined).toBe(expected)
})
