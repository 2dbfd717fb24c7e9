/** The first layer of vision transformers: an image becomes a grid of tokens. */

import { conv2d, reshape } from "../tensor/ops/index.ts"
import type { Tensor } from "../tensor/tensor.ts"
import { uniform } from "./initializers.ts"
import { Module, Parameter } from "./module.ts"
import { LayerNorm } from "./norm.ts"

/**
 * A linear map of each patch, kept as a convolution whose kernel is its stride. Weight and bias start as PyTorch's
 * convolutions do, uniform within 1 / sqrt(values of a patch), which timm leaves as they are.
 */
class PatchProjection extends Module {
  readonly weight: Parameter
  readonly bias?: Parameter
  readonly #patchSize: number

  constructor(inChannels: number, channels: number, patchSize: number, bias: boolean) {
    super()
    const initialize = uniform(1 / Math.sqrt(inChannels * patchSize * patchSize))
    this.weight = new Parameter([channels, inChannels, patchSize, patchSize], initialize)
    if (bias) this.bias = new Parameter([channels], initialize)
    this.#patchSize = patchSize
  }

  forward(x: Tensor): Tensor {
    return conv2d(x, this.weight, this.bias, { stride: this.#patchSize })
  }
}

export interface PatchEmbedOptions {
  /** Side of a patch in pixels. */
  patchSize: number
  /** Default true. */
  bias?: boolean
  /** Epsilon of a LayerNorm over the tokens. Default: no norm. */
  normEpsilon?: number
  /** One row of tokens [N, h w, C] instead of a map [N, h, w, C]. Default false. */
  flatten?: boolean
}

/**
 * Cuts images into patches and maps each to a token. x [N, H, W, inChannels]; y [N, h, w, channels], or
 * flattened [N, h w, channels], with h = floor(H / patchSize): pixels beyond the last whole patch are not seen.
 * Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words", equation 1.
 */
export class PatchEmbed extends Module {
  readonly proj: PatchProjection
  readonly norm?: LayerNorm
  readonly #flatten: boolean

  constructor(inChannels: number, channels: number, options: PatchEmbedOptions) {
    super()
    const { patchSize, bias = true, normEpsilon, flatten = false } = options
    this.proj = new PatchProjection(inChannels, channels, patchSize, bias)
    if (normEpsilon !== undefined) this.norm = new LayerNorm(channels, normEpsilon)
    this.#flatten = flatten
  }

  forward(x: Tensor): Tensor {
    const map = this.proj.forward(x)
    const tokens = this.#flatten ? reshape(map, [map.dim(0), -1, map.dim(3)]) : map
    return this.norm ? this.norm.forward(tokens) : tokens
  }
}
