/** ConvNeXt's logits in tensorflow.js: its native backend, or WebAssembly, which has SIMD but only one thread in Node. */

import { createRequire } from "node:module"
import { pathToFileURL } from "node:url"
import { convnextParameters, EPSILON, sineImages } from "./convnext_parameters.mjs"
import { versionsWith } from "./versions.mjs"

const require = createRequire(import.meta.url)
const packages = { native: "@tensorflow/tfjs-node", wasm: "@tensorflow/tfjs-backend-wasm" }

/**
 * Loads a backend.
 * @param {"native" | "wasm"} backend
 */
export async function loadTensorflow(backend, threads) {
  if (backend === "native") {
    // TensorFlow reads it when it starts.
    process.env.TF_NUM_INTRAOP_THREADS = String(threads)
    return require(packages.native)
  }
  const tf = require("@tensorflow/tfjs-core")
  require(packages.wasm)
  if (!(await tf.setBackend("wasm"))) throw new Error("tensorflow.js has no WebAssembly here")
  return tf
}

/**
 * Puts the weights where tensorflow.js wants them.
 * @param {Record<string, import("./convnext_parameters.mjs").Parameter>} parameters
 * @returns a function of images, [N, H, W, 3], that gives logits, [N, 1000]
 */
export function convnext(tf, parameters, { depths }) {
  const tensor = ({ shape, data }) => tf.tensor(data, shape)
  const weights = Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [name, tf.tidy(() => inLayout(tf, tensor(value), name))]),
  )
  return async (images) => {
    const logits = tf.tidy(() => forward(tf, tensor(images), weights, depths))
    const values = await logits.data()
    logits.dispose()
    return values
  }
}

/** Kernels are [height, width, in, out], or [height, width, channels, 1], and matrices [in, out]. */
function inLayout(tf, value, name) {
  if (value.rank === 1) return value
  const order = value.rank === 2 ? [1, 0] : name.endsWith("conv_dw.weight") ? [2, 3, 0, 1] : [2, 3, 1, 0]
  return tf.transpose(value, order)
}

function forward(tf, images, weights, depths) {
  const norm = (x, name) => {
    const { mean, variance } = tf.moments(x, -1, true)
    const scale = tf.mul(tf.rsqrt(tf.add(variance, EPSILON)), weights[`${name}.weight`])
    return tf.add(tf.mul(tf.sub(x, mean), scale), weights[`${name}.bias`])
  }
  const convolution = (compute, x, name, strides, pad) =>
    compute({ x, filter: weights[`${name}.weight`], bias: weights[`${name}.bias`], strides, pad })
  const patches = (x, name, side) => convolution(tf.fused.conv2d, x, name, side, "valid")
  const linear = (a, name) => tf.fused.matMul({ a, b: weights[`${name}.weight`], bias: weights[`${name}.bias`] })
  const gelu = (x) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1))
  const block = (x, name) =>
    tf.tidy(() => {
      const y = norm(convolution(tf.fused.depthwiseConv2d, x, `${name}.conv_dw`, 1, "same"), `${name}.norm`)
      const rows = tf.reshape(y, [-1, x.shape[3]])
      const branch = linear(gelu(linear(rows, `${name}.mlp.fc1`)), `${name}.mlp.fc2`)
      return tf.add(x, tf.reshape(tf.mul(branch, weights[`${name}.gamma`]), x.shape))
    })

  let x = norm(patches(images, "stem.0", 4), "stem.1")
  for (const [stage, depth] of depths.entries()) {
    if (stage > 0) x = patches(norm(x, `stages.${stage}.downsample.0`), `stages.${stage}.downsample.1`, 2)
    for (let i = 0; i < depth; i++) x = block(x, `stages.${stage}.blocks.${i}`)
  }
  return linear(norm(tf.mean(x, [1, 2]), "head.norm"), "head.fc")
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { serve } = await import("../dist/serve.js")
  const { batch, size, threads, backend, ...sizes } = JSON.parse(process.argv[2])
  const tf = await loadTensorflow(backend, threads)
  const logits = convnext(tf, convnextParameters(sizes), sizes)
  const images = sineImages(batch, size)
  await serve(() => logits(images), versionsWith(packages[backend]))
}
