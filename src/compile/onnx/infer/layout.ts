/** Rules of operators that move elements: reshaping, joining, cutting, repeating, padding. Small constants move too. */

import type { OnnxDim } from "../description.ts"
import { add, axisOf, broadcast, concrete, divide, multiply, type OnnxShape, product, unknown } from "./dims.ts"
import type { NodeView, OpRule, OpRules } from "./node-view.ts"
import { pick, stridesOf } from "./pick.ts"

/** Elements stay in their order. */
const inOrder: Pick<OpRule, "elements"> = { elements: (node) => node.elements(0) }

/** The shape that Reshape gives: 0 keeps a dimension, -1 takes what is left. */
function reshape(from: OnnxShape, target: readonly OnnxDim[], allowZero: boolean): OnnxShape {
  const shape = target.map((dim, i) => (dim === 0 && !allowZero ? (from[i] ?? unknown()) : dim))
  const open = shape.flatMap((dim, i) => (dim === -1 || dim === null ? [i] : []))
  const rest = (i: number) => divide(product(from), product(shape.filter((_, other) => other !== i)))
  return shape.map((dim, i) => (open.includes(i) ? (open.length === 1 ? rest(i) : null) : dim))
}

/** Positions from `start` to `end` by `step` on an axis of a known size, by NumPy's rule: the first, and how many. */
function range(start: number, end: number, step: number, size: number): { first: number; count: number } {
  if (step === 0) unknown()
  const [least, most] = step > 0 ? [0, size] : [-1, size - 1]
  const clamp = (x: number) => Math.min(Math.max(x < 0 ? x + size : x, least), most)
  const [first, last] = [clamp(start), clamp(end)]
  return { first, count: Math.max(0, Math.ceil((last - first) / step)) }
}

interface Cut {
  start: OnnxDim
  end: OnnxDim
  step: number
}

/** What Slice does on each of its axes. */
function cuts(node: NodeView, rank: number): Map<number, Cut> {
  const given = (name: string, input: number): readonly OnnxDim[] | undefined =>
    node.list(name) ?? (node.has(input) ? node.elements(input) : undefined)
  const starts = given("starts", 1) ?? unknown()
  const ends = given("ends", 2) ?? unknown()
  const axes = node.listOrInput("axes", 3) ?? starts.map((_, i) => i)
  const steps = node.has(4) ? node.numbers(4) : starts.map(() => 1)
  return new Map(axes.map((axis, i) => [axisOf(axis, rank), { start: starts[i]!, end: ends[i]!, step: steps[i]! }]))
}

/** Beyond any size: exporters write the largest int32 or int64 for "to the end". */
const TO_THE_END = 2 ** 31 - 1

function cutSize(size: OnnxDim, { start, end, step }: Cut): OnnxDim {
  if (start === 0 && step === 1) {
    if (end === size || (typeof end === "number" && end >= TO_THE_END)) return size
  }
  if (typeof start !== "number" || typeof end !== "number" || typeof size !== "number") return null
  return range(start, end, step, size).count
}

const slice: OpRule = {
  shapes: (node) => {
    const x = node.shape(0)
    const given = cuts(node, x.length)
    return [x.map((size, axis) => (given.has(axis) ? cutSize(size, given.get(axis)!) : size))]
  },
  elements: (node, output) => {
    const x = concrete(node.shape(0))
    const given = cuts(node, x.length)
    const strides = stridesOf(x)
    const steps = x.map((size, axis) => {
      const { start, end, step } = given.get(axis) ?? { start: 0, end: size, step: 1 }
      if (typeof start !== "number" || typeof end !== "number") return unknown()
      return { first: range(start, end, step, size).first, step }
    })
    return pick(concrete(output), node.elements(0), (index) =>
      index.reduce((at, i, axis) => at + (steps[axis]!.first + i * steps[axis]!.step) * strides[axis]!, 0),
    )
  },
}

