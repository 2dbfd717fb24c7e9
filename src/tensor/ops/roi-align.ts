/**
 * RoIAlign: features of boxes, sampled by bilinear interpolation. He et al. 2017, "Mask R-CNN", section 3; semantics of
 * torchvision.ops.roi_align.
 *
 * The samples of a box lie on a grid, so what a pixel gives to a bin is a weight for its row times a weight for its
 * column. The gradient for the features is therefore made of matrix products, and adds up in a fixed order.
 */

import { type Dim, multiplyDims, printShape } from "../dim.ts"
import { type NdArray, ndarray } from "../ndarray.ts"
import { constant, defineOp, expectRank, type Op, type Tensor } from "../tensor.ts"
import { cast } from "./cast.ts"
import { clip, equal, greaterOrEqual, lessOrEqual, logicalAnd, maximum, where } from "./compare.ts"
import { toNchw, toNhwc } from "./conv.ts"
import { abs, add, mul, sub } from "./elementwise.ts"
import { cumulativeSum } from "./indexing.ts"
import { matmul } from "./matmul.ts"
import { slice } from "./parts.ts"
import { mean } from "./reduce.ts"
import type { Tap, Taps } from "./resample.ts"
import { broadcastTo, reshape } from "./shape.ts"

export interface RoiAlignOptions {
  /** Bins of a box: [height, width]. */
  size: readonly [number, number]
  /** Factor from the coordinates of the boxes to those of the features, for example 1 / 16. Default 1. */
  spatialScale?: number
  /** Samples of a bin along each axis; 0 takes as many as the bin has pixels, and has no gradient. Default 0. */
  samplingRatio?: number
  /** Count from pixel centres, half a pixel to the left of the corners. Default false, for which boxes are at least 1 wide. */
  aligned?: boolean
}

type RoiAlign = Required<RoiAlignOptions>

const roiAlignOp: Op<RoiAlign> = defineOp<RoiAlign>({
  name: "roiAlign",
  shape: ([x, boxes], { size, samplingRatio }) => {
    expectRank("x", x!, 4)
    if (boxes!.rank !== 2 || boxes!.dim(1) !== 5) {
      throw new RangeError(`boxes must have shape [R, 5], got ${printShape(boxes!.shape)}`)
    }
    if (!Number.isInteger(samplingRatio) || samplingRatio < 0) {
      throw new RangeError(`samplingRatio must be 0 or a count of samples, got ${samplingRatio}`)
    }
    return { shape: [boxes!.dim(0), ...size, x!.dim(3)], dtype: x!.dtype }
  },
  gradient: ([x, boxes], _, [dy], options) => [featureGradient(x!, boxes!, dy!, options), undefined],
  onnx: (builder, [x, boxes], { size, spatialScale, samplingRatio, aligned }) => {
    const column = (from: number, to: number) =>
      builder.node("Slice", [boxes!, builder.ints([from]), builder.ints([to]), builder.ints([1])])
    const images = builder.node("Cast", [builder.node("Reshape", [column(0, 1), builder.ints([-1])])], { to: "int64" })
    const bins = builder.node("RoiAlign", [toNchw(builder, x!), column(1, 5), images], {
      mode: "avg",
      output_height: size[0],
      output_width: size[1],
      sampling_ratio: samplingRatio,
      spatial_scale: { float: spatialScale },
      coordinate_transformation_mode: aligned ? "half_pixel" : "output_half_pixel",
    })
    return toNhwc(builder, bins)
  },
  reference: ([x, boxes], options, [y]) => {
    const [, height, width, channels] = x!.shape as [number, number, number, number]
    const box = (r: number, column: number) => Number(boxes!.data[r * 5 + column])
    let at = 0
    for (let r = 0; r < boxes!.shape[0]!; r++) {
      const columns = binTaps(box(r, 1), box(r, 3), options.size[1], width, options)
      for (const row of binTaps(box(r, 2), box(r, 4), options.size[0], height, options)) {
        for (const column of columns) {
          for (let c = 0; c < channels; c++) y!.data[at++] = weightedSum(x!, box(r, 0), row, column, c)
        }
      }
    }
  },
})

