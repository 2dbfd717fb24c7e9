/**
 * Moves scalar factors on weights, and on their gradients, into the matrix products that read or make them. What
 * `foldGeluScales` puts on weights would cost a pass over each of them at every step.
 */

import { type Graph, rewrite } from "../../tensor/graph.ts"
import { arithmetic } from "../../tensor/ops/elementwise.ts"
import { linearOp, type MatmulAttributes, matmulOp } from "../../tensor/ops/matmul.ts"
import { applies, type Node, scalarValue, type Tensor } from "../../tensor/tensor.ts"
import { countUses } from "./uses.ts"

/** (W s) in a product -> s in the product; (x^T dy) s, which nothing else reads -> s in the product. */
export function foldProductScales(graph: Graph): Graph {
  const uses = countUses(graph)
  return rewrite(graph, (node, inputs) => {
    if (node.outputs[0]!.dtype !== "float32") return undefined
    if (applies(node, linearOp)) return scaledLinear(inputs, node.attributes.alpha)
    if (applies(node, matmulOp)) return isOfMatrices(node) ? scaledMatmul(inputs, node.attributes) : undefined
    if (applies(node, arithmetic.mul)) return scaledGradient(node, inputs, uses)
    return undefined
  })
}

const isOfMatrices = ({ inputs }: Node) => inputs.every(({ rank }) => rank === 2)

/** x times a scalar, in parts. */
function scaled(x: Tensor): { x: Tensor; scale: number } | undefined {
  if (!applies(x.node, arithmetic.mul)) return undefined
  const [a, b] = x.node.inputs as [Tensor, Tensor]
  for (const [value, factor] of [
    [a, b],
    [b, a],
  ] as const) {
    const scale = scalarValue(factor)
    // A scalar that makes the other operand larger is no factor.
    if (scale !== undefined && value.rank === x.rank) return { x: value, scale }
  }
  return undefined
}

function scaledLinear([x, weight, ...bias]: readonly Tensor[], alpha = 1): Tensor | undefined {
  const inner = scaled(weight!)
  return inner && linearOp([x!, inner.x, ...bias], { alpha: alpha * inner.scale })
}

function scaledMatmul([a, b]: readonly Tensor[], attributes: MatmulAttributes): Tensor | undefined {
  const { alpha = 1 } = attributes
  const right = scaled(b!)
  return right && matmulOp([a!, right.x], { ...attributes, alpha: alpha * right.scale })
}

/** Only the gradient of a weight: other products may be computed again elsewhere, and must have the same bits there. */
function scaledGradient(node: Node, inputs: readonly Tensor[], uses: ReadonlyMap<Tensor, number>): Tensor | undefined {
  const [a, b] = inputs as [Tensor, Tensor]
  const [product, factor] = scalarValue(b) === undefined ? [b, a] : [a, b]
  const scale = scalarValue(factor)
  if (scale === undefined || !applies(product.node, matmulOp) || !isOfMatrices(product.node)) return undefined
  const { attributes } = product.node
  if (!attributes.transposeA || uses.get(node.inputs[inputs.indexOf(product)]!) !== 1) return undefined
  return matmulOp(product.node.inputs, { ...attributes, alpha: (attributes.alpha ?? 1) * scale })
}
