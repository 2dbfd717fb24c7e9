/**
 * ConvNeXt as it is written out for tensorflow.js and jax-js (`bench/peers/`), against this package's model: the benchmarks
 * compare the time of the same work only if the logits are the same. `npm run bench:peers` installs both.
 */

import { existsSync } from "node:fs"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { createModel, type Model } from "../../src/index.ts"
import { type NdArray, ndarray } from "../../src/tensor/ndarray.ts"
import { expectClose, largest } from "../support/arrays.ts"
import { hashImages, hashWeights } from "../support/hash-weights.ts"

const peers = new URL("../../bench/peers/", import.meta.url)
const load = (script: string) => import(new URL(script, peers).href)

type Parameters = Record<string, NdArray<"float32">>
type Logits = (images: NdArray) => Promise<Float32Array>

/** No two stages alike, and none a multiple of another. */
const sizes = { depths: [1, 2, 1, 2], dims: [8, 20, 28, 36] }
/** Neither square nor of one sample: axes that are exchanged show. */
const images = hashImages("images", [2, 3, 64, 96])

const ports: { name: string; package: string; logits(parameters: Parameters): Promise<Logits> }[] = [
  {
    name: "tensorflow.js, native",
    package: "@tensorflow/tfjs-node",
    logits: (parameters) => tensorflow("native", parameters),
  },
  {
    name: "tensorflow.js, WebAssembly",
    package: "@tensorflow/tfjs-backend-wasm",
    logits: (parameters) => tensorflow("wasm", parameters),
  },
  {
    name: "jax-js",
    package: "@jax-js/jax",
    logits: async (parameters) => (await load("convnext_jax.mjs")).convnext(parameters, sizes),
  },
]

async function tensorflow(backend: "native" | "wasm", parameters: Parameters): Promise<Logits> {
  const { convnext, loadTensorflow } = await load("convnext_tfjs.mjs")
  return convnext(await loadTensorflow(backend, 1), parameters, sizes)
}

const isInstalled = (name: string) => existsSync(new URL(`node_modules/${name}`, peers))

let model: Model
beforeAll(async () => {
  model = await createModel("convnext", { config: sizes, device: "cpu", threads: 1 })
  model.loadStateDict(hashWeights(model.stateDict()))
})
afterAll(() => model.dispose())

describe.each(ports)("ConvNeXt in $name", ({ package: name, logits }) => {
  const missing = isInstalled(name) ? "" : ` (skipped: ${name} is not installed; \`npm run bench:peers\` does)`
  test.skipIf(missing)(`gives this package's logits for the same weights and images${missing}`, async () => {
    const expected = await model.forward(images)
    const compute = await logits(model.stateDict() as Parameters)
    expect(largest(expected)).toBeGreaterThan(0.1)
    expectClose(name, ndarray(await compute(images), expected.shape), expected, 1e-4)
  })
})

test("the random parameters of the benchmarks have a model's names, shapes and finite values", async () => {
  const { convnextParameters } = await load("convnext_parameters.mjs")
  const random: Parameters = convnextParameters(sizes)
  const shapes = (state: Readonly<Record<string, NdArray>>) =>
    Object.fromEntries(Object.entries(state).map(([name, { shape }]) => [name, shape]))
  expect(shapes(random)).toEqual(shapes(model.stateDict()))
  for (const [name, { data }] of Object.entries(random)) expect(data.every(Number.isFinite), name).toBe(true)
})
