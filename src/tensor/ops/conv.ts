/**
 * Two-dimensional convolution, its two gradients, and transposed convolution, which is one of them. Activations are
 * [N, H, W, C], filters [O, I / groups, kh, kw] as in PyTorch. Everything is written as standard ONNX convolutions;
 * lowering passes put faster forms in their place.
 */

import { expectWhole, wholeList, wholePair } from "../checks.ts"
import { type Dim, multiplyDims, printShape } from "../dim.ts"
import type { NdArray } from "../ndarray.ts"
import { defineOp, expectRank, expectShape, named, type OnnxBuilder, type Op, type Tensor } from "../tensor.ts"
import { add } from "./elementwise.ts"
import { perChannel, sum } from "./reduce.ts"

export interface Conv2dAttributes {
  readonly strides: readonly [number, number]
  /** Zeros around the input: top, left, bottom, right. */
  readonly pads: readonly [number, number, number, number]
  readonly dilations: readonly [number, number]
  readonly groups: number
}

export interface Conv2dOptions {
  /** Step between positions. Default 1. */
  stride?: number | readonly [number, number]
  /**
   * Zeros around the input: all sides, [vertical, horizontal], or [top, left, bottom, right]. "same" pads so that the
   * output has ceil(size / stride) positions, with the odd row and column at the end (TensorFlow's rule; at stride 1
   * also PyTorch's). Default 0.
   */
  padding?: number | readonly [number, number] | readonly [number, number, number, number] | "same"
  /** Distance between taps. Default 1. */
  dilation?: number | readonly [number, number]
  /** Channel groups that do not mix; the number of channels for a depthwise convolution. Default 1. */
  groups?: number
}

/** [N, H, W, C] to the layout of ONNX's spatial operators. */
export const toNchw = (builder: OnnxBuilder, x: string): string =>
  builder.node("Transpose", [x], { perm: [0, 3, 1, 2] })
/** [N, C, H, W] to [N, H, W, C]. */
export const toNhwc = (builder: OnnxBuilder, x: string): string =>
  builder.node("Transpose", [x], { perm: [0, 2, 3, 1] })

/** Positions of a kernel along one axis; `padding` is that of both ends together. Throws a RangeError for none. */
export function outputSize(input: Dim, kernel: Dim, stride: number, dilation: number, padding: number): number {
  if (typeof input !== "number" || typeof kernel !== "number") {
    throw new RangeError(`height, width and kernel must be numbers, got ${input} and ${kernel}`)
  }
  const size = Math.floor((input + padding - dilation * (kernel - 1) - 1) / stride) + 1
  if (size < 1) {
    throw new RangeError(`a kernel of ${kernel} (dilation ${dilation}) does not fit into ${input} + ${padding} padding`)
  }
  return size
}

/** Visits every pair of input and output positions that a filter tap joins. Calls with flat positions of x, w and y. */
function forEachTap(
  x: readonly number[],
  w: readonly number[],
  y: readonly number[],
  { strides, pads, dilations, groups }: Conv2dAttributes,
  visit: (x: number, w: number, y: number) => void,
): void {
  const [n, height, width, channels] = x as [number, number, number, number]
  const [outputs, perGroup, kh, kw] = w as [number, number, number, number]
  const [, outHeight, outWidth] = y as [number, number, number, number]
  const outputsPerGroup = outputs / groups
  for (let b = 0; b < n; b++) {
    for (let oy = 0; oy < outHeight; oy++) {
      for (let ox = 0; ox < outWidth; ox++) {
        for (let o = 0; o < outputs; o++) {
          const firstChannel = Math.floor(o / outputsPerGroup) * perGroup
          const yIndex = ((b * outHeight + oy) * outWidth + ox) * outputs + o
          for (let ky = 0; ky < kh; ky++) {
            const iy = oy * strides[0] - pads[0] + ky * dilations[0]
            if (iy < 0 || iy >= height) continue
            for (let kx = 0; kx < kw; kx++) {
              const ix = ox * strides[1] - pads[1] + kx * dilations[1]
              if (ix < 0 || ix >= width) continue
              for (let c = 0; c < perGroup; c++) {
                visit(
                  ((b * height + iy) * width + ix) * channels + firstChannel + c,
                  ((o * perGroup + c) * kh + ky) * kw + kx,
                  yIndex,
                )
              }
            }
          }
        }
      }
    }
  }
}

