/** Pooling over windows and over whole feature maps. Activations are [N, H, W, C]; sizes are counted as in PyTorch. */

import { wholePair } from "../checks.ts"
import type { Dim } from "../dim.ts"
import type { NdArray } from "../ndarray.ts"
import { defineOp, expectRank, named, type Op, type Tensor } from "../tensor.ts"
import { outputSize, toNchw, toNhwc } from "./conv.ts"
import { max, mean } from "./reduce.ts"
import { resampleAxis, type Taps } from "./resample.ts"

export interface Pool2dOptions {
  /** Side of the window, or [height, width]. */
  kernelSize: number | readonly [number, number]
  /** Step between windows. Default: the kernel size. */
  stride?: number | readonly [number, number]
  /** Rows and columns around the input: all sides, or [vertical, horizontal]. At most half of the kernel. Default 0. */
  padding?: number | readonly [number, number]
  /** Add a window for the rows and columns at the end that do not fill one. Default false. */
  ceilMode?: boolean
}

/** The windows along one axis. */
interface Windows {
  size: number
  kernel: number
  stride: number
  padding: number
  count: number
}

/** The windows along the height and the width of x. Throws a RangeError where none fits. */
function windowsOver(x: Tensor, { kernelSize, stride = kernelSize, padding = 0, ceilMode = false }: Pool2dOptions) {
  expectRank("x", x, 4)
  const along = (axis: 0 | 1): Windows => {
    const kernel = wholePair("kernelSize", kernelSize, 1)[axis]
    const step = wholePair("stride", stride, 1)[axis]
    const pad = wholePair("padding", padding, 0)[axis]
    if (pad > kernel / 2) throw new RangeError(`padding ${pad} is more than half of the kernel ${kernel}`)
    const size = x.dim(axis + 1)
    let count = outputSize(size, kernel, step, 1, 2 * pad + (ceilMode ? step - 1 : 0))
    // PyTorch drops a last window that would begin in the padding after the input.
    if (ceilMode && (count - 1) * step >= (size as number) + pad) count--
    return { size: size as number, kernel, stride: step, padding: pad, count }
  }
  return [along(0), along(1)] as const
}

/** The windows of maximum pooling: [vertical, horizontal]. */
export interface MaxPool {
  kernel: readonly [number, number]
  strides: readonly [number, number]
  /** Top, left, bottom, right. What is there is never the largest. */
  pads: readonly [number, number, number, number]
}

export const maxPool2dOp: Op<MaxPool> = defineOp<MaxPool>({
  name: "maxPool2d",
  shape: ([x], { kernel, strides, pads }) => {
    const side = (axis: 0 | 1) =>
      outputSize(x!.dim(axis + 1), kernel[axis], strides[axis], 1, pads[axis] + pads[axis + 2]!)
    return { shape: [x!.dim(0), side(0), side(1), x!.dim(3)], dtype: x!.dtype }
  },
  gradient: ([x], _, [dy], attributes) => [maxPool2dGradientOp([x!, dy!], attributes)],
  onnx: (builder, [x], { kernel, strides, pads }) =>
    toNhwc(builder, builder.node("MaxPool", [toNchw(builder, x!)], { kernel_shape: kernel, strides, pads })),
  reference: ([x], attributes, [y]) => {
    forEachMaximum(x!, y!.shape, attributes, (xi, yi) => {
      y!.data[yi] = x!.data[xi]!
    })
  },
})

/**
 * Gradient of maximum pooling: dy goes to the first of the largest elements of each window, as in PyTorch. Inputs: x, dy.
 * The positions are computed again here, so that inference needs none; ONNX counts them in [N, C, H, W] order.
 */
export const maxPool2dGradientOp: Op<MaxPool> = defineOp<MaxPool>({
  name: "maxPool2dGradient",
  shape: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  onnx: (builder, [x, dy], { kernel, strides, pads }, node) => {
    const [, height, width, channels] = node.inputs[0]!.shape as [Dim, number, number, number]
    const attributes = { kernel_shape: kernel, strides, pads }
    const [, positions] = builder.nodes("MaxPool", [toNchw(builder, x!)], attributes, 2) as [string, string]
    const flat = (name: string) => builder.node("Reshape", [name, builder.ints([-1])])
    const size = builder.node("Reshape", [builder.node("Size", [x!]), builder.ints([1])])
    const zeros = builder.node("ConstantOfShape", [size])
    // Unlike ScatterND, this is computed by one thread: windows that overlap add up, always in the same order.
    const scattered = builder.node("ScatterElements", [zeros, flat(positions), flat(toNchw(builder, dy!))], {
      axis: 0,
      reduction: "add",
    })
    return toNhwc(builder, builder.node("Reshape", [scattered, builder.ints([-1, channels, height, width])]))
  },
  reference: ([x, dy], attributes, [dx]) => {
    dx!.data.fill(0 as never)
    forEachMaximum(x!, dy!.shape, attributes, (xi, yi) => {
      dx!.data[xi] = Number(dx!.data[xi]) + Number(dy!.data[yi])
    })
  },
})

