/** Computes what is the same only once. */

import { type Graph, isLeaf, rewrite } from "../../tensor/graph.ts"
import { type Node, scalarValue, type Tensor } from "../../tensor/tensor.ts"

/** Merges nodes that apply the same operator with the same attributes to the same tensors. */
export function mergeCommonSubexpressions(graph: Graph): Graph {
  // Operators are told apart as objects: two may have one name.
  const numbers = new Map<object, number>()
  const seen = new Map<string, readonly Tensor[]>()
  const numberOf = (x: object): number => {
    let number = numbers.get(x)
    if (number === undefined) {
      number = numbers.size
      numbers.set(x, number)
    }
    return number
  }
  return rewrite(graph, (node, inputs) => {
    const key = keyOf(node, numberOf(node.op), inputs.map(numberOf))
    if (key === undefined) return undefined
    const known = seen.get(key)
    if (known) return known
    const outputs = inputs.every((x, i) => x === node.inputs[i]) ? node.outputs : node.op.apply(inputs, node.attributes)
    seen.set(key, outputs)
    return outputs
  })
}

function keyOf(node: Node, operator: number, inputs: readonly number[]): string | undefined {
  if (isLeaf(node)) {
    const [x] = node.outputs
    const value = scalarValue(x!)
    return value === undefined ? undefined : `${x!.dtype} ${Object.is(value, -0) ? "-0" : value}`
  }
  const attributes = JSON.stringify(node.attributes, (_, value) => (Object.is(value, -0) ? "-0" : value))
  return `${operator}(${inputs.join(",")})${attributes}`
}
