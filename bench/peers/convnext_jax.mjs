/** ConvNeXt's logits in jax-js. Of its backends only WebAssembly runs in Node, on one thread. */

import { pathToFileURL } from "node:url"
import { defaultDevice, init, jit, nn, numpy as np, tree } from "@jax-js/jax"
import { convnextParameters, EPSILON, sineImages } from "./convnext_parameters.mjs"
import { versionsWith } from "./versions.mjs"

/**
 * Compiles the network, each stage by itself: where one ends, patches are written out, and the convolutions over them are
 * plain matrix products, which takes jax-js a small part of the time of its own convolutions.
 * @param {Record<string, import("./convnext_parameters.mjs").Parameter>} parameters
 * @returns a function of images, [N, H, W, 3], that gives logits, [N, 1000]
 */
export async function convnext(parameters, { depths }) {
  if (!(await init("wasm")).includes("wasm")) throw new Error("jax-js has no WebAssembly here")
  defaultDevice("wasm")
  const array = ({ shape, data }) => np.array(data).reshape(shape)
  const weights = Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [name, inLayout(array(value), name)]),
  )
  const patches = jit((images) => patchesOf(images, 4))
  const stages = depths.map((_, stage) => ({
    run: jit((x, weights) => forwardStage(x, weights, stage, depths)),
    weights: Object.fromEntries(Object.entries(weights).filter(([name]) => stageOf(name, depths) === stage)),
  }))
  return (images) => stages.reduce((x, { run, weights }) => run(x, tree.ref(weights)), patches(array(images))).data()
}

/** Kernels of convolutions over patches are matrices, [height * width * in, out], and so are linear layers, [in, out]. */
function inLayout(value, name) {
  if (value.ndim === 1 || name.endsWith("conv_dw.weight")) return value
  if (value.ndim === 2) return np.transpose(value)
  const [outChannels] = value.shape
  return np.transpose(value, [2, 3, 1, 0]).reshape([-1, outChannels])
}

/** The stage that a parameter is used in: the norm before a downsampling belongs to the stage before it. */
function stageOf(name, depths) {
  if (name.startsWith("stem.")) return 0
  if (name.startsWith("head.")) return depths.length - 1
  const stage = Number(name.split(".")[1])
  return name.includes(".downsample.0.") ? stage - 1 : stage
}

/** [N, H, W, C] -> [N, H / side, W / side, side * side * C]. */
function patchesOf(x, side) {
  const [count, height, width, channels] = x.shape
  const [rows, columns] = [height / side, width / side]
  return np
    .transpose(x.reshape([count, rows, side, columns, side, channels]), [0, 1, 3, 2, 4, 5])
    .reshape([count, rows, columns, side * side * channels])
}

/**
 * From the patches of the stem or of a downsampling to those of the next one, or to the logits. Each of the arguments is
 * used up, as jax-js has it, and every use of an array but the last says `ref`.
 */
function forwardStage(patches, weights, stage, depths) {
  const scaled = (x, name) => x.mul(weights[`${name}.weight`]).add(weights[`${name}.bias`])
  const norm = (x, name) => scaled(nn.standardize(x, -1, { epsilon: EPSILON }), name)
  const linear = (x, name) => np.matmul(x, weights[`${name}.weight`]).add(weights[`${name}.bias`])
  const block = (x, name) => {
    let y = depthwise(x.ref, weights[`${name}.conv_dw.weight`]).add(weights[`${name}.conv_dw.bias`])
    y = linear(norm(y, `${name}.norm`), `${name}.mlp.fc1`)
    y = linear(nn.gelu(y, { approximate: false }), `${name}.mlp.fc2`)
    return x.add(y.mul(weights[`${name}.gamma`]))
  }

  let x = stage === 0 ? norm(linear(patches, "stem.0"), "stem.1") : linear(patches, `stages.${stage}.downsample.1`)
  for (let i = 0; i < depths[stage]; i++) x = block(x, `stages.${stage}.blocks.${i}`)
  if (stage < depths.length - 1) return patchesOf(norm(x, `stages.${stage + 1}.downsample.0`), 2)
  return linear(norm(np.mean(x, [1, 2]), "head.norm"), "head.fc")
}

/**
 * A sum of shifted images, which jax-js computes several times as fast as its own convolution with as many groups as
 * channels.
 */
function depthwise(x, weight) {
  const [, height, width, channels] = x.shape
  const side = weight.shape[2]
  const padding = [(side - 1) / 2, (side - 1) / 2]
  const padded = np.pad(x, [[0, 0], padding, padding, [0, 0]])
  const taps = np.transpose(weight.reshape([channels, side, side]), [1, 2, 0])
  const products = Array.from({ length: side * side }, (_, i) => {
    const [row, column] = [Math.floor(i / side), i % side]
    const shifted = padded.ref.slice([], [row, row + height], [column, column + width])
    return shifted.mul(taps.ref.slice(row, column))
  })
  padded.dispose()
  taps.dispose()
  return products.reduce((sum, product) => sum.add(product))
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { serve } = await import("../dist/serve.js")
  const { batch, size, ...sizes } = JSON.parse(process.argv[2])
  const logits = await convnext(convnextParameters(sizes), sizes)
  const images = sineImages(batch, size)
  await serve(() => logits(images), versionsWith("@jax-js/jax"))
}