/** Calls `visit` with the position in x of the first maximum of each window, and the window's position in y. */
function forEachMaximum(
  x: NdArray,
  yShape: readonly number[],
  { kernel, strides, pads }: MaxPool,
  visit: (xIndex: number, yIndex: number) => void,
): void {
  const [, height, width, channels] = x.shape as [number, number, number, number]
  const [n, outHeight, outWidth] = yShape as [number, number, number]
  for (let b = 0; b < n; b++) {
    for (let oy = 0; oy < outHeight; oy++) {
      for (let ox = 0; ox < outWidth; ox++) {
        for (let c = 0; c < channels; c++) {
          const [top, left] = [oy * strides[0] - pads[0], ox * strides[1] - pads[1]]
          let best = -1
          for (let iy = Math.max(0, top); iy < Math.min(height, top + kernel[0]); iy++) {
            for (let ix = Math.max(0, left); ix < Math.min(width, left + kernel[1]); ix++) {
              const at = ((b * height + iy) * width + ix) * channels + c
              if (best < 0 || Number(x.data[at]) > Number(x.data[best])) best = at
            }
          }
          visit(best, ((b * outHeight + oy) * outWidth + ox) * channels + c)
        }
      }
    }
  }
}

/**
 * The largest element of each window. x [N, H, W, C]; result [N, Ho, Wo, C]. Where several are the largest, the gradient
 * goes to the first in row-major order. As torch.nn.functional.max_pool2d.
 * Throws a RangeError where no window fits, and for sizes, steps and padding that are no whole numbers.
 */
export function maxPool2d(x: Tensor, options: Pool2dOptions): Tensor {
  return named("maxPool2d", () => {
    const [vertical, horizontal] = windowsOver(x, options)
    // The end is padded as far as the last window reaches, which says the same as ONNX's own ceil mode should.
    const after = ({ size, kernel, stride, padding, count }: Windows) =>
      Math.max(0, (count - 1) * stride + kernel - padding - size)
    return maxPool2dOp([x], {
      kernel: [vertical.kernel, horizontal.kernel],
      strides: [vertical.stride, horizontal.stride],
      pads: [vertical.padding, horizontal.padding, after(vertical), after(horizontal)],
    })
  })
}

export interface AvgPool2dOptions extends Pool2dOptions {
  /** Count the padding as zeros that belong to the window. Default true. */
  countIncludePad?: boolean
}

/**
 * The mean of each window. x [N, H, W, C]; result [N, Ho, Wo, C]. As torch.nn.functional.avg_pool2d.
 * Throws a RangeError where no window fits, and for sizes, steps and padding that are no whole numbers.
 */
export function avgPool2d(x: Tensor, { countIncludePad = true, ...options }: AvgPool2dOptions): Tensor {
  return named("avgPool2d", () => {
    const [vertical, horizontal] = windowsOver(x, options)
    return resampleAxis(
      resampleAxis(x, 1, meanOverWindows(vertical, countIncludePad)),
      2,
      meanOverWindows(horizontal, countIncludePad),
    )
  })
}

function meanOverWindows({ size, kernel, stride, padding, count }: Windows, countIncludePad: boolean): Taps {
  return Array.from({ length: count }, (_, i) => {
    const start = i * stride - padding
    // What lies beyond the padding, in ceil mode, is never counted.
    const padded = Math.min(start + kernel, size + padding) - start
    return uniform(Math.max(0, start), Math.min(start + kernel, size), countIncludePad ? padded : undefined)
  })
}

/** Taps from `start` to `end` (exclusive) of equal weight, 1 / `divisor`. */
function uniform(start: number, end: number, divisor = end - start): Taps[number] {
  return Array.from({ length: end - start }, (_, i) => [start + i, 1 / divisor])
}

/**
 * The means of h x w windows that cover x evenly; they overlap where the size is no multiple. x [N, H, W, C]; result
 * [N, h, w, C]. As torch.nn.functional.adaptive_avg_pool2d.
 * @param size h and w, or one number for both
 */
export function adaptiveAvgPool2d(x: Tensor, size: number | readonly [number, number]): Tensor {
  return named("adaptiveAvgPool2d", () => {
    expectRank("x", x, 4)
    return wholePair("size", size, 1).reduce((map, outputs, axis) => {
      const inputs = x.dim(axis + 1)
      if (typeof inputs !== "number") throw new RangeError(`height and width must be numbers, got ${inputs}`)
      const windows = Array.from({ length: outputs }, (_, i) =>
        uniform(Math.floor((i * inputs) / outputs), Math.ceil(((i + 1) * inputs) / outputs)),
      )
      return resampleAxis(map, axis + 1, windows)
    }, x)
  })
}

/** The mean of each channel over the whole map: [N, H, W, C] to [N, C]. */
export function globalAvgPool(x: Tensor): Tensor {
  return named("globalAvgPool", () => {
    expectRank("x", x, 4)
    return mean(x, [1, 2])
  })
}

/** The largest element of each channel over the whole map: [N, H, W, C] to [N, C]. Equal ones share the gradient. */
export function globalMaxPool(x: Tensor): Tensor {
  return named("globalMaxPool", () => {
    expectRank("x", x, 4)
    return max(x, [1, 2])
  })
}
