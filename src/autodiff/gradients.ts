/** Reverse-mode differentiation: the backward pass as more nodes of the same graph. */

import { scalarArray } from "../tensor/float16.ts"
import { topologicalOrder } from "../tensor/graph.ts"
import { add } from "../tensor/ops/index.ts"
import { zerosLike } from "../tensor/ops/shape.ts"
import { constant, type Node, Tensor, withScope } from "../tensor/tensor.ts"
import { Recomputation, type RecomputeOptions } from "./recompute.ts"

/**
 * The gradients of a scalar with respect to some tensors, summed over all their uses. A tensor that the scalar does not
 * depend on has gradient zero. With `recompute`, values of the forward pass are computed again instead of being kept.
 * Throws a RangeError if `loss` is no floating-point scalar, `wrt` no list of tensors or the mode unknown, an Error that names the path if an operator on it has no gradient.
 */
export function gradients(loss: Tensor, wrt: readonly Tensor[], options: RecomputeOptions = {}): Tensor[] {
  checkArguments(loss, wrt)
  const order = topologicalOrder([loss])
  const needed = dependents(order, wrt)
  const recomputation = new Recomputation(options, wrt)
  const cotangents = new Map<Tensor, Tensor>([[loss, constant(scalarArray(1, loss.dtype))]])
  for (const node of order.reverse()) {
    if (!node.inputs.some((x) => needed.has(x.node))) continue
    const outputGradients = node.outputs.map((y) => cotangents.get(y))
    const token = outputGradients.find((dy) => dy !== undefined)
    if (token === undefined) continue
    if (!node.op.gradient)
      throw new Error(`gradients: ${node.op.name} has no gradient; on the path ${pathTo(node, needed)}`)
    const inputGradients = withScope(node.scope, () =>
      node.op.gradient!(
        recomputation.read(node.inputs, node, token),
        recomputation.read(node.outputs, node, token),
        outputGradients,
        node.attributes,
      ),
    )
    node.inputs.forEach((x, i) => {
      const dx = inputGradients[i]
      if (dx === undefined || !needed.has(x.node)) return
      const sum = cotangents.get(x)
      cotangents.set(x, sum ? withScope(x.node.scope, () => add(sum, dx)) : dx)
    })
  }
  return wrt.map((x) => cotangents.get(x) ?? zerosLike(x))
}

function checkArguments(loss: Tensor, wrt: readonly Tensor[]): void {
  if (!(loss instanceof Tensor) || loss.rank !== 0 || !loss.dtype.includes("float")) {
    throw new RangeError(`gradients: the loss must be a floating-point scalar, got ${loss}`)
  }
  if (!Array.isArray(wrt) || !wrt.every((x) => x instanceof Tensor)) {
    throw new RangeError(`gradients: wrt must be a list of tensors, such as [${wrt}], got ${wrt}`)
  }
}

/** The nodes through which the targets act, the targets' own included. */
function dependents(order: readonly Node[], wrt: readonly Tensor[]): Set<Node> {
  const targets = new Set(wrt.map((x) => x.node))
  const needed = new Set<Node>()
  for (const node of order) {
    if (targets.has(node) || node.inputs.some((x) => needed.has(x.node))) needed.add(node)
  }
  return needed
}

/** The operators from a node down to the leaf that needs a gradient, for messages. */
function pathTo(node: Node, needed: ReadonlySet<Node>): string {
  const names: string[] = []
  for (let at: Node | undefined = node; at; at = at.inputs.find((x) => needed.has(x.node))?.node) {
    names.push(at.scope ? `${at.op.name} (${at.scope})` : at.op.name)
  }
  return names.join(" <- ")
}
