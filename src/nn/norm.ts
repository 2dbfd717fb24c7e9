/** Normalisation layers. */

import { expectWhole } from "../tensor/checks.ts"
import { ndarray } from "../tensor/ndarray.ts"
import { add, batchNorm, batchNormTraining, groupNorm, layerNorm, mul } from "../tensor/ops/index.ts"
import { constant, named, type Tensor } from "../tensor/tensor.ts"
import type { Context } from "./context.ts"
import { constantValue, type Initializer, ones, zeros } from "./initializers.ts"
import { Buffer, Module, Parameter } from "./module.ts"

/** Normalisation of each position over its channels. x [..., C]; weight and bias [C]. */
export class LayerNorm extends Module {
  readonly weight: Parameter
  readonly bias: Parameter
  readonly #epsilon: number

  constructor(channels: number, epsilon = 1e-6) {
    super()
    this.weight = new Parameter([channels], ones)
    this.bias = new Parameter([channels], zeros)
    this.#epsilon = epsilon
  }

  forward(x: Tensor): Tensor {
    return layerNorm(x, this.weight, this.bias, this.#epsilon)
  }
}

export interface BatchNormOptions {
  /** Added to the variance. Default 1e-5, PyTorch's. */
  epsilon?: number
  /** Weight of a batch's statistics in the running ones. Default 0.1, PyTorch's. */
  momentum?: number
  /** First value of the weight. Default: ones. */
  initialize?: Initializer
}

/**
 * Normalisation of each channel over the batch and all positions; in evaluation with running statistics, as
 * torch.nn.BatchNorm2d. x [..., C]; weight, bias, running mean and variance [C].
 */
export class BatchNorm2d extends Module {
  readonly weight: Parameter
  readonly bias: Parameter
  readonly runningMean: Buffer
  readonly runningVar: Buffer
  readonly numBatchesTracked: Buffer
  readonly #epsilon: number
  readonly #momentum: number

  constructor(channels: number, { epsilon = 1e-5, momentum = 0.1, initialize = ones }: BatchNormOptions = {}) {
    super()
    this.weight = new Parameter([channels], initialize)
    this.bias = new Parameter([channels], zeros)
    this.runningMean = new Buffer([channels], zeros)
    this.runningVar = new Buffer([channels], ones)
    this.numBatchesTracked = new Buffer([], constantValue(0), "int64")
    this.#epsilon = epsilon
    this.#momentum = momentum
  }

  forward(x: Tensor, context: Context): Tensor {
    const { weight, bias, runningMean, runningVar, numBatchesTracked } = this
    if (!context.training) return batchNorm(x, weight, bias, runningMean, runningVar, this.#epsilon)
    const { y, mean, variance } = batchNormTraining(x, weight, bias, this.#epsilon)
    context.update(runningMean, this.#moved(runningMean, mean))
    context.update(runningVar, this.#moved(runningVar, variance))
    context.update(numBatchesTracked, add(numBatchesTracked, constant(ndarray(BigInt64Array.of(1n), [], "int64"))))
    return y
  }

  #moved(running: Tensor, batch: Tensor): Tensor {
    return add(mul(running, 1 - this.#momentum), mul(batch, this.#momentum))
  }
}

/**
 * Normalisation of each sample over its positions and the channels of a group. x [N, ..., C]; weight and bias [C].
 * Throws a RangeError for groups that do not divide the channels.
 */
export class GroupNorm extends Module {
  readonly weight: Parameter
  readonly bias: Parameter
  readonly #groups: number
  readonly #epsilon: number

  constructor(groups: number, channels: number, epsilon = 1e-5) {
    super()
    named("GroupNorm", () => {
      expectWhole("groups", groups, 1)
      expectWhole("channels", channels, 1)
      if (channels % groups !== 0) throw new RangeError(`${groups} groups do not divide ${channels} channels`)
    })
    this.weight = new Parameter([channels], ones)
    this.bias = new Parameter([channels], zeros)
    this.#groups = groups
    this.#epsilon = epsilon
  }

  forward(x: Tensor): Tensor {
    return groupNorm(x, this.#groups, this.weight, this.bias, this.#epsilon)
  }
}