const accumulate = (y: NdArray, i: number, value: number) => {
  y.data[i] = Number(y.data[i]) + value
}

export const conv2dOp: Op<Conv2dAttributes> = defineOp<Conv2dAttributes>({
  name: "conv2d",
  shape: ([x, weight, bias], { strides, pads, dilations, groups }) => {
    expectRank("x", x!, 4)
    expectRank("weight", weight!, 4)
    const [n, height, width, channels] = x!.shape as [Dim, Dim, Dim, number]
    const [outputs, perGroup, kh, kw] = weight!.shape as [number, number, number, number]
    if (channels !== perGroup * groups || outputs % groups !== 0) {
      throw new RangeError(
        `x ${printShape(x!.shape)} with ${groups} groups does not fit weight ${printShape(weight!.shape)}: ` +
          `expected ${perGroup * groups} channels and an output count that ${groups} divides`,
      )
    }
    if (bias) expectShape("bias", bias, [outputs])
    return {
      shape: [
        n,
        outputSize(height, kh, strides[0], dilations[0], pads[0] + pads[2]),
        outputSize(width, kw, strides[1], dilations[1], pads[1] + pads[3]),
        outputs,
      ],
      dtype: x!.dtype,
    }
  },
  gradient: ([x, weight, bias], _, [dy], attributes) => {
    const dx = conv2dInputGradientOp([dy!, weight!], {
      ...attributes,
      inputSize: [x!.dim(1), x!.dim(2)] as [number, number],
    })
    const dw = conv2dFilterGradientOp([x!, dy!], {
      ...attributes,
      kernel: [weight!.dim(2), weight!.dim(3)] as [number, number],
    })
    return bias ? [dx, dw, perChannel(sum, dy!)] : [dx, dw]
  },
  onnx: (builder, [x, weight, ...bias], { strides, pads, dilations, groups }, node) => {
    const [kh, kw] = node.inputs[1]!.shape.slice(2) as [number, number]
    return toNhwc(
      builder,
      builder.node("Conv", [toNchw(builder, x!), weight!, ...bias], {
        kernel_shape: [kh, kw],
        strides,
        pads,
        dilations,
        group: groups,
      }),
    )
  },
  reference: ([x, weight, bias], attributes, [y]) => {
    for (let i = 0; i < y!.data.length; i++) y!.data[i] = bias ? bias.data[i % bias.data.length]! : 0
    forEachTap(x!.shape, weight!.shape, y!.shape, attributes, (xi, wi, yi) => {
      accumulate(y!, yi, Number(x!.data[xi]) * Number(weight!.data[wi]))
    })
  },
  macs: ([, weight], [y]) => {
    const [, height, width, outputs] = y!.shape as [Dim, number, number, number]
    const [, perGroup, kh, kw] = weight!.shape as [number, number, number, number]
    return height * width * outputs * perGroup * kh * kw
  },
})

/** Gradient for the input, and transposed convolution. Inputs: dy [N, Ho, Wo, O], weight. */
export const conv2dInputGradientOp: Op<Conv2dAttributes & { inputSize: readonly [number, number] }> = defineOp<
  Conv2dAttributes & { inputSize: readonly [number, number] }
