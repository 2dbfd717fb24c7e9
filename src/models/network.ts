/** A described network made concrete: its modules, its parameters by name, and what they compute. */

import { type Context, evaluation } from "../nn/context.ts"
import { type Buffer, bindModule, type Parameter } from "../nn/module.ts"
import { macsOf } from "../nn/summary.ts"
import type { Dim } from "../tensor/dim.ts"
import { topologicalOrder } from "../tensor/graph.ts"
import { type NdArray, ndarray, sizeOf, zeros } from "../tensor/ndarray.ts"
import { Random } from "../tensor/random.ts"
import { input, type Tensor } from "../tensor/tensor.ts"
import type { ImageModel } from "./family.ts"
import type { ModelDescription } from "./registry.ts"

/** Values of parameters and buffers by name. */
export type StateDict = Record<string, NdArray>

/** One forward pass, as symbolic tensors. */
export interface Trace {
  /** [N, H, W, C] */
  images: Tensor
  /** The last feature map. */
  features: Tensor
  /** What the classifier reads, traced when it is asked for. */
  readonly preLogits: Tensor
  /** [N, numClasses] */
  logits: Tensor
}

export class Network {
  readonly description: ModelDescription
  readonly root: ImageModel
  readonly parameters: ReadonlyMap<string, Parameter>
  /** Running statistics. */
  readonly buffers: ReadonlyMap<string, Buffer>
  /** Parameters and buffers, module by module: what a checkpoint holds. */
  readonly state: ReadonlyMap<string, Parameter | Buffer>
  /** Paths of the blocks, the units of recomputation. */
  readonly blocks: readonly string[]

  constructor(description: ModelDescription) {
    this.description = description
    this.root = description.build()
    const { parameters, buffers, state, blocks } = bindModule(this.root)
    this.parameters = parameters
    this.buffers = buffers
    this.state = state
    this.blocks = blocks
  }

  /** True for the parameters of the layers that give the logits. */
  isClassifier(parameter: string): boolean {
    return this.root.classifiers.some((path) => parameter === path || parameter.startsWith(`${path}.`))
  }

  get parameterCount(): number {
    let count = 0
    for (const { size } of this.parameters.values()) count += sizeOf(size)
    return count
  }

  /** Zeros for all parameters and buffers, to be loaded into. */
  empty(): StateDict {
    return Object.fromEntries([...this.state].map(([name, { size, dtype }]) => [name, zeros(size, dtype)]))
  }

  /**
   * First values of all parameters and buffers, or of some: they depend on the seed and on each one's name only.
   * Throws a RangeError for a name that is not there.
   */
  initialize(seed: number, names: Iterable<string> = this.state.keys()): StateDict {
    const values: StateDict = {}
    for (const name of names) {
      const entry = this.state.get(name)
      if (!entry) throw new RangeError(`${this.description.name} has no ${name}`)
      const { size, dtype, initialize } = entry
      const first = initialize(size, new Random(seed, "init", name))
      values[name] = dtype === "int64" ? ndarray(BigInt64Array.from(first, BigInt), size, dtype) : ndarray(first, size)
    }
    return values
  }

  /** Traces a forward pass for images of a given size. */
  trace(batch: Dim, height: number, width: number, context: Context = evaluation): Trace {
    const images = this.images(batch, height, width)
    const { root } = this
    const features = root.forwardFeatures(images, context)
    return {
      images,
      features,
      get preLogits() {
        return root.forwardHead(features, context, { preLogits: true })
      },
      logits: root.forwardHead(features, context),
    }
  }

  /** The input: [N, H, W, C]. */
  images(batch: Dim, height: number, width: number): Tensor {
    return input("images", [batch, height, width, this.description.config.inChannels])
  }

  /** Multiply-accumulates of one image: convolutions and matrix products, as in the paper's tables. */
  macs(height: number, width: number): number {
    return topologicalOrder([this.trace("N", height, width).logits]).reduce((sum, node) => sum + macsOf(node), 0)
  }
}
