/**
 * `convnext/web`: train and use modern image models in the browser, on WebGPU or WebAssembly. What needs files in Node
 * takes bytes here.
 */

import {
  createWithFeatures,
  type FeatureExtractor,
  type FeatureOptions,
  featureOptionNames,
} from "./models/features.ts"
import { checkOptionNames, createModel as createBaseModel, type Model } from "./models/model.ts"
import type { StateDict } from "./models/network.ts"
import { registerBackends } from "./runtime/backend.ts"
import { createWebBackend } from "./runtime/web/ort.ts"
import type { NdArray } from "./tensor/ndarray.ts"
import { wrapBytes } from "./weights/byte-source.ts"
import { readAll } from "./weights/checkpoint.ts"
import { type CreateFromOptions, createFromOptionNames, createModelFrom } from "./weights/create.ts"
import { openCheckpoint } from "./weights/formats.ts"
import { unreadable } from "./weights/unreadable.ts"

registerBackends(createWebBackend)

export type CreateModelOptions = Omit<CreateFromOptions, "device"> & {
  /** Weights by name, or the bytes of a checkpoint, in any known naming. Default: fresh ones from `seed`. */
  weights?: StateDict | Uint8Array
  /** "wasm", "webgpu" or "auto". Default "auto". */
  device?: string
}

const optionNames = { ...createFromOptionNames, ...featureOptionNames } satisfies Record<
  keyof (CreateModelOptions & FeatureOptions),
  true
>

/**
 * Makes a model.
 * @param name a registered model ("convnext_tiny"), or a family ("convnext") together with `config`
 * @example
 * const response = await fetch("best.safetensors")
 * const model = await createModel("convnext_tiny", { weights: new Uint8Array(await response.arrayBuffer()) })
 * console.log(`computes on ${model.backend.device}: ${model.backend.reason}`)
 * const logits = await model.forward({ shape: [1, 224, 224, 3], dtype: "float32", data: pixels })
 *
 * Throws a UsageError for an unknown name, an option that does not fit or a device that is not there, an InputError for
 * weights that do not fit.
 */
export async function createModel(name: string, options: CreateModelOptions & FeatureOptions): Promise<FeatureExtractor>
export async function createModel(name: string, options?: CreateModelOptions): Promise<Model>
export async function createModel(
  name: string,
  given: CreateModelOptions & Partial<FeatureOptions> = {},
): Promise<Model | FeatureExtractor> {
  checkOptionNames(given, optionNames)
  return createWithFeatures(given, (options) => createWithWeights(name, options))
}

async function createWithWeights(name: string, { weights, onMessage, ...options }: CreateModelOptions): Promise<Model> {
  const owned = weights instanceof Uint8Array
  const tensors = owned ? await loadTensors(weights) : weights
  return tensors === undefined
    ? createBaseModel(name, options)
    : createModelFrom(name, { ...options, onMessage }, { tensors, source: "the weights", owned })
}

/**
 * Reads all tensors of a checkpoint from its bytes: safetensors, PyTorch's formats, or the initializers of an ONNX model.
 * Throws an InputError if the bytes are of no known format, cut short or inconsistent, or refer to other files.
 */
export async function loadTensors(bytes: Uint8Array): Promise<Record<string, NdArray>> {
  const source = wrapBytes(bytes)
  const openSibling = async (name: string): Promise<never> => {
    throw unreadable(source.name, `the tensors are in another file, ${name}: join them into one`)
  }
  return readAll(await openCheckpoint(source, openSibling))
}

export { createImage } from "./data/image.ts"
export * from "./shared.ts"
export { encodeSafetensors } from "./weights/safetensors.ts"
