/**
 * Moves factors from activations into weights, before the graph is differentiated. A factor on the output of a linear
 * layer scales its few weights instead of its many outputs, forward and backward; the gradients of weights and factors
 * come out of the small products by themselves.
 */

import { type Graph, rewrite } from "../../tensor/graph.ts"
import { geluOp, scaledGeluOp } from "../../tensor/ops/activation.ts"
import { arithmetic } from "../../tensor/ops/elementwise.ts"
import { mul, reshape } from "../../tensor/ops/index.ts"
import { linear, linearOp } from "../../tensor/ops/matmul.ts"
import { applies, constant, scalarValue, type Tensor, withScope } from "../../tensor/tensor.ts"
import { countUses } from "./uses.ts"

/** linear(x, W, b) c -> linear(x, W c, b c), for a c with one factor for each output (layer scale) or for all. */
export function foldOutputScales(graph: Graph): Graph {
  const uses = countUses(graph)
  return rewrite(graph, (node, inputs) => {
    if (!applies(node, arithmetic.mul)) return undefined
    for (const [product, factor] of [inputs, [...inputs].reverse()] as [Tensor, Tensor][]) {
      if (!applies(product.node, linearOp) || uses.get(node.inputs[inputs.indexOf(product)]!) !== 1) continue
      if (scalarValue(factor) === undefined && !(factor.rank === 1 && factor.shape[0] === product.dim(-1))) continue
      return scaleOutput(product, factor)
    }
    return undefined
  })
}

/** The scaled layer stays where the layer was, not where the factor came from. */
function scaleOutput({ node }: Tensor, factor: Tensor): Tensor {
  const [x, weight, bias] = node.inputs
  return withScope(node.scope, () => {
    const column = factor.rank === 1 ? reshape(factor, [factor.shape[0]!, 1]) : factor
    return linear(x!, mul(weight!, column), bias && mul(bias, factor))
  })
}

/**
 * linear(gelu(linear(x))) -> the same with both factors 1 / sqrt 2 of GELU in the weights: with u = x / sqrt 2,
 * gelu(x) = u (1 + erf u) / sqrt 2.
 */
export function foldGeluScales(graph: Graph): Graph {
  const uses = countUses(graph)
  return rewrite(graph, (node, inputs) => {
    if (!applies(node, linearOp)) return undefined
    const [hidden, weight, bias] = inputs as [Tensor, Tensor, Tensor?]
    if (!applies(hidden.node, geluOp) || !applies(hidden.node.inputs[0]!.node, linearOp)) return undefined
    const originalHidden = node.inputs[0]!
    if (uses.get(originalHidden) !== 1 || uses.get(originalHidden.node.inputs[0]!) !== 1) return undefined
    const u = scaleOutput(hidden.node.inputs[0]!, constant(Math.SQRT1_2))
    const activated = withScope(hidden.node.scope, () => scaledGeluOp([u], {}))
    return linear(activated, mul(weight, Math.SQRT1_2), bias)
  })
}
