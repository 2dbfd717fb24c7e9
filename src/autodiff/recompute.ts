/**
 * Which values of the forward pass the backward pass keeps, and which it computes again. Chen et al. 2016, "Training
 * Deep Nets with Sublinear Memory Cost". What is computed again is the same operators on the same values: the gradients
 * have the same bits.
 */

import { expectOneOf } from "../tensor/checks.ts"
import { isLeaf } from "../tensor/graph.ts"
import { after } from "../tensor/ops/index.ts"
import { applies, constantOp, type Node, type Tensor, withScope } from "../tensor/tensor.ts"

/**
 * "none": everything that the backward pass reads is kept. "cheap": inside of blocks, the results of convolutions and
 * matrix products, and what is made of parameters alone. "block": of each block only what goes into it.
 */
export type Recompute = "none" | "cheap" | "block"

/** From the one that keeps most to the one that keeps least. */
export const recomputeModes: readonly Recompute[] = ["none", "cheap", "block"]

export interface RecomputeOptions {
  recompute?: Recompute
  /** Scopes of the blocks: nodes in the same one, or below it, belong together. */
  blocks?: readonly string[]
}

/** Tells constants, parameters, and what is made of them alone. */
export function fixedNodes(parameters: Iterable<Tensor>): (node: Node) => boolean {
  const known = new Map<Node, boolean>([...parameters].map((x) => [x.node, true]))
  const isFixed = (node: Node): boolean => {
    let fixed = known.get(node)
    if (fixed === undefined) {
      fixed = node.inputs.length > 0 ? node.inputs.every((x) => isFixed(x.node)) : isConstant(node)
      known.set(node, fixed)
    }
    return fixed
  }
  return isFixed
}

const isConstant = (node: Node) => applies(node, constantOp)

/** What is known of one block while its backward pass is built. */
interface BlockState {
  /** A value of the backward pass that must be there before anything is computed again. */
  token: Tensor
  recomputed: Map<Tensor, Tensor>
}

export class Recomputation {
  readonly #mode: Recompute
  readonly #blocks: ReadonlySet<string>
  readonly #states = new Map<string, BlockState>()
  readonly #isFixed: (node: Node) => boolean

  /**
   * Throws a RangeError for an unknown mode.
   * @param parameters leaves that are no activations: what depends on them alone is kept
   */
  constructor({ recompute = "none", blocks = [] }: RecomputeOptions, parameters: Iterable<Tensor>) {
    expectOneOf("gradients: recompute", recompute, recomputeModes)
    this.#mode = recompute
    this.#blocks = new Set(recompute === "none" ? [] : blocks)
    this.#isFixed = fixedNodes(parameters)
  }

  /** The given values as the backward pass of `node` reads them. `token` is a gradient that arrived at the node. */
  read(values: readonly Tensor[], node: Node, token: Tensor): readonly Tensor[] {
    const block = this.#blockOf(node)
    if (block === undefined) return values
    let state = this.#states.get(block)
    if (!state) {
      state = { token, recomputed: new Map() }
      this.#states.set(block, state)
    }
    return values.map((x) => this.#value(x, block, state))
  }

  #value(x: Tensor, block: string, state: BlockState): Tensor {
    if (this.#mode === "block" ? isConstant(x.node) : this.#isFixed(x.node)) return x
    const known = state.recomputed.get(x)
    if (known) return known
    const { node } = x
    const kept = this.#blockOf(node) !== block || isLeaf(node) || (this.#mode === "cheap" && node.op.macs !== undefined)
    const outputs = withScope(node.scope, () =>
      kept
        ? node.outputs.map((y) => after(y, state.token))
        : node.op.apply(
            node.inputs.map((input) => this.#value(input, block, state)),
            node.attributes,
          ),
    )
    node.outputs.forEach((y, i) => {
      state.recomputed.set(y, outputs[i]!)
    })
    return state.recomputed.get(x)!
  }

  #blockOf(node: Node): string | undefined {
    for (let { scope } = node; scope; scope = scope.slice(0, Math.max(0, scope.lastIndexOf(".")))) {
      if (this.#blocks.has(scope)) return scope
    }
    return undefined
  }
}