const transpose: OpRule = {
  shapes: (node) => {
    const x = node.shape(0)
    return [permutation(node, x.length).map((axis) => x[axis]!)]
  },
  elements: (node, output) => {
    const x = concrete(node.shape(0))
    const strides = stridesOf(x)
    const order = permutation(node, x.length)
    return pick(concrete(output), node.elements(0), (index) =>
      index.reduce((at, i, axis) => at + i * strides[order[axis]!]!, 0),
    )
  },
}

function permutation(node: NodeView, rank: number): number[] {
  const order = node.list("perm") ?? Array.from({ length: rank }, (_, i) => rank - 1 - i)
  return order.length === rank ? order.map((axis) => axisOf(axis, rank)) : unknown()
}

/** `count` inputs from `first` on, each `every` inputs apart, one after the other along an axis. */
function concat(first: number, every: number): OpRule {
  const parts = (node: NodeView) =>
    Array.from({ length: Math.ceil((node.inputCount - first) / every) }, (_, i) => node.shape(first + i * every))
  return {
    shapes: (node) => {
      const shapes = parts(node)
      const head = shapes[0] ?? unknown()
      const axis = node.axis(0, head.length)
      return [
        head.map((_, i) => {
          const dims = shapes.map((shape) => (shape.length === head.length ? shape[i]! : unknown()))
          return i === axis ? dims.reduce<OnnxDim>(add, 0) : (dims.find((dim) => typeof dim === "number") ?? dims[0]!)
        }),
      ]
    },
    elements: (node, output) => {
      // Only along the first axis, as shapes are put together.
      if (node.axis(0, output.length) !== 0) unknown()
      return parts(node).flatMap((_, i) => node.elements(first + i * every))
    },
  }
}

/** Sizes of the parts of Split along its axis. */
function splitSizes(node: NodeView, size: OnnxDim): OnnxDim[] {
  const given = node.listOrInput("split", 1)
  if (given) return given
  const count = node.number("num_outputs", node.outputCount)
  if (typeof size !== "number") return new Array<OnnxDim>(count).fill(divide(size, count))
  const part = Math.ceil(size / count)
  return Array.from({ length: count }, (_, i) => Math.max(0, Math.min(part, size - i * part)))
}

const split: OpRule = {
  shapes: (node) => {
    const x = node.shape(0)
    const axis = node.axis(0, x.length)
    return splitSizes(node, x[axis]!).map((size) => x.map((dim, i) => (i === axis ? size : dim)))
  },
  elements: (node, _, index) => {
    if (node.shape(0).length !== 1) unknown()
    const sizes = concrete(splitSizes(node, node.shape(0)[0]!))
    const start = sizes.slice(0, index).reduce((total, size) => total + size, 0)
    return node.elements(0).slice(start, start + sizes[index]!)
  },
}

const gather: OpRule = {
  shapes: (node) => {
    const x = node.shape(0)
    const axis = node.axis(0, x.length)
    return [[...x.slice(0, axis), ...node.shape(1), ...x.slice(axis + 1)]]
  },
  elements: (node, output) => {
    const x = concrete(node.shape(0))
    const axis = node.axis(0, x.length)
    const strides = stridesOf(x)
    const indices = node.numbers(1)
    const own = stridesOf(concrete(node.shape(1)))
    return pick(concrete(output), node.elements(0), (index) => {
      const place = own.reduce((at, stride, i) => at + index[axis + i]! * stride, 0)
      const chosen = axisOf(indices[place]!, x[axis]!)
      const kept = [...index.slice(0, axis), chosen, ...index.slice(axis + own.length)]
      return kept.reduce((at, i, a) => at + i * strides[a]!, 0)
    })
  },
}

const unsqueeze: OpRule = {
  ...inOrder,
  shapes: (node) => {
    const x = node.shape(0)
    const axes = node.listOrInput("axes", 1) ?? unknown()
    const rank = x.length + axes.length
    const added = new Set(axes.map((axis) => axisOf(axis, rank)))
    let next = 0
    return [Array.from({ length: rank }, (_, i) => (added.has(i) ? 1 : (x[next++] ?? unknown())))]
  },
}

