/** Rules of operators that make values of shapes and numbers: Shape, Range, Cast, and resizing, which is told by them. */

import { dtypeOf, isFloating } from "../data-types.ts"
import type { OnnxDim } from "../description.ts"
import { axisOf, known, multiply, type OnnxShape, product, unknown } from "./dims.ts"
import { forAll, type NodeView, type OpRule, type OpRules } from "./node-view.ts"
import { MAX_ELEMENTS, pick } from "./pick.ts"
import { tensorElements } from "./tensor-elements.ts"

/** The dimensions that Shape gives. */
function shapePart(node: NodeView): OnnxShape {
  const x = node.shape(0)
  return x.slice(node.number("start", 0), node.number("end", x.length))
}

const cast: OpRule = {
  shapes: (node) => [node.shape(0)],
  dtype: (node) => dtypeOf(node.number("to", 0)),
  elements: (node) => {
    const dtype = known(dtypeOf(node.number("to", 0)))
    const convert =
      dtype === "bool" ? (x: number) => Number(x !== 0) : isFloating(dtype) ? (x: number) => x : Math.trunc
    return node.elements(0).map((x) => (typeof x === "number" ? convert(x) : dtype === "bool" && x !== null ? 1 : x))
  },
}

/** Forms that Constant takes, by the attribute that holds the value. */
const constant: OpRule = {
  shapes: (node) => {
    const value = node.attribute("value") ?? node.attribute("sparse_value")
    if (value !== undefined) return [tensorOf(value).shape]
    const list = node.list("value_ints") ?? node.list("value_floats")
    if (list) return [[list.length]]
    return node.attribute("value_int") !== undefined || node.attribute("value_float") !== undefined ? [[]] : unknown()
  },
  dtype: (node) => {
    const value = node.attribute("value")
    if (value !== undefined) return tensorOf(value).dtype
    return node.attribute("value_int") !== undefined || node.attribute("value_ints") !== undefined ? "int64" : "float32"
  },
  elements: (node) => {
    const value = node.attribute("value")
    if (value !== undefined) return known(tensorElements(tensorOf(value)))
    return (
      node.list("value_ints") ?? node.list("value_floats") ?? [node.number("value_int", node.number("value_float", 0))]
    )
  },
}

function tensorOf(value: NonNullable<ReturnType<NodeView["attribute"]>>) {
  return typeof value === "object" && "dtype" in value && "shape" in value ? value : unknown()
}

const constantOfShape: OpRule = {
  shapes: (node) => [node.elements(0)],
  dtype: (node) => {
    const value = node.attribute("value")
    return value === undefined ? "float32" : tensorOf(value).dtype
  },
  elements: (node, output) => {
    const value = node.attribute("value")
    const fill = value === undefined ? [0] : known(tensorElements(tensorOf(value)))
    return pick(
      output.map((dim) => (typeof dim === "number" ? dim : unknown())),
      fill,
      () => 0,
    )
  },
}

const range: OpRule = {
  shapes: (node) => {
    const [start, limit, step] = [node.elements(0)[0]!, node.elements(1)[0]!, node.elements(2)[0]!]
    if (start === 0 && step === 1 && typeof limit === "string") return [[limit]]
    if (typeof start !== "number" || typeof limit !== "number" || typeof step !== "number" || step === 0)
      return [[null]]
    return [[Math.max(0, Math.ceil((limit - start) / step))]]
  },
  elements: (node, [count]) => {
    const [start, step] = [node.numbers(0)[0]!, node.numbers(2)[0]!]
    if (typeof count !== "number" || count > MAX_ELEMENTS) unknown()
    return Array.from({ length: count as number }, (_, i) => start + i * step)
  },
}

/** Upsample, and Resize of set 10, take scales second; Resize of later sets third, and sizes fourth. */
const resize: OpRule = {
  shapes: (node) => {
    const x = node.shape(0)
    const axes = (node.list("axes") ?? x.map((_, i) => i)).map((axis) => axisOf(axis, x.length))
    const sizes = node.has(3) ? node.elements(3) : undefined
    if (sizes && node.text("keep_aspect_ratio_policy", "stretch") !== "stretch") unknown()
    const scales = sizes ?? node.list("scales") ?? node.elements(node.opset < 11 || node.op === "Upsample" ? 1 : 2)
    return [
      x.map((dim, i) => {
        const at = axes.indexOf(i)
        if (at < 0) return dim
        const value = scales[at] ?? null
        return sizes ? value : scaled(dim, value)
      }),
    ]
  },
}

function scaled(dim: OnnxDim, scale: OnnxDim): OnnxDim {
  return typeof dim === "number" && typeof scale === "number" ? Math.floor(dim * scale) : multiply(dim, scale)
}

export const shapeOfRules: OpRules = {
  Shape: { shapes: (node) => [[shapePart(node).length]], elements: shapePart, dtype: () => "int64" },
  Size: { shapes: () => [[]], elements: (node) => [product(node.shape(0))], dtype: () => "int64" },
  Cast: cast,
  CastLike: { shapes: (node) => [node.shape(0)], elements: (node) => node.elements(0), dtype: (node) => node.dtype(1) },
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Range: range,
  ...forAll(["Resize", "Upsample"], resize),
  ...forAll(["RandomNormal", "RandomUniform"], { shapes: (node) => [node.list("shape") ?? unknown()] }),
}
