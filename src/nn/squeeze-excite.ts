/**
 * Squeeze and excitation: Hu et al. 2018, "Squeeze-and-Excitation Networks" (arXiv 1709.01507), section 3. Each channel
 * is scaled by a gate that is computed from the means of all channels.
 */

import { mean, mul, relu, sigmoid } from "../tensor/ops/index.ts"
import type { Tensor } from "../tensor/tensor.ts"
import { kaimingNormal } from "./initializers.ts"
import { Conv2d } from "./layers.ts"
import { Module } from "./module.ts"

type Activation = (x: Tensor) => Tensor

/** The two layers are convolutions over a single position, as their weights lie in checkpoints. */
const pointwise = (inChannels: number, outChannels: number) =>
  new Conv2d(inChannels, outChannels, { kernelSize: 1, initialize: kaimingNormal() })

/** x times its gates. Equations 2 to 4. x [N, H, W, C]. */
function excite(x: Tensor, reduce: Conv2d, activation: Activation, expand: Conv2d): Tensor {
  const squeezed = mean(x, [1, 2], { keepDims: true })
  return mul(x, sigmoid(expand.forward(activation(reduce.forward(squeezed)))))
}

/** Squeeze and excitation with the layers' names of SENet and RegNet. x and y [N, H, W, channels]. */
export class SqueezeExcite extends Module {
  readonly fc1: Conv2d
  readonly fc2: Conv2d

  constructor(channels: number, reducedChannels: number) {
    super()
    this.fc1 = pointwise(channels, reducedChannels)
    this.fc2 = pointwise(reducedChannels, channels)
  }

  forward(x: Tensor): Tensor {
    return excite(x, this.fc1, relu, this.fc2)
  }
}

/** Squeeze and excitation with the layers' names of the mobile networks, and their activation. x and y [N, H, W, channels]. */
export class MobileSqueezeExcite extends Module {
  readonly convReduce: Conv2d
  readonly convExpand: Conv2d
  readonly #activation: Activation

  constructor(channels: number, reducedChannels: number, activation: Activation) {
    super()
    this.convReduce = pointwise(channels, reducedChannels)
    this.convExpand = pointwise(reducedChannels, channels)
    this.#activation = activation
  }

  forward(x: Tensor): Tensor {
    return excite(x, this.convReduce, this.#activation, this.convExpand)
  }
}
