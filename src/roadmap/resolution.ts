/**
 * How the cost of a model grows with the side of its images. A convolution does the same work at each position: its
 * cost goes with the number of pixels. Global attention compares each position with each: its cost goes with their
 * square. Attention in windows, as Swin has it, goes with the pixels again. Liu et al. 2022, "A ConvNet for the 2020s",
 * section 1.
 */

import { lower } from "../compile/compile.ts"
import { Network } from "../models/network.ts"
import { describeModel } from "../models/registry.ts"
import { checkCount } from "../tensor/errors.ts"
import { sizeOf } from "../tensor/ndarray.ts"
import { activationBytes } from "./activations.ts"
import { peakLiveBytes } from "./live-bytes.ts"

/** The debate in four models of about the same cost at 224 pixels. */
export const comparedModels = [
  "resnet50",
  "vit_small_patch16_224",
  "swin_tiny_patch4_window7_224",
  "convnext_tiny",
] as const

/** Sides of the images in pixels, from classification to detection. */
export const comparedSizes = [224, 384, 512, 768, 1024] as const

/** What a model costs for one image, as its graph says. */
export interface ResolutionCost {
  model: string
  /** Side of the image, in pixels. */
  size: number
  /** Multiply-accumulates: convolutions and matrix products. */
  macs: number
  /** Bytes of the activations that a training step keeps. */
  activationBytes: number
}

/** The same, and what was measured: one image at a time. */
export interface ResolutionRow extends ResolutionCost {
  /** Median time of inference. */
  milliseconds: number
  /** Highest resident memory of a process that does nothing else: runtime, weights and activations. */
  peakBytes: number
}

/** A model and size that were not measured. */
export interface SkippedResolution {
  model: string
  size: number
  reason: string
}

/**
 * Counts what one image costs. No weights are made, whatever the size.
 * Throws a UsageError for an unknown model, or a size that it cannot take.
 */
export function countCost(model: string, size: number): ResolutionCost {
  const network = networkFor(model, size)
  return { model, size, macs: network.macs(size, size), activationBytes: activationBytes(model, { imageSize: size }) }
}

/** What Node, the engine and the library take before there is any model, rounded up. */
const RUNTIME_BYTES = 200 * 2 ** 20

/** Bytes that a process needs about for inference of one image: an estimate to decide by whether to try. */
export function estimateInferenceBytes(model: string, size: number): number {
  const network = networkFor(model, size)
  const graph = lower({ logits: network.trace(1, size, size).logits })
  const weights = [...network.state.values()].reduce((sum, { size: shape }) => sum + 4 * sizeOf(shape), 0)
  // The engine keeps a copy of the weights in the layout that it computes with.
  return RUNTIME_BYTES + 2 * weights + peakLiveBytes(graph)
}

function networkFor(model: string, size: number): Network {
  checkCount(`size of ${model}`, size)
  const network = new Network(describeModel(model, {}, size))
  checkCount(`size of ${model}`, size, network.description.minimumSize)
  return network
}

/**
 * The power of the number of pixels that a cost grows with between two sizes: 1 where it is proportional to the pixels,
 * 2 where it goes with their square.
 */
export function growthExponent(from: { size: number; cost: number }, to: { size: number; cost: number }): number {
  return Math.log(to.cost / from.cost) / Math.log((to.size / from.size) ** 2)
}
