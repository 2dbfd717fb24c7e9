/**
 * Products of stacks of matrices with a transposed operand, as in attention and its gradients, for the CPU. ONNX has no
 * operator for them, and a transposed copy of the operand costs a good part of what the product does; ONNX Runtime has an
 * operator that reads it as it lies.
 */

import { type Graph, rewrite } from "../../tensor/graph.ts"
import { type MatmulAttributes, matmulOp } from "../../tensor/ops/matmul.ts"
import { applies, defineOp, type Op } from "../../tensor/tensor.ts"
import { MICROSOFT_DOMAIN } from "../onnx/encode.ts"

/** A product that no gradient is taken of any more. */
const fusedMatmulOp: Op<MatmulAttributes> = defineOp<MatmulAttributes>({
  ...matmulOp,
  name: "fusedMatmul",
  gradient: undefined,
  onnx: (builder, inputs, { transposeA, transposeB }) =>
    builder.node("FusedMatMul", inputs, { transA: Number(transposeA), transB: Number(transposeB) }, MICROSOFT_DOMAIN),
})

/** Products of matrices stay: `Gemm` transposes on its own. */
export function lowerFusedProducts(graph: Graph): Graph {
  return rewrite(graph, (node, inputs) => {
    if (!applies(node, matmulOp) || !(node.attributes.transposeA || node.attributes.transposeB)) return undefined
    if (node.outputs[0]!.dtype !== "float32" || inputs.every(({ rank }) => rank === 2)) return undefined
    return fusedMatmulOp([...inputs], node.attributes)
  })
}
