/**
 * Gradients of weights, x^T dy, for the CPU. Its products are slowest where the first factor is to be read across its rows;
 * a transposed copy of the narrower factor costs less than that.
 */

import { type Graph, rewrite } from "../../tensor/graph.ts"
import { transpose } from "../../tensor/ops/index.ts"
import { matmulOp } from "../../tensor/ops/matmul.ts"
import { applies, type Tensor } from "../../tensor/tensor.ts"

/** a^T b -> (a^T) b where a is the narrower one, else ((b^T) a)^T, for matrices. */
export function lowerTransposedProducts(graph: Graph): Graph {
  return rewrite(graph, (node, inputs) => {
    if (!applies(node, matmulOp) || !node.attributes.transposeA || node.attributes.transposeB) return undefined
    const [a, b] = inputs as [Tensor, Tensor]
    const [rows, columns] = [a.dim(-1), b.dim(-1)]
    if (a.rank !== 2 || b.rank !== 2 || typeof rows !== "number" || typeof columns !== "number") return undefined
    const plain = { ...node.attributes, transposeA: false }
    if (rows <= columns) return matmulOp([transpose(a), b], plain)
    return transpose(matmulOp([transpose(b), a], plain))
  })
}
