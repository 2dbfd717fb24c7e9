/**
 * The one block of the roadmap, from ResNet's bottleneck to ConvNeXt's. Liu et al. 2022, figures 3 and 4. Activations are
 * [N, H, W, C].
 *
 * Parameters are named by what they do, as in timm's ConvNeXt, with which the last step agrees: `conv_dw` is the spatial
 * convolution also before it is depthwise, `mlp` the two pointwise layers also where they lie around it.
 */

import type { Context } from "../nn/context.ts"
import { constantValue } from "../nn/initializers.ts"
import { Conv2d, Linear } from "../nn/layers.ts"
import { Block, chain, Module, Parameter } from "../nn/module.ts"
import { BatchNorm2d, LayerNorm } from "../nn/norm.ts"
import { dropPath, residual } from "../nn/stochastic.ts"
import { add, gelu, mul, relu } from "../tensor/ops/index.ts"
import type { Tensor } from "../tensor/tensor.ts"
import type { RoadmapArchitecture } from "./roadmap-steps.ts"

const norms = { batch: BatchNorm2d, layer: LayerNorm } as const
const activations = { relu, gelu } as const

/** The network's norm for this many channels. */
export function makeNorm(channels: number, { norm }: Pick<RoadmapArchitecture, "norm">): Module {
  return new norms[norm](channels)
}

export interface RoadmapBlockSize {
  /** Channels of the stream before the block. */
  inChannels: number
  /** The stage's width: inside of a bottleneck, outside of an inverted one. */
  width: number
  /** Factor by which the block shrinks the map. */
  stride: number
}

/** One layer of a block, and whether a norm and an activation follow it. */
export interface BlockLayer {
  role: "spatial" | "first pointwise" | "second pointwise"
  inChannels: number
  outChannels: number
  norm: boolean
  activation: boolean
}

/** The layers of a block's branch, in the order in which they are applied. */
export function blockLayers(
  { inverted, spatialFirst, fewerActivations, fewerNorms }: RoadmapArchitecture,
  { inChannels, width }: RoadmapBlockSize,
): BlockLayer[] {
  const inner = inverted ? 4 * width : width
  const outChannels = blockChannels(width, inverted)
  const spatialChannels = spatialFirst ? inChannels : inner
  const spatial = { role: "spatial", inChannels: spatialChannels, outChannels: spatialChannels } as const
  const first = { role: "first pointwise", inChannels, outChannels: inner } as const
  const second = { role: "second pointwise", inChannels: inner, outChannels } as const
  const ordered = spatialFirst ? [spatial, first, second] : [first, spatial, second]
  return ordered.map((layer, i) => ({
    ...layer,
    norm: !fewerNorms || layer === spatial,
    // That of the last layer comes after the addition.
    activation: i === 1 || (i === 0 && !fewerActivations),
  }))
}

/** Channels of the stream after a block of a stage of this width. */
export const blockChannels = (width: number, inverted: boolean) => (inverted ? width : 4 * width)

/** The two pointwise layers: next to each other, or with the spatial convolution between them. */
class Pointwise extends Module {
  readonly fc1: Linear
  readonly norm1?: Module
  readonly fc2: Linear
  readonly norm2?: Module
  readonly #activate: (x: Tensor) => Tensor

  constructor(first: BlockLayer, second: BlockLayer, architecture: RoadmapArchitecture) {
    super()
    const bias = hasBias(architecture)
    this.fc1 = new Linear(first.inChannels, first.outChannels, { bias })
    if (first.norm) this.norm1 = makeNorm(first.outChannels, architecture)
    this.fc2 = new Linear(second.inChannels, second.outChannels, { bias })
    if (second.norm) this.norm2 = makeNorm(second.outChannels, architecture)
    this.#activate = first.activation ? activations[architecture.activation] : (x) => x
  }

  first(x: Tensor, context: Context): Tensor {
    const y = this.fc1.forward(x)
    return this.#activate(this.norm1?.forward(y, context) ?? y)
  }

  second(x: Tensor, context: Context): Tensor {
    const y = this.fc2.forward(x)
    return this.norm2?.forward(y, context) ?? y
  }

  forward(x: Tensor, context: Context): Tensor {
    return this.second(this.first(x, context), context)
  }
}

/** As in the submitted code: biases came with LayerNorm, and to inverted blocks alone. */
const hasBias = ({ inverted, norm }: RoadmapArchitecture) => inverted && norm === "layer"

/** A residual block at any step of the roadmap. [N, H, W, inChannels] -> [N, H / stride, W / stride, outChannels]. */
export class RoadmapBlock extends Block {
  readonly gamma?: Parameter
  readonly convDw: Conv2d
  readonly norm?: Module
  readonly mlp: Pointwise
  readonly shortcut?: Module[]
  readonly #architecture: RoadmapArchitecture
  readonly #activateSpatial: (x: Tensor) => Tensor
  readonly #activateSum: (x: Tensor) => Tensor
  readonly #dropPathRate: number

  constructor(size: RoadmapBlockSize, dropPathRate: number, architecture: RoadmapArchitecture) {
    super()
    const { inChannels, stride } = size
    const { kernelSize, depthwise, lsInitValue, fewerActivations } = architecture
    const layers = blockLayers(architecture, size)
    const find = (role: BlockLayer["role"]) => layers.find((layer) => layer.role === role)!
    const spatial = find("spatial")
    const { outChannels } = layers.at(-1)!
    if (lsInitValue !== null) this.gamma = new Parameter([outChannels], constantValue(lsInitValue))
    this.convDw = new Conv2d(spatial.inChannels, spatial.outChannels, {
      kernelSize,
      stride,
      padding: (kernelSize - 1) / 2,
      groups: depthwise ? spatial.inChannels : 1,
      bias: hasBias(architecture),
    })
    if (spatial.norm) this.norm = makeNorm(spatial.outChannels, architecture)
    this.mlp = new Pointwise(find("first pointwise"), find("second pointwise"), architecture)
    if (stride !== 1 || inChannels !== outChannels) {
      const projection = new Conv2d(inChannels, outChannels, { kernelSize: 1, stride, bias: false })
      this.shortcut = [projection, makeNorm(outChannels, architecture)]
    }
    const activate = activations[architecture.activation]
    this.#architecture = architecture
    this.#activateSpatial = spatial.activation ? activate : (x) => x
    this.#activateSum = fewerActivations ? (x) => x : activate
    this.#dropPathRate = dropPathRate
  }

  forward(x: Tensor, context: Context): Tensor {
    const rate = this.#dropPathRate
    const branch = (rows: Tensor) => this.#branch(rows, context)
    const samplesMeet = this.#architecture.norm === "batch"
    if (samplesMeet || this.shortcut) {
      const shortcut = chain(this.shortcut ?? [], x, context)
      return this.#activateSum(add(dropPath(branch(x), rate, context), shortcut))
    }
    return this.#activateSum(residual(x, rate, context, branch))
  }

  #branch(x: Tensor, context: Context): Tensor {
    const { mlp } = this
    const y = this.#architecture.spatialFirst
      ? mlp.forward(this.#spatial(x, context), context)
      : mlp.second(this.#spatial(mlp.first(x, context), context), context)
    return this.gamma ? mul(y, this.gamma) : y
  }

  #spatial(x: Tensor, context: Context): Tensor {
    const y = this.convDw.forward(x)
    return this.#activateSpatial(this.norm?.forward(y, context) ?? y)
  }
}
