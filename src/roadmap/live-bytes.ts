/** How much memory the values of a graph need at once. */

import { bindShape } from "../tensor/dim.ts"
import { type Graph, isLeaf, topologicalOrder } from "../tensor/graph.ts"
import { bytesPerElement, sizeOf } from "../tensor/ndarray.ts"
import { reshapeOp } from "../tensor/ops/shape.ts"
import { applies, type Node, type Tensor } from "../tensor/tensor.ts"

/**
 * The most bytes that are in use at one time when a graph is computed node by node, and every value is freed once
 * nothing reads it any more. Inputs and constants are not counted, nor views; a device that reuses the memory of an
 * operand for the result needs less, one that sets memory aside needs more.
 * @param symbols values of symbolic dimensions
 */
export function peakLiveBytes(graph: Graph, symbols: Readonly<Record<string, number>> = {}): number {
  const outputs = new Set(Object.values(graph).map(sourceOf))
  const order = topologicalOrder(outputs).filter((node) => !isLeaf(node) && !isView(node))
  const readers = new Map<Tensor, number>()
  for (const x of order.flatMap(operandsOf)) readers.set(x, (readers.get(x) ?? 0) + 1)

  const bytesOf = (x: Tensor) => sizeOf(bindShape(x.shape, symbols)) * bytesPerElement(x.dtype)
  let [live, peak] = [0, 0]
  for (const node of order) {
    for (const y of node.outputs) live += bytesOf(y)
    peak = Math.max(peak, live)
    for (const y of node.outputs) if (!readers.has(y) && !outputs.has(y)) live -= bytesOf(y)
    for (const x of operandsOf(node)) {
      const left = readers.get(x)! - 1
      readers.set(x, left)
      if (left === 0 && !outputs.has(x)) live -= bytesOf(x)
    }
  }
  return peak
}

/** The computed values that a node reads, each once. */
const operandsOf = (node: Node): Tensor[] => [...new Set(node.inputs.map(sourceOf))].filter((x) => !isLeaf(x.node))

const isView = (node: Node): boolean => applies(node, reshapeOp)

/** The tensor whose memory this one shows. */
function sourceOf(x: Tensor): Tensor {
  let source = x
  while (isView(source.node)) source = source.node.inputs[0]!
  return source
}
