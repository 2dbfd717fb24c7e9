/** Which of a model's stored tensors are parameters, and which node they belong to. */

import { sizeOf } from "../../tensor/ndarray.ts"
import { isFloating } from "./data-types.ts"
import type { OnnxAttributeValue, OnnxGraph, OnnxNode, OnnxSubgraph, OnnxTensor } from "./description.ts"
import { isSubgraph } from "./infer/infer.ts"

/** A stored tensor with the number of parameters that it holds. */
export interface OnnxParameter {
  readonly tensor: OnnxTensor
  readonly count: number
}

/** Inputs, by their places, that are settings, statistics or scales of quantisation, never parameters. */
const settings: Readonly<Record<string, readonly number[]>> = {
  BatchNormalization: [3, 4],
  Clip: [1, 2],
  DequantizeLinear: [1, 2],
  Dropout: [1, 2],
  DynamicQuantizeMatMul: [2, 3],
  MatMulInteger: [2, 3],
  MatMulIntegerToFloat: [2, 3, 4, 5],
  MatMulNBits: [2, 3, 4],
  Pad: [1, 2],
  Pow: [1],
  QGemm: [1, 2, 4, 5, 7, 8],
  QLinearAdd: [1, 2, 4, 5, 6, 7],
  QLinearConv: [1, 2, 4, 5, 6, 7],
  QLinearMatMul: [1, 2, 4, 5, 6, 7],
  QLinearMul: [1, 2, 4, 5, 6, 7],
  QuantizeLinear: [1, 2],
  Resize: [1, 2, 3],
  Upsample: [1],
}

/** Inputs that are parameters though they are integers: quantised weights. */
const quantised: Readonly<Record<string, readonly number[]>> = {
  ConvInteger: [1],
  DequantizeLinear: [0],
  DynamicQuantizeMatMul: [1],
  MatMulInteger: [1],
  MatMulIntegerToFloat: [1],
  MatMulNBits: [1],
  QGemm: [3, 6],
  QLinearConv: [3, 8],
  QLinearMatMul: [3],
}

/** Operators that tell of a tensor's shape alone. */
const shapeOnly = new Set(["Shape", "Size"])

/**
 * The parameters of a model by the node that uses them first; what is only transposed, reshaped, cast or dequantised on the way
 * belongs to the node that takes the result. Counted are initializers and constants of floating type that are no
 * scalars, and quantised weights. Not counted are running statistics of batch normalisation, scales and zero points, and
 * what no node reads. A constant that is no parameter in the source but stored like one, as a mask, counts.
 */
export function parametersByNode(graph: OnnxGraph): Map<OnnxNode, OnnxParameter[]> {
  const owned = new Map<OnnxNode, OnnxParameter[]>()
  const counter = new Counter()
  const visit = (part: OnnxSubgraph, owner?: OnnxNode): void => {
    for (const tensor of part.initializers) counter.store(tensor.name, tensor)
    for (const node of part.nodes) {
      const parameters = counter.take(node)
      const top = owner ?? node
      if (parameters.length > 0) owned.set(top, [...(owned.get(top) ?? []), ...parameters])
      for (const inner of subgraphsOf(node)) visit(inner, top)
    }
  }
  visit(graph)
  return owned
}

/** The graphs that are attributes of a node: branches, bodies of loops. */
export function subgraphsOf({ attributes }: OnnxNode): OnnxSubgraph[] {
  return Object.values(attributes).flatMap((value): OnnxSubgraph[] => {
    if (isSubgraph(value)) return [value]
    return Array.isArray(value) ? (value as OnnxAttributeValue[]).filter(isSubgraph) : []
  })
}

class Counter {
  /** The stored tensors that a value is made of, where it is made of nothing else. Names are unique, also in branches. */
  readonly #sources = new Map<string, readonly OnnxTensor[]>()
  readonly #quantised = new Set<OnnxTensor>()
  readonly #counted = new Set<OnnxTensor>()

  store(name: string, tensor: OnnxTensor): void {
    this.#sources.set(name, [tensor])
  }

  /** The parameters that a node is the first to use. */
  take(node: OnnxNode): OnnxParameter[] {
    const { value } = node.attributes
    if (node.op === "Constant") {
      // A number that a formula needs is a constant node; a parameter of one element is an initializer.
      if (isTensor(value) && sizeOf(value.shape) > 1) this.store(node.outputs[0] ?? "", value)
      return []
    }
    const used = this.#used(node)
    const given = node.inputs.filter((name) => name !== "")
    if (given.length > 0 && given.every((name) => this.#sources.has(name)) && subgraphsOf(node).length === 0) {
      for (const output of node.outputs) this.#sources.set(output, shapeOnly.has(node.op) ? [] : used)
      return []
    }
    return shapeOnly.has(node.op) ? [] : this.#count(node, used)
  }

  /** The stored tensors that reach a node's inputs, but for those that are settings there. */
  #used(node: OnnxNode): OnnxTensor[] {
    return node.inputs.flatMap((name, i) => {
      if (settings[node.op]?.includes(i)) return []
      const tensors = this.#sources.get(name) ?? []
      if (quantised[node.op]?.includes(i)) for (const tensor of tensors) this.#quantised.add(tensor)
      return tensors
    })
  }

  #count(node: OnnxNode, used: readonly OnnxTensor[]): OnnxParameter[] {
    const parameters: OnnxParameter[] = []
    for (const tensor of used) {
      const learned = this.#quantised.has(tensor) || (isFloating(tensor.dtype) && tensor.shape.length > 0)
      if (!learned || this.#counted.has(tensor)) continue
      this.#counted.add(tensor)
      parameters.push({ tensor, count: elementCount(node, tensor) })
    }
    return parameters
  }
}

/** Weights that are packed into blocks of bytes say by attributes how many they are. */
function elementCount({ op, attributes: { N, K } }: OnnxNode, { dtype, shape }: OnnxTensor): number {
  const packed = op === "MatMulNBits" && !isFloating(dtype)
  return packed && typeof N === "number" && typeof K === "number" ? N * K : sizeOf(shape)
}

function isTensor(value: OnnxAttributeValue | undefined): value is OnnxTensor {
  return typeof value === "object" && "dtype" in value && "shape" in value
}
