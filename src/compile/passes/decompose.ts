/** Writes composite operators with simpler ones. */

import { type Graph, rewrite, topologicalOrder } from "../../tensor/graph.ts"
import type { Tensor } from "../../tensor/tensor.ts"

/**
 * Decomposes operators that have no ONNX form. One that has both forms is decomposed too where its input also goes to
 * one that must be, so that the two can share what they have in common: GELU and its derivative share the erf.
 */
export function decompose(graph: Graph): Graph {
  const shared = new Set<Tensor>()
  for (const { op, inputs } of topologicalOrder(Object.values(graph))) {
    if (!op.onnx && op.decompose) for (const x of inputs) shared.add(x)
  }
  return rewrite(graph, (node, inputs) => {
    const { op } = node
    if (!op.decompose || (op.onnx && !node.inputs.some((x) => shared.has(x)))) return undefined
    return op.decompose(inputs, node.attributes)
  })
}
