/** A described network made concrete: its modules, its parameters by name, and what they compute. */

import { bindModule, type Context, evaluation, type Parameter } from "../nn/module.ts"
import type { Dim } from "../tensor/dim.ts"
import { topologicalOrder } from "../tensor/graph.ts"
import { type NdArray, ndarray, sizeOf, zeros } from "../tensor/ndarray.ts"
import { Random } from "../tensor/random.ts"
import { input, type Node, type Tensor } from "../tensor/tensor.ts"
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
  /** What the classifier reads. */
  preLogits: Tensor
  /** [N, numClasses] */
  logits: Tensor
}

/** One row of a model's table: a module that has parameters of its own. */
export interface LayerSummary {
  name: string
  type: string
  outputShape: Dim[]
  parameters: number
  /** Multiply-accumulates for one image. */
  macs: number
}

export class Network {
  readonly description: ModelDescription
  readonly root: ImageModel
  readonly parameters: ReadonlyMap<string, Parameter>

  constructor(description: ModelDescription) {
    this.description = description
    this.root = description.build()
    this.parameters = bindModule(this.root)
  }

  get parameterCount(): number {
    let count = 0
    for (const { size } of this.parameters.values()) count += sizeOf(size)
    return count
  }

  /** Zeros for all parameters, to be loaded into. */
  empty(): StateDict {
    return Object.fromEntries([...this.parameters].map(([name, { size }]) => [name, zeros(size)]))
  }

  /** First values of all parameters: they depend on the seed and on each parameter's name only. */
  initialize(seed: number): StateDict {
    const state: StateDict = {}
    for (const [name, parameter] of this.parameters) {
      state[name] = ndarray(parameter.initialize(parameter.size, new Random(seed, "init", name)), parameter.size)
    }
    return state
  }

  /** Traces a forward pass for images of a given size. */
  trace(batch: Dim, height: number, width: number, context: Context = evaluation): Trace {
    const images = input("images", [batch, height, width, this.description.config.inChannels])
    const features = this.root.forwardFeatures(images, context)
    return {
      images,
      features,
      preLogits: this.root.forwardHead(features, context, { preLogits: true }),
      logits: this.root.forwardHead(features, context),
    }
  }

  /** Multiply-accumulates of one image: convolutions and matrix products, as in the paper's tables. */
  macs(height: number, width: number): number {
    return topologicalOrder([this.trace("N", height, width).logits]).reduce((sum, node) => sum + macsOf(node), 0)
  }

  /** All modules that have parameters, in the order in which an image meets them. */
  summary(height: number, width: number): LayerSummary[] {
    const rows = new Map<string, LayerSummary>()
    for (const [name, parameter] of this.parameters) {
      const path = name.slice(0, name.lastIndexOf("."))
      const row = rows.get(path) ?? { name: path, type: this.#typeOf(path), outputShape: [], parameters: 0, macs: 0 }
      row.parameters += sizeOf(parameter.size)
      rows.set(path, row)
    }
    const ordered = new Set<LayerSummary>()
    for (const node of topologicalOrder([this.trace("N", height, width).logits])) {
      const row = rows.get(node.scope)
      if (!row || node.inputs.length === 0) continue
      row.macs += macsOf(node)
      row.outputShape = [...node.outputs[0]!.shape]
      ordered.add(row)
    }
    return [...ordered]
  }

  #typeOf(path: string): string {
    let value: unknown = this.root
    for (const key of path.split(".").filter(Boolean)) {
      const field = key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
      value = (value as Record<string, unknown>)[field]
    }
    return (value as object).constructor.name
  }
}

function macsOf(node: Node): number {
  return node.op.macs?.(node.inputs, node.outputs, node.attributes) ?? 0
}
