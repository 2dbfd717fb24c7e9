/** Computes what depends on constants alone, once, when a graph is compiled. */

import { evaluate } from "../../tensor/evaluate.ts"
import { type Graph, rewrite } from "../../tensor/graph.ts"
import { bytesPerElement, type DType, type NdArray, ndarray, type TypedArray } from "../../tensor/ndarray.ts"
import { applies, constant, constantOp, type Node, type Tensor } from "../../tensor/tensor.ts"

/** Results up to this size are worth their place in the model. */
const LARGEST_BYTES = 1 << 20
/** Products up to so many multiply-accumulates are done in no time, by an evaluation that is slow. */
const MOST_MACS = 1 << 20

/** Replaces operators on constants by their results, unless these are large and more than they are made of, or much work. */
export function foldConstants(graph: Graph): Graph {
  return rewrite(graph, (node, inputs) => {
    if (inputs.length === 0 || !inputs.every((x) => applies(x.node, constantOp))) return undefined
    const outputs = inputs.every((x, i) => x === node.inputs[i]) ? node.outputs : node.op.apply(inputs, node.attributes)
    return worthFolding(node, outputs) ? outputs.map(constantOf) : outputs
  })
}

const bytesOf = ({ shape, dtype }: Tensor) =>
  (shape as number[]).reduce((product, dim) => product * dim, bytesPerElement(dtype))

function worthFolding(node: Node, outputs: readonly Tensor[]): boolean {
  if (outputs.some(({ dtype }) => dtype.endsWith("float16"))) return false
  if ((node.op.macs?.(node.inputs, outputs, node.attributes) ?? 0) > MOST_MACS) return false
  const total = (tensors: readonly Tensor[]) => tensors.reduce((sum, x) => sum + bytesOf(x), 0)
  return total(outputs) <= Math.max(LARGEST_BYTES, total(node.inputs))
}

function constantOf(x: Tensor): Tensor {
  return constant(rounded(evaluate({ x }, {}).x!, x.dtype))
}

/** The reference computes in float64. */
function rounded({ shape, data }: NdArray, dtype: DType): NdArray {
  if (dtype === "int64" || dtype === "uint64") return { shape, dtype, data }
  const values = dtype === "float32" ? Float32Array.from(data as Float64Array) : (data as TypedArray)
  return ndarray(values as Float32Array, shape, dtype as "float32")
}
