/** Evaluation of a graph in plain TypeScript, in float64: slow and obvious, the truth that devices are compared with. */

import { bindShape, matchShape } from "./dim.ts"
import { type Graph, graphInputs, topologicalOrder } from "./graph.ts"
import { type DType, type NdArray, zeros } from "./ndarray.ts"
import type { Tensor } from "./tensor.ts"

const widened = (dtype: DType): DType => (dtype.includes("float") ? "float64" : dtype)

/**
 * Computes the outputs of a graph from the values of its inputs. Floating-point results are float64.
 * Throws a RangeError if an input is missing or has another shape than the graph says.
 */
export function evaluate(graph: Graph, feeds: Readonly<Record<string, NdArray>>): Record<string, NdArray> {
  const values = new Map<Tensor, NdArray>()
  const symbols: Record<string, number> = {}
  const order = topologicalOrder(Object.values(graph))
  for (const [name, x] of graphInputs(graph)) {
    const feed = feeds[name]
    if (!feed) throw new RangeError(`evaluate: input ${name} has no value`)
    try {
      matchShape(x.shape, feed.shape, symbols)
    } catch (error) {
      throw new RangeError(`evaluate: input ${name}: ${(error as Error).message}`)
    }
    values.set(x, feed)
  }
  for (const node of order) {
    if (values.has(node.outputs[0]!)) continue
    const outputs = node.outputs.map((x) => zeros(bindShape(x.shape, symbols), widened(x.dtype)))
    node.op.reference(
      node.inputs.map((x) => values.get(x)!),
      node.attributes,
      outputs,
    )
    node.outputs.forEach((x, i) => {
      values.set(x, outputs[i]!)
    })
  }
  return Object.fromEntries(Object.entries(graph).map(([name, x]) => [name, values.get(x)!]))
}
