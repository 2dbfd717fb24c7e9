/** Who reads the tensors of a graph. */

import { type Graph, inputName, topologicalOrder } from "../../tensor/graph.ts"
import type { Node, Tensor } from "../../tensor/tensor.ts"

/** Readers of each tensor; being an output counts as one. */
export function countUses(graph: Graph): Map<Tensor, number> {
  const uses = new Map<Tensor, number>()
  const use = (x: Tensor) => uses.set(x, (uses.get(x) ?? 0) + 1)
  for (const node of topologicalOrder(Object.values(graph))) node.inputs.forEach(use)
  Object.values(graph).forEach(use)
  return uses
}

/** The inputs whose names are meant, and all nodes that read them, directly or not. */
export function dependents(order: readonly Node[], isMeant: (name: string) => boolean): ReadonlySet<Node> {
  const found = new Set<Node>()
  for (const node of order) {
    const name = inputName(node.outputs[0]!)
    if ((name !== undefined && isMeant(name)) || node.inputs.some((x) => found.has(x.node))) found.add(node)
  }
  return found
}
