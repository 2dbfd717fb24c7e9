/** Rules of matrix products. */

import type { OnnxDim } from "../description.ts"
import { broadcast, known, type OnnxShape, unknown } from "./dims.ts"
import { forAll, type NodeView, type OpRule, type OpRules } from "./node-view.ts"

/** NumPy's matmul: axes before the last two broadcast, and a vector is a row on the left and a column on the right. */
function matmulShape(a: OnnxShape, b: OnnxShape): OnnxShape {
  if (a.length === 0 || b.length === 0) unknown()
  const [rows, columns] = [a.slice(0, -1).slice(-1), b.length === 1 ? [] : b.slice(-1)]
  return [...broadcast(a.slice(0, -2), b.slice(0, -2)), ...rows, ...columns]
}

/** Product of the inputs `a` and `b`. */
function matmul(a: number, b: number): OpRule {
  return {
    shapes: (node) => [matmulShape(node.shape(a), node.shape(b))],
    macs: (node, output) => node.count(...output, inner(node.shape(a), node.shape(b))),
  }
}

/** The axis that is summed over. Either operand may know it. */
function inner(a: OnnxShape, b: OnnxShape): OnnxDim {
  const [last, first] = [a.at(-1)!, b.length === 1 ? b[0]! : b.at(-2)!]
  return typeof last === "number" ? last : first
}

/** A [M, K] or its transpose, times B [K, N] or its transpose. */
function gemm(b: number): OpRule {
  const operands = (node: NodeView) => {
    const [left, right] = [node.shape(0), node.shape(b)]
    if (left.length !== 2 || right.length !== 2) unknown()
    const transposed = (shape: OnnxShape, name: string) => (node.number(name, 0) === 1 ? [...shape].reverse() : shape)
    return [transposed(left, "transA"), transposed(right, "transB")] as const
  }
  return {
    shapes: (node) => [matmulShape(...operands(node))],
    macs: (node, output) => node.count(...output, inner(...operands(node))),
  }
}

/** com.microsoft: a product with either operand transposed in its last two axes. */
const fusedMatmul: OpRule = {
  shapes: (node) => [matmulShape(...fusedOperands(node))],
  macs: (node, output) => node.count(...output, inner(...fusedOperands(node))),
}

function fusedOperands(node: NodeView): [OnnxShape, OnnxShape] {
  const operand = (i: number, name: string) => {
    const shape = node.shape(i)
    return node.number(name, 0) === 1 ? [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!] : shape
  }
  return [operand(0, "transA"), operand(1, "transB")]
}

/** Sizes of the indices of an Einsum, and those of its result. */
function einsum(node: NodeView): { sizes: Map<string, OnnxDim>; result: string[] } {
  const [left, right] = node.text("equation").replaceAll(/\s/g, "").split("->")
  const sizes = new Map<string, OnnxDim>()
  const seen: string[] = []
  left!.split(",").forEach((term, i) => {
    const shape = node.shape(i)
    const labels = expand(term, shape.length)
    if (labels.length !== shape.length) unknown()
    labels.forEach((label, axis) => {
      const size = sizes.get(label)
      if (size === undefined || size === 1 || typeof size !== "number") sizes.set(label, shape[axis]!)
    })
    seen.push(...labels)
  })
  if (right === undefined) {
    const once = [...new Set(seen)].filter((label) => seen.indexOf(label) === seen.lastIndexOf(label))
    return { sizes, result: [...dots(sizes), ...once.filter((label) => label.length === 1).sort()] }
  }
  const result = right.includes("...")
    ? right.split("...").flatMap((part, i) => [...(i ? dots(sizes) : []), ...part])
    : [...right]
  return { sizes, result }
}

/** The labels of a term; the axes of its ellipsis are `...1`, `...2`, counted from the last. */
function expand(term: string, rank: number): string[] {
  const [before, after] = term.split("...")
  if (after === undefined) return [...term]
  const count = rank - before!.length - after.length
  if (count < 0) unknown()
  return [...before!, ...Array.from({ length: count }, (_, i) => `...${count - i}`), ...after]
}

