/** What every architecture gives: how it is built from a config, its named sizes, and how images are prepared for it. */

import type { Context } from "../nn/context.ts"
import type { Module } from "../nn/module.ts"
import { UsageError } from "../tensor/errors.ts"
import type { NdArray } from "../tensor/ndarray.ts"
import type { Tensor } from "../tensor/tensor.ts"

/** One level of a feature pyramid. */
export interface FeatureInfo {
  channels: number
  /** Pixels of the input for one position. */
  stride: number
  /** Path of the module that gives it. */
  module: string
}

/** A network for images. forward: [N, H, W, C] -> [N, numClasses]. */
export interface ImageModel extends Module {
  /** [N, H, W, C] -> the last features, before pooling: [N, h, w, C], or [N, tokens, C] of a plain transformer. */
  forwardFeatures(x: Tensor, context: Context): Tensor
  /** [N, H, W, C] -> feature maps [N, h, w, C], one for each entry of `featureInfo`: timm's `features_only`. */
  forwardPyramid(x: Tensor, context: Context): Tensor[]
  /** What `forwardPyramid` gives, the finest level first. */
  readonly featureInfo: readonly FeatureInfo[]
  /** Last feature map -> logits, or with preLogits what the classifier would read. */
  forwardHead(features: Tensor, context: Context, options?: { preLogits?: boolean }): Tensor
  /** Paths of the layers that give the logits: what is replaced for other classes. */
  readonly classifiers: readonly string[]
  /** Path of the convolution that reads the images: what is adapted to other channels. */
  readonly firstConv: string
  /**
   * True for parameters of more than one dimension that do not decay: timm's `no_weight_decay`. Default: none. Vectors
   * never decay.
   */
  noWeightDecay?(parameter: string): boolean
  /** Depth of a parameter, from 0 (first layer) up: for layer-wise learning rates and freezing. */
  layerGroup(parameter: string): number
}

/** What all configs have in common. */
export interface BaseConfig {
  inChannels: number
  numClasses: number
  dropPathRate: number
}

/** How images become inputs; timm's `default_cfg`. */
export interface Preprocessing {
  /** Height and width of the input, in pixels. */
  inputSize: number
  interpolation: "bicubic" | "bilinear"
  /** Share of the resized image's side that evaluation crops. */
  cropPct: number
  cropMode: "center" | "squash" | "border"
  /** For each channel, images scaled to 0..1. */
  mean: readonly number[]
  std: readonly number[]
}

/** ImageNet's values and the paper's evaluation crop. */
export const imagenetPreprocessing: Preprocessing = {
  inputSize: 224,
  interpolation: "bicubic",
  cropPct: 0.875,
  cropMode: "center",
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
}

export interface ModelFamily<C extends BaseConfig> {
  name: string
  /** The config of a model for which nothing is said. */
  defaults: C
  /** Named sizes, as differences from the defaults. */
  models: Readonly<Record<string, { config: Partial<C>; preprocessing?: Partial<Preprocessing> }>>
  /** Throws a UsageError that names the field that does not fit. */
  validate(config: C): void
  build(config: C): ImageModel
  /** Side of the smallest image that leaves something to see, in pixels. */
  minimumSize(config: C): number
  /**
   * Fits weights of the same architecture to a network with this config, where shapes depend on the size of the images
   * (position embeddings, relative positions): resampled as timm does. Default: as they are.
   */
  adapt?(weights: Readonly<Record<string, NdArray>>, config: C): Record<string, NdArray>
  /** Name of the config's field that fixes the side of the images, in pixels. Default: images of any size. */
  sizeField?: keyof C & string
  /** Whether the list of all models shows its named sizes. Default: true. */
  listed?: boolean
}

/** Throws a UsageError unless the condition holds. */
export function check(condition: boolean, message: string): void {
  if (!condition) throw new UsageError(message)
}

/** Throws a UsageError that names the field unless its value is a rate of dropout: at least 0 and below 1. */
export function checkRate(field: string, value: unknown): void {
  const isRate = typeof value === "number" && value >= 0 && value < 1
  check(isRate, `${field} must be at least 0 and below 1, got ${value}`)
}
