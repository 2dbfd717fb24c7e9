/** What a training step keeps of the forward pass until the backward pass has read it. */

import { bindShape } from "../tensor/dim.ts"
import { isLeaf, topologicalOrder } from "../tensor/graph.ts"
import { bytesPerElement, sizeOf } from "../tensor/ndarray.ts"
import { reshapeOp } from "../tensor/ops/shape.ts"
import { applies, type Node, type Tensor } from "../tensor/tensor.ts"
import { fixedNodes } from "./recompute.ts"

export interface KeptActivation {
  tensor: Tensor
  /** Path of the module that computes it. */
  scope: string
  /** Size in memory, for given values of symbolic dimensions. */
  bytes(symbols?: Readonly<Record<string, number>>): number
}

/**
 * The results of the forward pass that the backward pass reads: views count once, as what they are views of; inputs,
 * and what is made of parameters alone, are not among them.
 * @param gradients what `gradients` gave for `loss`
 */
export function keptActivations(
  gradients: readonly Tensor[],
  loss: Tensor,
  parameters: Iterable<Tensor>,
): KeptActivation[] {
  const isFixed = fixedNodes(parameters)
  const forward = new Set(topologicalOrder([loss]))
  const kept = new Set<Tensor>()
  for (const node of topologicalOrder(gradients)) {
    if (forward.has(node)) continue
    for (const x of node.inputs) {
      const source = viewed(x)
      if (forward.has(source.node) && !isLeaf(source.node) && !isFixed(source.node)) kept.add(source)
    }
  }
  return [...kept].map((tensor) => ({
    tensor,
    scope: tensor.node.scope,
    bytes: (symbols = {}) => sizeOf(bindShape(tensor.shape, symbols)) * bytesPerElement(tensor.dtype),
  }))
}

/** Whether a node computes nothing, and its result takes no memory of its own. */
export const isView = (node: Node): boolean => applies(node, reshapeOp)

/** The tensor whose memory this one shows. */
function viewed(x: Tensor): Tensor {
  let node: Node = x.node
  let tensor = x
  while (isView(node)) {
    tensor = node.inputs[0]!
    node = tensor.node
  }
  return tensor
}