/** The pixels that the samples of each bin read along one axis, with their weights. */
function binTaps(
  low: number,
  high: number,
  bins: number,
  size: number,
  { spatialScale, samplingRatio, aligned }: RoiAlign,
): Taps {
  const start = low * spatialScale - (aligned ? 0.5 : 0)
  const extent = aligned ? (high - low) * spatialScale : Math.max(1, (high - low) * spatialScale)
  const samples = samplingRatio || Math.ceil(extent / bins)
  return Array.from({ length: bins }, (_, bin) =>
    Array.from({ length: samples }, (_, s) => start + (extent / bins) * (bin + (s + 0.5) / samples))
      .filter((position) => position >= -1 && position <= size)
      .flatMap((position): Tap[] => {
        const inside = Math.min(size - 1, Math.max(0, position))
        const first = Math.floor(inside)
        return [
          [first, (1 - (inside - first)) / samples],
          [Math.min(size - 1, first + 1), (inside - first) / samples],
        ]
      }),
  )
}

function weightedSum(
  x: NdArray,
  image: number,
  rows: readonly Tap[],
  columns: readonly Tap[],
  channel: number,
): number {
  const [, height, width, channels] = x.shape as [number, number, number, number]
  let total = 0
  for (const [row, rowWeight] of rows) {
    for (const [column, columnWeight] of columns) {
      const at = ((image * height + row) * width + column) * channels + channel
      total += rowWeight * columnWeight * Number(x.data[at])
    }
  }
  return total
}

/** The sum over all boxes and bins of dy times the weight of the pixel's row times that of its column. */
function featureGradient(x: Tensor, boxes: Tensor, dy: Tensor, options: RoiAlign): Tensor {
  if (options.samplingRatio === 0) {
    throw new Error("roiAlign: samplingRatio 0 has no gradient, as each box has its own number of samples; give one")
  }
  const [images, height, width, channels] = x.shape as [Dim, number, number, number]
  const count = boxes.dim(0)
  const [binRows, binColumns] = options.size
  const columns = binWeights(boxes, 1, binColumns, width, options)
  const rows = binWeights(boxes, 2, binRows, height, options)
  const perBinRow = matmul(reshape(columns, [count, 1, binColumns, width]), dy, { transposeA: true })
  const isImage = cast(equal(slice(boxes, 1, 0, 1), imageNumbers(x)), "float32")
  const imageRows = mul(reshape(isImage, [count, 1, images, 1]), reshape(rows, [count, binRows, 1, height]))
  const sums = matmul(
    reshape(imageRows, [multiplyDims(count, binRows), multiplyDims(images, height)]),
    reshape(perBinRow, [multiplyDims(count, binRows), width * channels]),
    { transposeA: true },
  )
  return reshape(sums, x.shape)
}

/** [R, bins, size]: what the pixels along one axis give to each bin. `column` is where the boxes have their lower end. */
function binWeights(
  boxes: Tensor,
  column: 1 | 2,
  bins: number,
  size: number,
  { spatialScale, samplingRatio, aligned }: RoiAlign,
): Tensor {
  const count = boxes.dim(0)
  const end = (at: number) => mul(slice(boxes, 1, at, at + 1), spatialScale)
  const extent = sub(end(column + 2), end(column))
  const sampled = Array.from({ length: bins * samplingRatio }, (_, i) => (i + 0.5) / (bins * samplingRatio))
  const positions = add(
    sub(end(column), aligned ? 0.5 : 0),
    mul(aligned ? extent : maximum(extent, 1), constant(ndarray(sampled))),
  )
  const isInside = logicalAnd(greaterOrEqual(positions, -1), lessOrEqual(positions, size))
  const perSample = (t: Tensor) => reshape(t, [count, bins * samplingRatio, 1])
  const pixels = constant(ndarray(Array.from({ length: size }, (_, i) => i)))
  const distance = abs(sub(perSample(clip(positions, 0, size - 1)), pixels))
  const weights = where(perSample(isInside), maximum(sub(1, distance), 0), 0)
  return mean(reshape(weights, [count, bins, samplingRatio, size]), [2])
}

/** 0 .. N - 1: the number of each image in the batch. */
function imageNumbers(x: Tensor): Tensor {
  const first = slice(slice(slice(x, 1, 0, 1), 2, 0, 1), 3, 0, 1)
  return sub(cumulativeSum(broadcastTo(constant(1), reshape(first, [x.dim(0)])), 0), 1)
}

/**
 * Features of boxes: each box is divided into bins, and each bin is the mean of samples of x by bilinear interpolation.
 * x [N, H, W, C]; boxes [R, 5] with the number of the image and x1, y1, x2, y2; result [R, height, width, C].
 * The gradient is that for x; there is none for the boxes. For it, R or N must be known when the graph is built.
 * Throws a RangeError for shapes that do not fit.
 */
export function roiAlign(
  x: Tensor,
  boxes: Tensor,
  { size, spatialScale = 1, samplingRatio = 0, aligned = false }: RoiAlignOptions,
): Tensor {
  return roiAlignOp([x, boxes], { size, spatialScale, samplingRatio, aligned })
}