>({
  name: "conv2dInputGradient",
  shape: ([dy, weight], { inputSize, groups }) => ({
    shape: [dy!.dim(0), ...inputSize, multiplyDims(weight!.dim(1), groups)],
    dtype: dy!.dtype,
  }),
  gradient: ([dy, weight], _, [dx], { inputSize, ...attributes }) => [
    conv2dOp([dx!, weight!], attributes),
    conv2dFilterGradientOp([dx!, dy!], {
      ...attributes,
      kernel: [weight!.dim(2), weight!.dim(3)] as [number, number],
    }),
  ],
  onnx: (builder, [dy, weight], { strides, pads, dilations, groups, inputSize }, node) => {
    const kernel = node.inputs[1]!.shape.slice(2) as [number, number]
    const outer = node.inputs[0]!.shape.slice(1, 3) as [number, number]
    // Rows and columns at the end that no position of the kernel reached have gradient zero.
    const missed = [0, 1].map((axis) => {
      const covered = (outer[axis]! - 1) * strides[axis]! + dilations[axis]! * (kernel[axis]! - 1) + 1
      return inputSize[axis]! + pads[axis]! + pads[axis + 2]! - covered
    })
    const attributes = { kernel_shape: kernel, strides, pads, dilations, group: groups, output_padding: missed }
    return toNhwc(builder, builder.node("ConvTranspose", [toNchw(builder, dy!), weight!], attributes))
  },
  reference: ([dy, weight], attributes, [dx]) => {
    dx!.data.fill(0 as never)
    forEachTap(dx!.shape, weight!.shape, dy!.shape, attributes, (xi, wi, yi) => {
      accumulate(dx!, xi, Number(dy!.data[yi]) * Number(weight!.data[wi]))
    })
  },
  macs: ([dy, weight]) => {
    const [, height, width] = dy!.shape as [Dim, number, number]
    return (weight!.shape as number[]).reduce((product, dim) => product * dim, height * width)
  },
})

/** Gradient for the filter. Inputs: x [N, H, W, I], dy [N, Ho, Wo, O]. */
export const conv2dFilterGradientOp: Op<Conv2dAttributes & { kernel: readonly [number, number] }> = defineOp<
  Conv2dAttributes & { kernel: readonly [number, number] }
>({
  name: "conv2dFilterGradient",
  shape: ([x, dy], { kernel, groups }) => ({
    shape: [dy!.dim(3), (x!.dim(3) as number) / groups, ...kernel],
    dtype: x!.dtype,
  }),
  // The sum over the batch and all positions is a convolution too: samples take the place of channels, dy that of the
  // filter, and stride and dilation change places. The group g of x's channels meets the outputs of group g.
  onnx: (builder, [x, dy], { strides, pads, dilations, groups, kernel }, node) => {
    const [, height, width, channels] = node.inputs[0]!.shape as [Dim, number, number, number]
    const perGroup = channels / groups
    const split = builder.node("Reshape", [x!, builder.ints([-1, height, width, groups, perGroup])])
    const grouped = builder.node("Transpose", [split], { perm: [4, 3, 0, 1, 2] })
    const samples = builder.node("Reshape", [grouped, builder.ints([perGroup, -1, height, width])])
    const filter = builder.node("Transpose", [dy!], { perm: [3, 0, 1, 2] })
    const product = builder.node("Conv", [samples, filter], {
      strides: dilations,
      pads,
      dilations: strides,
      group: groups,
    })
    // The last positions of a strided convolution may leave some of the input untouched: taps beyond the kernel.
    const taps = builder.node("Slice", [product, builder.ints([0, 0]), builder.ints(kernel), builder.ints([2, 3])])
    return builder.node("Transpose", [taps], { perm: [1, 0, 2, 3] })
  },
  reference: ([x, dy], attributes, [dw]) => {
    dw!.data.fill(0 as never)
    forEachTap(x!.shape, dw!.shape, dy!.shape, attributes, (xi, wi, yi) => {
      accumulate(dw!, wi, Number(x!.data[xi]) * Number(dy!.data[yi]))
    })
  },
})

type Pads = Conv2dAttributes["pads"]

/** Throws a RangeError unless the numbers are whole and not negative. */
function fourPads(padding: number | readonly [number, number] | Pads): Pads {
  if (typeof padding === "string") {
    throw new RangeError(`padding must be "same", a number, or a list of 2 or 4 of them, got "${padding}"`)
  }
  if (Array.isArray(padding) && padding.length === 4) return wholeList("padding", padding, [4], 0) as [...Pads]
  const [vertical, horizontal] = wholePair("padding", padding as number | [number, number], 0)
  return [vertical, horizontal, vertical, horizontal]
}

