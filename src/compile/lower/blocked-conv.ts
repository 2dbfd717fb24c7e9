/** The convolution of ONNX Runtime's CPU provider whose activations lie in blocks of channels: depthwise, or of all channels. */

import type { NdArray } from "../../tensor/ndarray.ts"
import { type Conv2dAttributes, outputSize } from "../../tensor/ops/conv.ts"
import { defineOp, type Op } from "../../tensor/tensor.ts"
import { NCHWC_DOMAIN } from "../onnx/encode.ts"
import type { Block } from "./blocked-layout.ts"

export interface BlockedConv extends Block, Pick<Conv2dAttributes, "strides" | "pads" | "dilations"> {}

/** Attributes of a 1 x 1 convolution. */
export const pointwiseConv = (block: number): BlockedConv => ({
  block,
  strides: [1, 1],
  pads: [0, 0, 0, 0],
  dilations: [1, 1],
})

/**
 * A convolution of all channels. Inputs: x [N, I, H, W] blocked; a filter [O, I, kh, kw], of which each block has the order
 * [kh, kw, block of I, block of O]; a bias [O]; and what is added to the result, blocked as this. The last two may be left
 * out.
 */
export const blockedDense: Op<BlockedConv> = defineBlockedConv("blockedDense", false)

/** A depthwise convolution. Inputs: the same, but for the filter: [C, 1, kh, kw], of which each block has the order [kh, kw, block]. */
export const blockedDepthwise: Op<BlockedConv> = defineBlockedConv("blockedDepthwise", true)

function defineBlockedConv(name: string, depthwise: boolean): Op<BlockedConv> {
  return defineOp<BlockedConv>({
    name,
    shape: ([x, weight], { pads, strides, dilations }) => {
      const size = (axis: 0 | 1) =>
        outputSize(
          x!.dim(axis + 2),
          weight!.dim(axis + 2),
          strides[axis],
          dilations[axis],
          pads[axis] + pads[axis + 2]!,
        )
      return { shape: [x!.dim(0), weight!.dim(0), size(0), size(1)], dtype: x!.dtype }
    },
    onnx: (builder, inputs, { pads, strides, dilations }, node) => {
      const [channels, , kh, kw] = node.inputs[1]!.shape as [number, number, number, number]
      const group = depthwise ? channels : 1
      const attributes = { kernel_shape: [kh, kw], pads, strides, dilations, group }
      return builder.node("Conv", inputs, attributes, NCHWC_DOMAIN)
    },
    reference: ([x, weight, bias, added], attributes, [y]) => {
      const { block } = attributes
      const [n, inputs, height, width] = x!.shape as [number, number, number, number]
      const [, outputs, outHeight, outWidth] = y!.shape as [number, number, number, number]
      const taps = (weight!.shape[2] as number) * (weight!.shape[3] as number)
      const [inBlocks, pixels] = [inputs / block, height * width]
      for (let b = 0; b < n; b++) {
        for (let o = 0; o < outputs; o++) {
          const [group, lane] = [Math.floor(o / block), o % block]
          const sources = depthwise ? [o] : Array.from({ length: inputs }, (_, i) => i)
          for (let pixel = 0; pixel < outHeight * outWidth; pixel++) {
            const at = ((b * (outputs / block) + group) * outHeight * outWidth + pixel) * block + lane
            let total = Number(bias?.data[o] ?? 0) + Number(added?.data[at] ?? 0)
            for (const [tap, source] of tapsAt(pixel, [height, width], outWidth, weight!, attributes)) {
              for (const i of sources) {
                const value = x!.data[((b * inBlocks + Math.floor(i / block)) * pixels + source) * block + (i % block)]
                const factor = depthwise
                  ? (group * taps + tap) * block + lane
                  : (((group * inBlocks + Math.floor(i / block)) * taps + tap) * block + (i % block)) * block + lane
                total += Number(value) * Number(weight!.data[factor])
              }
            }
            y!.data[at] = total
          }
        }
      }
    },
  })
}

/** The taps of a filter that lie on the map for one output, each with the pixel it lies on. */
function tapsAt(
  pixel: number,
  [height, width]: readonly [number, number],
  outWidth: number,
  { shape }: NdArray,
  { strides, pads, dilations }: BlockedConv,
): [tap: number, pixel: number][] {
  const [, , kh, kw] = shape as [number, number, number, number]
  const [top, left] = [Math.floor(pixel / outWidth) * strides[0] - pads[0], (pixel % outWidth) * strides[1] - pads[1]]
  const found: [number, number][] = []
  for (let ky = 0; ky < kh; ky++) {
    for (let kx = 0; kx < kw; kx++) {
      const [y, x] = [top + ky * dilations[0], left + kx * dilations[1]]
      if (y >= 0 && y < height && x >= 0 && x < width) found.push([ky * kw + kx, y * width + x])
    }
  }
  return found
}
