/** Files that PyTorch, safetensors, timm and transformers wrote: every container gives the same bits. README.md says how they were made. */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import type { NdArray } from "../../../src/tensor/ndarray.ts"
import { listTensors, loadTensors } from "../../../src/weights/node/files.ts"

const at = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** The tensors by name, without the counters that only some containers have. */
function sorted(tensors: Record<string, NdArray>): [string, NdArray][] {
  return Object.entries(tensors).sort(([a], [b]) => (a < b ? -1 : 1))
}

test.each([
  ["timm.pth", "timm.safetensors"],
  ["timm-legacy.pth", "timm.safetensors"],
  ["timm-fp16.pth", "timm-fp16.safetensors"],
  ["timm-bf16.pth", "timm-bf16.safetensors"],
  ["huggingface-bin", "huggingface"],
  ["huggingface-sharded", "huggingface"],
  ["huggingface-sharded/model.safetensors.index.json", "huggingface"],
  ["huggingface/model.safetensors", "huggingface"],
])("%s holds the tensors of %s", async (name, same) => {
  const tensors = await loadTensors(at(`convnext/${name}`))
  expect(Object.keys(tensors)).toHaveLength(65)
  expect(sorted(tensors)).toEqual(sorted(await loadTensors(at(`convnext/${same}`))))
})

test.each([
  ["train-optimizer.pth", "`model`, with an optimizer, arguments and a scaler"],
  ["train-ema.pth", "`model_ema` before `model`"],
  ["train-timm.pth", "`state_dict_ema` before `state_dict`"],
  ["train-dataparallel.pth", "`state_dict`, with the prefix `module.`"],
])("%s: %s", async (name) => {
  const expected = await loadTensors(at("expected-convnext-small.safetensors"))
  const tensors = await loadTensors(at(`convnext/${name}`))
  expect(sorted(tensors)).toEqual(sorted(expected))
  expect(await loadTensors(readFileSync(at(`convnext/${name}`)))).toEqual(tensors)
  const list = await listTensors(at(`convnext/${name}`))
  expect(list.tensors).toEqual(Object.entries(tensors).map(([name, { dtype, shape }]) => ({ name, dtype, shape })))
})
