/** Operators that take tensors apart along an axis and put them together. */

import { expectOneOf, expectWhole } from "../checks.ts"
import { printShape, sameShape } from "../dim.ts"
import { isCount } from "../errors.ts"
import type { NdArray } from "../ndarray.ts"
import { defineOp, named, type Op, type Tensor } from "../tensor.ts"
import { add } from "./elementwise.ts"
import { sum } from "./reduce.ts"
import { forEachIndex, stridesOf } from "./reference.ts"
import { axisOf, fixedSize, flip, unsqueeze, zerosLike } from "./shape.ts"

interface Range {
  axis: number
  start: number
  end: number
}

const sliceOp: Op<Range> = defineOp<Range>({
  name: "slice",
  shape: ([x], { axis, start, end }) => {
    const size = fixedSize(x!, axis)
    if (!(Number.isInteger(start) && Number.isInteger(end) && 0 <= start && start < end && end <= size)) {
      throw new RangeError(`${start} to ${end} is no range of axis ${axis} of ${printShape(x!.shape)}`)
    }
    return { shape: x!.shape.map((dim, i) => (i === axis ? end - start : dim)), dtype: x!.dtype }
  },
  gradient: ([x], _, [dy], { axis, start, end }) => [zeroPad(dy!, axis, start, fixedSize(x!, axis) - end)],
  onnx: (builder, [x], { axis, start, end }) =>
    builder.node("Slice", [x!, builder.ints([start]), builder.ints([end]), builder.ints([axis])]),
  reference: ([x], { axis, start }, [y]) => {
    const strides = stridesOf(x!.shape)
    forEachIndex(y!.shape, [strides], (i, [j]) => {
      y!.data[i] = x!.data[j! + start * strides[axis]!]!
    })
  },
})

/** Elements `start` to `end` (exclusive) along one axis. */
export function slice(x: Tensor, axis: number, start: number, end: number): Tensor {
  const along = axisOf("slice", x, axis)
  return start === 0 && end === x.shape[along] ? x : sliceOp([x], { axis: along, start, end })
}

/** What is put around a tensor: zeros, its inside mirrored at the first and last element, or these repeated. */
export type PadMode = "zero" | "reflect" | "edge"

interface Padding {
  axis: number
  before: number
  after: number
  mode: PadMode
}

const padOp: Op<Padding> = defineOp<Padding>({
  name: "pad",
  shape: ([x], { axis, before, after, mode }) => {
    const size = fixedSize(x!, axis)
    if (mode === "reflect" && Math.max(before, after) >= size) {
      throw new RangeError(
        `axis ${axis} of ${printShape(x!.shape)} is too short to mirror ${before} and ${after} of it`,
      )
    }
    return { shape: x!.shape.map((dim, i) => (i === axis ? before + size + after : dim)), dtype: x!.dtype }
  },
  gradient: ([x], _, [dy], { axis, before, after, mode }) => {
    const size = fixedSize(x!, axis)
    const inside = slice(dy!, axis, before, before + size)
    const outside = [
      before > 0 && foldBefore[mode](slice(dy!, axis, 0, before), axis, size),
      after > 0 && foldAfter[mode](slice(dy!, axis, before + size, before + size + after), axis, size),
    ]
    return [outside.reduce<Tensor>((total, part) => (part ? add(total, part) : total), inside)]
  },
  onnx: (builder, [x], { axis, before, after, mode }, node) => {
    const rank = node.inputs[0]!.rank
    const pads = new Array<number>(2 * rank).fill(0)
    pads[axis] = before
    pads[axis + rank] = after
    return builder.node("Pad", [x!, builder.ints(pads)], { mode: mode === "zero" ? "constant" : mode })
  },
  reference: ([x], { axis, before, mode }, [y]) => {
    const size = x!.shape[axis]!
    const strides = stridesOf(x!.shape)
    const others = strides.map((stride, i) => (i === axis ? 0 : stride))
    forEachIndex(y!.shape, [others], (i, [j], index) => {
      const source = paddedPosition[mode](index[axis]! - before, size)
      if (source !== undefined) y!.data[i] = x!.data[j! + source * strides[axis]!]!
    })
  },
})

