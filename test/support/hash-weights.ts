/**
 * Weights and inputs that depend on their names only, so that golden files need to hold results alone. The rule is that
 * of the golden data's generator: see test/golden/train/README.md.
 */

import type { StateDict } from "../../src/models/network.ts"
import { type NdArray, ndarray, sizeOf, zeros } from "../../src/tensor/ndarray.ts"

/** FNV-1a hash, 32 bit, over the UTF-8 bytes of a name. */
export function fnv1a32(name: string): number {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}

/** `count` float64 values in [-1, 1). */
export function hashUniform(name: string, count: number): Float64Array {
  const seed = fnv1a32(name)
  const values = new Float64Array(count)
  for (let i = 0; i < count; i++) {
    let x = (seed + Math.imul(i, 0x9e3779b9)) | 0
    x = Math.imul(x ^ (x >>> 16), 0x7feb352d)
    x = Math.imul(x ^ (x >>> 15), 0x846ca68b)
    values[i] = ((x ^ (x >>> 16)) >>> 0) / 2 ** 31 - 1
  }
  return values
}

/** The value of a parameter or a buffer, by its name in timm and its shape. Counters are zero. */
export function hashParameter(name: string, shape: readonly number[]): NdArray {
  const leaf = name.slice(name.lastIndexOf(".") + 1)
  if (leaf === "num_batches_tracked") return zeros(shape, "int64")
  const values = hashUniform(name, sizeOf(shape))
  const [offset, scale] = distribution(leaf, shape)
  for (let i = 0; i < values.length; i++) values[i] = offset + scale * values[i]!
  return ndarray(new Float32Array(values), shape)
}

/** Middle and half width of the values of some kinds. */
const distributions: Readonly<Record<string, [offset: number, scale: number]>> = {
  running_mean: [0, 0.1],
  running_var: [1, 0.1],
  relative_position_bias_table: [0, 0.5],
  cls_token: [0, 0.1],
  dist_token: [0, 0.1],
  pos_embed: [0, 0.1],
  gamma: [0.5, 0.5],
  beta: [0, 0.5],
  bias: [0, 0.1],
}

function distribution(leaf: string, shape: readonly number[]): [offset: number, scale: number] {
  const known = distributions[leaf]
  if (known) return known
  if (shape.length === 1) return [1, 0.1]
  return leaf === "weight" ? [0, Math.sqrt(3 / (sizeOf(shape) / shape[0]!))] : [0, 0.1]
}

/** Values for all parameters and buffers of a model. */
export function hashWeights(state: Readonly<StateDict>): StateDict {
  return Object.fromEntries(Object.entries(state).map(([name, { shape }]) => [name, hashParameter(name, shape)]))
}

/** Images [N, H, W, C] whose values are drawn in the order of [N, C, H, W], as PyTorch lays them out. */
export function hashImages(name: string, [batch, channels, height, width]: readonly number[]): NdArray<"float32"> {
  const planes = hashUniform(name, batch! * channels! * height! * width!)
  const images = ndarray(new Float32Array(planes.length), [batch!, height!, width!, channels!])
  const pixels = height! * width!
  for (let n = 0; n < batch!; n++) {
    for (let c = 0; c < channels!; c++) {
      for (let p = 0; p < pixels; p++) {
        images.data[(n * pixels + p) * channels! + c] = planes[(n * channels! + c) * pixels + p]!
      }
    }
  }
  return images
}

/** Soft targets [N, K] of the golden runs. */
export function hashTargets(name: string, batch: number, classes: number, smoothing: number): NdArray<"float32"> {
  const weights = hashUniform(name, batch * classes).map((u) => ((u + 1) / 2) ** 2 * ((u + 1) / 2) ** 2)
  const targets = ndarray(new Float32Array(batch * classes), [batch, classes])
  for (let n = 0; n < batch; n++) {
    const row = weights.subarray(n * classes, (n + 1) * classes)
    const total = row.reduce((sum, weight) => sum + weight, 0)
    row.forEach((weight, k) => {
      targets.data[n * classes + k] = (weight / total) * (1 - smoothing) + smoothing / classes
    })
  }
  return targets
}