/** Padding with which a kernel has ceil(size / stride) positions. */
function samePads(x: Tensor, weight: Tensor, { strides, dilations }: Pick<Conv2dAttributes, "strides" | "dilations">) {
  expectRank("x", x, 4)
  expectRank("weight", weight, 4)
  const totals = ([0, 1] as const).map((axis) => {
    const [size, kernel] = [x.dim(axis + 1), weight.dim(axis + 2)] as [number, number]
    const positions = Math.ceil(size / strides[axis])
    return Math.max(0, (positions - 1) * strides[axis] + dilations[axis] * (kernel - 1) + 1 - size)
  })
  const [top, left] = totals.map((total) => Math.floor(total / 2)) as [number, number]
  return [top, left, totals[0]! - top, totals[1]! - left] as const
}

/**
 * Convolution (cross-correlation). x [N, H, W, I], weight [O, I / groups, kh, kw], bias [O]; result [N, Ho, Wo, O].
 * Throws a RangeError for shapes that do not fit, and for steps, padding and groups that are no whole numbers.
 */
export function conv2d(x: Tensor, weight: Tensor, bias?: Tensor, options: Conv2dOptions = {}): Tensor {
  const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options
  return named("conv2d", () => {
    const steps = { strides: wholePair("stride", stride, 1), dilations: wholePair("dilation", dilation, 1) }
    expectWhole("groups", groups, 1)
    const pads = padding === "same" ? samePads(x, weight, steps) : fourPads(padding)
    return conv2dOp(bias ? [x, weight, bias] : [x, weight], { ...steps, pads, groups })
  })
}

export interface ConvTranspose2dOptions {
  /** Step between the positions that neighbouring inputs reach. Default 1. */
  stride?: number | readonly [number, number]
  /** Rows and columns cut off on all sides, or [vertical, horizontal]. Default 0. */
  padding?: number | readonly [number, number]
  /** Rows and columns added at the end, less than the stride. Default 0. */
  outputPadding?: number | readonly [number, number]
  /** Channel groups that do not mix. Default 1. */
  groups?: number
}

/**
 * Transposed convolution, as torch.nn.functional.conv_transpose2d. x [N, H, W, I], weight [I, O / groups, kh, kw],
 * bias [O]; result [N, (H - 1) stride - 2 padding + kh + outputPadding, .., O]. It is the gradient of a convolution for
 * its input: the one that takes O channels to I with the same weight.
 * Throws a RangeError for shapes that do not fit, and for steps, padding and groups that are no whole numbers.
 */
export function convTranspose2d(
  x: Tensor,
  weight: Tensor,
  bias?: Tensor,
  { stride = 1, padding = 0, outputPadding = 0, groups = 1 }: ConvTranspose2dOptions = {},
): Tensor {
  return named("convTranspose2d", () => {
    expectRank("x", x, 4)
    expectRank("weight", weight, 4)
    expectWhole("groups", groups, 1)
    const [channels, perGroup] = weight.shape as [number, number]
    if (x.dim(3) !== channels || channels % groups !== 0) {
      throw new RangeError(
        `x ${printShape(x.shape)} with ${groups} groups does not fit weight ${printShape(weight.shape)}: ` +
          `expected ${channels} channels, a number that ${groups} divides`,
      )
    }
    if (bias) expectShape("bias", bias, [perGroup * groups])
    const [strides, pads] = [wholePair("stride", stride, 1), fourPads(padding)]
    const extra = wholePair("outputPadding", outputPadding, 0)
    const side = (axis: 0 | 1) =>
      transposedSize(x.dim(axis + 1), weight.dim(axis + 2), strides[axis], 2 * pads[axis], extra[axis])
    const y = conv2dInputGradientOp([x, weight], {
      strides,
      pads,
      dilations: [1, 1],
      groups,
      inputSize: [side(0), side(1)],
    })
    return bias ? add(y, bias) : y
  })
}

/** Size of one axis of a transposed convolution: the input size of the convolution that it is the gradient of. */
function transposedSize(input: Dim, kernel: Dim, stride: number, padding: number, extra: number): number {
  if (typeof input !== "number" || typeof kernel !== "number") {
    throw new RangeError(`height, width and kernel must be numbers, got ${input} and ${kernel}`)
  }
  if (extra >= stride) {
    throw new RangeError(`output padding must be less than the stride ${stride}, got ${extra}`)
  }
  const size = (input - 1) * stride + kernel - padding + extra
  if (size < 1) throw new RangeError(`a padding of ${padding} leaves nothing of ${size + padding} rows or columns`)
  return size
}