/** The element, 0 .. size - 1, that stands at a position inside or outside; undefined: zero. */
const paddedPosition: Record<PadMode, (position: number, size: number) => number | undefined> = {
  zero: (position, size) => (position >= 0 && position < size ? position : undefined),
  reflect: (position, size) => size - 1 - Math.abs(size - 1 - Math.abs(position)),
  edge: (position, size) => Math.min(size - 1, Math.max(0, position)),
}

type Fold = (dy: Tensor, axis: number, size: number) => Tensor | undefined
const zeroPad = (x: Tensor, axis: number, before: number, after: number): Tensor =>
  padOp([x], { axis, before, after, mode: "zero" })

/** Gradient of the elements that were repeated before the tensor. */
const foldBefore: Record<PadMode, Fold> = {
  zero: () => undefined,
  reflect: (dy, axis, size) => zeroPad(flip(dy, axis), axis, 1, size - 1 - fixedSize(dy, axis)),
  edge: (dy, axis, size) => zeroPad(sum(dy, [axis], { keepDims: true }), axis, 0, size - 1),
}

/** Gradient of the elements that were repeated after it. */
const foldAfter: Record<PadMode, Fold> = {
  zero: () => undefined,
  reflect: (dy, axis, size) => zeroPad(flip(dy, axis), axis, size - 1 - fixedSize(dy, axis), 1),
  edge: (dy, axis, size) => zeroPad(sum(dy, [axis], { keepDims: true }), axis, size - 1, 0),
}

/**
 * Elements before and after x along one axis: zeros, or what the mode says.
 * Throws a RangeError if there is less to mirror than asked for, for other modes, and unless the padding is whole.
 */
export function pad(x: Tensor, axis: number, before: number, after: number, mode: PadMode = "zero"): Tensor {
  named("pad", () => {
    expectWhole("padding", before, 0)
    expectWhole("padding", after, 0)
    expectOneOf("mode", mode, Object.keys(paddedPosition))
  })
  return before === 0 && after === 0 ? x : padOp([x], { axis: axisOf("pad", x, axis), before, after, mode })
}

const concatOp: Op<{ axis: number }> = defineOp<{ axis: number }>({
  name: "concat",
  shape: (inputs, { axis }) => {
    const [first] = inputs
    const others = (x: Tensor) => x.shape.filter((_, i) => i !== axis)
    for (const x of inputs) {
      if (x.rank !== first!.rank || !sameShape(others(x), others(first!))) {
        throw new RangeError(`${inputs.map((t) => printShape(t.shape)).join(", ")} differ in more than axis ${axis}`)
      }
      if (x.dtype !== first!.dtype) throw new RangeError(`tensors have types ${first!.dtype} and ${x.dtype}`)
    }
    const size = inputs.reduce((total, x) => total + fixedSize(x, axis), 0)
    return { shape: first!.shape.map((dim, i) => (i === axis ? size : dim)), dtype: first!.dtype }
  },
  gradient: (inputs, _, [dy], { axis }) =>
    split(
      dy!,
      axis,
      inputs.map((x) => fixedSize(x, axis)),
    ),
  onnx: (builder, inputs, { axis }) => builder.node("Concat", inputs, { axis }),
  reference: (inputs, { axis }, [y]) => {
    let start = 0
    for (const x of inputs) {
      copyPart(y!, axis, start, x, (whole, part) => {
        y!.data[whole] = x.data[part]!
      })
      start += x.shape[axis]!
    }
  },
})

