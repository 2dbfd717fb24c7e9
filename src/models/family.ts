/** What every architecture gives: how it is built from a config, its named sizes, and how images are prepared for it. */

import type { Context, Module } from "../nn/module.ts"
import { UsageError } from "../tensor/errors.ts"
import type { Tensor } from "../tensor/tensor.ts"

/** A network for images. forward: [N, H, W, C] -> [N, numClasses]. */
export interface ImageModel extends Module {
  /** [N, H, W, C] -> the last feature map, before pooling. */
  forwardFeatures(x: Tensor, context: Context): Tensor
  /** Last feature map -> logits, or with preLogits what the classifier would read. */
  forwardHead(features: Tensor, context: Context, options?: { preLogits?: boolean }): Tensor
  /** Path of the classifier: what is replaced for other classes. */
  readonly classifier: string
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
  /** Pixels of the input for one of the last feature map: smaller images leave nothing. */
  stride(config: C): number
}

/** Throws a UsageError unless the condition holds. */
export function check(condition: boolean, message: string): void {
  if (!condition) throw new UsageError(message)
}
