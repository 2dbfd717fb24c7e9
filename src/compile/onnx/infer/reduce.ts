/** Rules of operators that reduce axes, and of those that choose among elements. */

import type { OnnxDim } from "../description.ts"
import { axisOf, multiply, unknown } from "./dims.ts"
import { forAll, type NodeView, type OpRule, type OpRules } from "./node-view.ts"

/** Axes that are reduced: an attribute, or an input in newer sets; all where none are given. */
function reducedAxes(node: NodeView, rank: number): ReadonlySet<number> {
  const axes = node.listOrInput("axes", 1) ?? []
  if (axes.length > 0) return new Set(axes.map((axis) => axisOf(axis, rank)))
  return new Set(node.number("noop_with_empty_axes", 0) === 1 ? [] : Array.from({ length: rank }, (_, i) => i))
}

function reduction(combine?: (a: OnnxDim, b: OnnxDim) => OnnxDim): OpRule {
  return {
    shapes: (node) => {
      const x = node.shape(0)
      const axes = reducedAxes(node, x.length)
      if (node.number("keepdims", 1) === 1) return [x.map((dim, i) => (axes.has(i) ? 1 : dim))]
      return [x.filter((_, i) => !axes.has(i))]
    },
    // Of lists only, as the number of elements of a shape is found.
    elements: combine && ((node) => (node.shape(0).length === 1 ? [node.elements(0).reduce(combine)] : unknown())),
  }
}

const numeric =
  (compute: (a: number, b: number) => number) =>
  (a: OnnxDim, b: OnnxDim): OnnxDim =>
    typeof a === "number" && typeof b === "number" ? compute(a, b) : null

const chosenIndex: OpRule = {
  dtype: () => "int64",
  shapes: (node) => {
    const x = node.shape(0)
    const axis = node.axis(0, x.length)
    return [
      node.number("keepdims", 1) === 1 ? x.map((dim, i) => (i === axis ? 1 : dim)) : x.filter((_, i) => i !== axis),
    ]
  },
}

export const reduceRules: OpRules = {
  ...forAll(["ReduceMean", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"], reduction()),
  ReduceSum: reduction(numeric((a, b) => a + b)),
  ReduceProd: reduction(multiply),
  ReduceMax: reduction(numeric(Math.max)),
  ReduceMin: reduction(numeric(Math.min)),
  ...forAll(["ArgMax", "ArgMin"], chosenIndex),
  TopK: {
    shapes: (node) => {
      const x = node.shape(0)
      const axis = node.axis(-1, x.length)
      const count = node.has(1) ? node.elements(1)[0]! : node.number("k", 0)
      const y = x.map((dim, i) => (i === axis ? count : dim))
      return [y, y]
    },
  },
  OneHot: {
    dtype: (node) => node.dtype(2),
    shapes: (node) => {
      const indices = node.shape(0)
      const axis = node.axis(-1, indices.length + 1)
      return [[...indices.slice(0, axis), node.elements(1)[0]!, ...indices.slice(axis)]]
    },
  },
  NonZero: { dtype: () => "int64", shapes: (node) => [[node.shape(0).length, null]] },
  NonMaxSuppression: { dtype: () => "int64", shapes: () => [[null, 3]] },
  // x [N, C, H, W], boxes [K, 4]
  RoiAlign: {
    shapes: (node) => [
      [node.shape(1)[0]!, node.shape(0)[1]!, node.number("output_height", 1), node.number("output_width", 1)],
    ],
  },
  // x [N, C, ...], grid [N, ..., 2 or 3]
  GridSample: { shapes: (node) => [[...node.shape(0).slice(0, 2), ...node.shape(1).slice(1, -1)]] },
}