/** Joins tensors along an axis; all other axes are equal. Throws a RangeError if they are not. */
export function concat(tensors: readonly Tensor[], axis: number): Tensor {
  if (tensors.length === 0) throw new RangeError("concat: got no tensors")
  const along = axisOf("concat", tensors[0]!, axis)
  return tensors.length === 1 ? tensors[0]! : concatOp(tensors, { axis: along })
}

/** Joins tensors of one shape along a new axis. */
export function stack(tensors: readonly Tensor[], axis: number): Tensor {
  return named("stack", () =>
    concat(
      tensors.map((x) => unsqueeze(x, axis)),
      axis,
    ),
  )
}

interface Split {
  axis: number
  sizes: readonly number[]
}

const splitOp: Op<Split> = defineOp<Split>({
  name: "split",
  shape: ([x], { axis, sizes }) => {
    const total = sizes.reduce((sum, size) => sum + size, 0)
    if (total !== fixedSize(x!, axis) || !sizes.every((size) => isCount(size))) {
      throw new RangeError(`sizes ${sizes.join(" + ")} do not make up axis ${axis} of ${printShape(x!.shape)}`)
    }
    return sizes.map((size) => ({ shape: x!.shape.map((dim, i) => (i === axis ? size : dim)), dtype: x!.dtype }))
  },
  gradient: (_, outputs, gradients, { axis }) => [
    concat(
      outputs.map((y, i) => gradients[i] ?? zerosLike(y)),
      axis,
    ),
  ],
  onnx: (builder, [x], { axis, sizes }) => builder.nodes("Split", [x!, builder.ints(sizes)], { axis }, sizes.length),
  reference: ([x], { axis }, outputs) => {
    let start = 0
    for (const y of outputs) {
      copyPart(x!, axis, start, y, (whole, part) => {
        y.data[part] = x!.data[whole]!
      })
      start += y.shape[axis]!
    }
  },
})

/** Calls `visit` with the positions of each element of a part, in the whole and in the part. */
function copyPart(
  whole: NdArray,
  axis: number,
  start: number,
  part: NdArray,
  visit: (whole: number, part: number) => void,
): void {
  const strides = stridesOf(whole.shape)
  forEachIndex(part.shape, [strides], (i, [j]) => visit(j! + start * strides[axis]!, i))
}

/** Cuts x along one axis into parts of the given sizes. Throws a RangeError if they do not make up the axis. */
export function split(x: Tensor, axis: number, sizes: readonly number[]): readonly Tensor[] {
  const along = axisOf("split", x, axis)
  return sizes.length === 1 && sizes[0] === x.shape[along] ? [x] : splitOp.apply([x], { axis: along, sizes })
}

interface Roll {
  axis: number
  shift: number
}

const rollOp: Op<Roll> = defineOp<Roll>({
  name: "roll",
  shape: ([x], { axis }) => {
    fixedSize(x!, axis)
    return { shape: x!.shape, dtype: x!.dtype }
  },
  gradient: (_x, _y, [dy], { axis, shift }) => [roll(dy!, axis, -shift)],
  decompose: ([x], { axis, shift }) => {
    const size = fixedSize(x!, axis)
    return concat([slice(x!, axis, size - shift, size), slice(x!, axis, 0, size - shift)], axis)
  },
  reference: ([x], { axis, shift }, [y]) => {
    const size = x!.shape[axis]!
    const stride = stridesOf(x!.shape)[axis]!
    forEachIndex(x!.shape, [], (i, _, index) => {
      y!.data[i + (((index[axis]! + shift) % size) - index[axis]!) * stride] = x!.data[i]!
    })
  },
})

/** Moves elements by `shift` towards the end of an axis; what leaves it there comes back at its beginning. */
export function roll(x: Tensor, axis: number, shift: number): Tensor {
  const along = axisOf("roll", x, axis)
  const size = named("roll", () => {
    expectWhole("shift", shift)
    return fixedSize(x, along)
  })
  const forward = ((shift % size) + size) % size
  return forward === 0 ? x : rollOp([x], { axis: along, shift: forward })
}