const squeeze: OpRule = {
  ...inOrder,
  shapes: (node) => {
    const x = node.shape(0)
    const axes = node.listOrInput("axes", 1)?.map((axis) => axisOf(axis, x.length))
    if (!axes && x.some((dim) => typeof dim !== "number")) unknown()
    return [x.filter((dim, i) => (axes ? !axes.includes(i) : dim !== 1))]
  },
}

/** Repeats along each axis. */
const tile: OpRule = {
  shapes: (node) => {
    const repeats = node.elements(1)
    return [node.shape(0).map((dim, i) => multiply(dim, repeats[i] ?? null))]
  },
  elements: (node, output) => {
    const x = concrete(node.shape(0))
    const strides = stridesOf(x)
    return pick(concrete(output), node.elements(0), (index) =>
      index.reduce((at, i, axis) => at + (i % x[axis]!) * strides[axis]!, 0),
    )
  },
}

const expand: OpRule = {
  shapes: (node) => [broadcast(node.shape(0), node.elements(1))],
  elements: (node, output) => {
    const value = node.elements(0)
    return value.length === 1 ? pick(concrete(output), value, () => 0) : unknown()
  },
}

const pad: OpRule = {
  shapes: (node) => {
    const x = node.shape(0)
    const pads = node.list("pads") ?? node.list("paddings") ?? node.elements(1)
    const axes = (node.has(3) ? node.numbers(3) : x.map((_, i) => i)).map((axis) => axisOf(axis, x.length))
    return [
      x.map((dim, i) => {
        const at = axes.indexOf(i)
        return at < 0 ? dim : add(dim, add(pads[at] ?? null, pads[at + axes.length] ?? null))
      }),
    ]
  },
}

const depthToSpace = (direction: 1 | -1): OpRule => ({
  shapes: (node) => {
    const block = node.number("blocksize", 1)
    const [batch, channels, ...spatial] = node.shape(0)
    const grow = (dim: OnnxDim) => multiply(dim, block)
    const shrink = (dim: OnnxDim, by: number) => divide(dim, by)
    return direction > 0
      ? [[batch!, shrink(channels!, block ** 2), ...spatial.map(grow)]]
      : [[batch!, multiply(channels!, block ** 2), ...spatial.map((dim) => shrink(dim, block))]]
  },
})

export const layoutRules: OpRules = {
  Identity: { ...inOrder, shapes: (node) => [node.shape(0)] },
  Reshape: {
    ...inOrder,
    shapes: (node) => [
      reshape(node.shape(0), node.list("shape") ?? node.elements(1), node.number("allowzero", 0) === 1),
    ],
  },
  Flatten: {
    ...inOrder,
    shapes: (node) => {
      const x = node.shape(0)
      const axis = node.number("axis", 1)
      const at = axis === x.length ? axis : axisOf(axis, x.length)
      return [[product(x.slice(0, at)), product(x.slice(at))]]
    },
  },
  Transpose: transpose,
  Concat: concat(0, 1),
  // Scale and zero point of the result, then each part with its own.
  QLinearConcat: concat(2, 3),
  Split: split,
  Slice: slice,
  Gather: gather,
  GatherElements: { shapes: (node) => [node.shape(1)] },
  GatherND: {
    shapes: (node) => {
      const [x, indices] = [node.shape(0), node.shape(1)]
      const depth = indices.at(-1)
      if (typeof depth !== "number") return unknown()
      return [[...indices.slice(0, -1), ...x.slice(depth + node.number("batch_dims", 0))]]
    },
  },
  Unsqueeze: unsqueeze,
  Squeeze: squeeze,
  Tile: tile,
  Expand: expand,
  Pad: pad,
  DepthToSpace: depthToSpace(1),
  SpaceToDepth: depthToSpace(-1),
}
