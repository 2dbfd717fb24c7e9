/** Graphs: named output tensors and all that they are computed from. */

import { applies, constantOp, inputOp, type Node, type Tensor, withScope } from "./tensor.ts"

/** A graph is given by its outputs. */
export type Graph = Readonly<Record<string, Tensor>>

/** All nodes that the tensors depend on, each after the nodes that it reads. */
export function topologicalOrder(outputs: Iterable<Tensor>): Node[] {
  const order: Node[] = []
  const state = new Map<Node, "open" | "done">()
  const stack: Node[] = []
  for (const output of outputs) stack.push(output.node)
  stack.reverse()
  while (stack.length > 0) {
    const node = stack.at(-1)!
    if (state.get(node) === undefined) {
      state.set(node, "open")
      for (let i = node.inputs.length - 1; i >= 0; i--) {
        const source = node.inputs[i]!.node
        if (state.get(source) === undefined) stack.push(source)
      }
      continue
    }
    stack.pop()
    if (state.get(node) === "open") {
      state.set(node, "done")
      order.push(node)
    }
  }
  return order
}

/** The inputs that a graph reads, by name. Throws an Error if two of them share a name, or one has none yet. */
export function graphInputs(graph: Graph): Map<string, Tensor> {
  const inputs = new Map<string, Tensor>()
  for (const node of topologicalOrder(Object.values(graph))) {
    const name = inputName(node.outputs[0]!)
    if (name === undefined) continue
    if (name === "") {
      const x = node.outputs[0]!
      throw new Error(`the graph reads a parameter or buffer ${x} that has no name yet: call bindModule(root) first`)
    }
    if (inputs.has(name)) throw new Error(`two different inputs of the graph are named ${name}`)
    inputs.set(name, node.outputs[0]!)
  }
  return inputs
}

/** The name of an input, "" for a parameter that no network has named; undefined for other tensors. */
export function inputName(tensor: Tensor): string | undefined {
  return applies(tensor.node, inputOp) ? tensor.node.attributes.name : undefined
}

/** True for inputs and constants. */
export function isLeaf(node: Node): boolean {
  return applies(node, inputOp) || applies(node, constantOp)
}

/**
 * A node with its inputs already rewritten. Gives the tensors that replace its outputs, or undefined to keep the node.
 */
export type Rule = (node: Node, inputs: readonly Tensor[]) => Tensor | readonly Tensor[] | undefined

/** A new graph in which every node was offered to `rule`, inputs first. The old graph stays as it is. */
export function rewrite(graph: Graph, rule: Rule): Graph {
  const replacement = new Map<Tensor, Tensor>()
  for (const node of topologicalOrder(Object.values(graph))) {
    const inputs = node.inputs.map((x) => replacement.get(x)!)
    const outputs = withScope(node.scope, () => {
      const result = rule(node, inputs)
      if (result !== undefined) return Array.isArray(result) ? (result as readonly Tensor[]) : [result as Tensor]
      const same = inputs.every((x, i) => x === node.inputs[i])
      return same ? node.outputs : node.op.apply(inputs, node.attributes)
    })
    node.outputs.forEach((x, i) => {
      replacement.set(x, outputs[i]!)
    })
  }
  return Object.fromEntries(Object.entries(graph).map(([name, x]) => [name, replacement.get(x)!]))
}