function dots(sizes: Map<string, OnnxDim>): string[] {
  const labels = [...sizes.keys()].filter((label) => label.length > 1)
  return labels.sort((a, b) => Number(b.slice(3)) - Number(a.slice(3)))
}

/**
 * Queries [N, heads, L, D], keys [N, heads, S, D] and values [N, heads, S, E]; or [N, L, heads D] with the number of
 * heads as attributes. Scores and their product with the values are counted.
 */
const attention: OpRule = {
  shapes: (node) => {
    const { q, v } = heads(node)
    const shape: OnnxShape = [...q.slice(0, 3), v[3]!]
    if (node.shape(0).length === 4) return [shape]
    return [[shape[0]!, shape[2]!, known(numeric(shape[1]!)) * known(numeric(shape[3]!))]]
  },
  macs: (node) => {
    const { q, v } = heads(node)
    const pairs = node.count(q[0]!, q[1]!, q[2]!, v[2]!)
    return pairs * (node.count(q[3]!) + node.count(v[3]!))
  },
}

const numeric = (dim: OnnxDim) => (typeof dim === "number" ? dim : undefined)

function heads(node: NodeView): { q: OnnxShape; v: OnnxShape } {
  const split = (i: number, count: number): OnnxShape => {
    const shape = node.shape(i)
    if (shape.length === 4) return shape
    if (shape.length !== 3 || count < 1) unknown()
    return [shape[0]!, count, shape[1]!, known(numeric(shape[2]!)) / count]
  }
  const count = node.number("q_num_heads", node.number("num_heads", 0))
  return { q: split(0, count), v: split(2, node.number("kv_num_heads", count)) }
}

/** com.microsoft: attention with the projections to queries, keys and values in one weight [D, 3 D]; x [N, L, D]. */
const projectedAttention: OpRule = {
  shapes: (node) => {
    const [batch, length] = node.shape(0)
    return [[batch!, length!, widths(node).at(-1)!]]
  },
  macs: (node) => {
    const [batch, length, channels] = node.shape(0)
    const [q, k, v] = widths(node) as [number, number, number]
    const projections = node.count(batch!, length!, channels!) * (q + k + v)
    return projections + node.count(batch!, length!, length!) * (q + v)
  },
}

/** Channels of all queries, keys and values. */
function widths(node: NodeView): number[] {
  const width = known(numeric(node.shape(1)[1]!)) / 3
  return node.list("qkv_hidden_sizes") ?? [width, width, width]
}

export const matrixRules: OpRules = {
  ...forAll(["MatMul", "MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul"], matmul(0, 1)),
  QLinearMatMul: matmul(0, 3),
  ...forAll(["FusedMatMul", "TransposeMatMul"], fusedMatmul),
  ...forAll(["Gemm", "FusedGemm", "GemmFastGelu"], gemm(1)),
  QGemm: gemm(3),
  // The weight is packed; its size is in the attributes.
  MatMulNBits: {
    shapes: (node) => [[...node.shape(0).slice(0, -1), node.number("N", 0)]],
    macs: (node, output) => node.count(...output, node.number("K", 0)),
  },
  Einsum: {
    shapes: (node) => {
      const { sizes, result } = einsum(node)
      return [result.map((label) => (sizes.has(label) ? sizes.get(label)! : unknown()))]
    },
    // A product of n operands takes n - 1 multiplications for each combination of indices; of one it is a transpose or a sum.
    macs: (node) => Math.max(0, node.inputCount - 1) * node.count(...einsum(node).sizes.values()),
  },
  ...forAll(["Attention", "MultiHeadAttention"], attention),
}

/** Operators of com.microsoft that share a name with a standard one, and are another. */
export const microsoftMatrixRules: OpRules = { Attention: projectedAttention }
