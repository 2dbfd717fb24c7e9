/** How often the tensors of a graph are read. */

import { type Graph, topologicalOrder } from "../../tensor/graph.ts"
import type { Tensor } from "../../tensor/tensor.ts"

/** Readers of each tensor; being an output counts as one. */
export function countUses(graph: Graph): Map<Tensor, number> {
  const uses = new Map<Tensor, number>()
  const use = (x: Tensor) => uses.set(x, (uses.get(x) ?? 0) + 1)
  for (const node of topologicalOrder(Object.values(graph))) node.inputs.forEach(use)
  Object.values(graph).forEach(use)
  return uses
}
