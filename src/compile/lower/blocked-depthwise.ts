/**
 * Depthwise convolutions in the blocked layout of ONNX Runtime's CPU provider. The provider uses it by itself only where filters are constant; in a training graph they are
 * not, so the blocked operators are named here.
 *
 * The gradient for the input is the same convolution with the filter turned by 180 degrees. The gradient for the filter
 * is one more depthwise convolution that moves no data: x, seen as one sample of N C channels, is convolved with dy,
 * whose blocked layout is that of a filter of N C channels already.
 */

import type { Dim } from "../../tensor/dim.ts"
import { type Graph, rewrite } from "../../tensor/graph.ts"
import type { NdArray } from "../../tensor/ndarray.ts"
import {
  type Conv2dAttributes,
  conv2dFilterGradientOp,
  conv2dInputGradientOp,
  conv2dOp,
} from "../../tensor/ops/conv.ts"
import { flip, padRows, reshape, sum, transpose } from "../../tensor/ops/index.ts"
import { applies, defineOp, type Op, type Tensor } from "../../tensor/tensor.ts"
import { NCHWC_DOMAIN } from "../onnx/encode.ts"
import { type Block, fromBlocked, toBlocked } from "./blocked-layout.ts"

interface BlockedConv extends Block {
  pads: readonly [number, number, number, number]
  strides: readonly [number, number]
  dilations: readonly [number, number]
}

/** Depthwise convolution of a blocked x with a blocked filter [C, 1, kh, kw]. */
const blockedDepthwise: Op<BlockedConv> = defineOp<BlockedConv>({
  name: "blockedDepthwise",
  shape: ([x, weight], { pads, strides, dilations }) => {
    const size = (axis: 0 | 1) => {
      const covered = dilations[axis] * ((weight!.dim(axis + 2) as number) - 1) + 1
      return Math.floor(((x!.dim(axis + 2) as number) + pads[axis] + pads[axis + 2]! - covered) / strides[axis]) + 1
    }
    return { shape: [x!.dim(0), x!.dim(1), size(0), size(1)], dtype: x!.dtype }
  },
  onnx: (builder, inputs, { pads, strides, dilations }, node) => {
    const [channels, , kh, kw] = node.inputs[1]!.shape as [number, number, number, number]
    const attributes = { kernel_shape: [kh, kw], pads, strides, dilations, group: channels }
    return builder.node("Conv", inputs, attributes, NCHWC_DOMAIN)
  },
  reference: ([x, weight, bias], { block, pads, strides, dilations }, [y]) => {
    const [n, channels, height, width] = x!.shape as [number, number, number, number]
    const [, , outHeight, outWidth] = y!.shape as [number, number, number, number]
    const [, , kh, kw] = weight!.shape as [number, number, number, number]
    const at = (array: NdArray, group: number, pixels: number, pixel: number, lane: number) =>
      Number(array.data[(group * pixels + pixel) * block + lane])
    for (let g = 0; g < (n * channels) / block; g++) {
      const filterGroup = g % (channels / block)
      for (let lane = 0; lane < block; lane++) {
        for (let oy = 0; oy < outHeight; oy++) {
          for (let ox = 0; ox < outWidth; ox++) {
            let total = bias ? Number(bias.data[filterGroup * block + lane]) : 0
            for (let ky = 0; ky < kh; ky++) {
              const iy = oy * strides[0] - pads[0] + ky * dilations[0]
              if (iy < 0 || iy >= height) continue
              for (let kx = 0; kx < kw; kx++) {
                const ix = ox * strides[1] - pads[1] + kx * dilations[1]
                if (ix < 0 || ix >= width) continue
                const tap = at(weight!, filterGroup, kh * kw, ky * kw + kx, lane)
                total += tap * at(x!, g, height * width, iy * width + ix, lane)
              }
            }
            y!.data[(g * outHeight * outWidth + oy * outWidth + ox) * block + lane] = total
          }
        }
      }
    }
  },
})

/** A filter [C, 1, kh, kw] in block order, turned by 180 degrees if asked. */
function blockFilter(weight: Tensor, block: number, turned = false): Tensor {
  const [channels, , kh, kw] = weight.shape as [number, number, number, number]
  const taps = reshape(weight, [channels / block, block, kh * kw])
  return reshape(transpose(turned ? flip(taps, 2) : taps, [0, 2, 1]), weight.shape)
}

const isDepthwise = (channels: Dim, groups: number, block: number) => channels === groups && groups % block === 0
const isUnitStep = ({ strides, dilations }: Conv2dAttributes) => [...strides, ...dilations].every((step) => step === 1)

/**
 * Rewrites depthwise convolutions and their gradients for a CPU whose blocks have `block` channels. What has no blocked
 * form (channels that are no multiple of the block, gradients of strided convolutions, in the gradient for the filter a
 * symbolic batch that is not in `maxima`) stays as it is.
 * @param maxima largest values of symbolic dimensions
 */
export function lowerDepthwise(graph: Graph, block: number, maxima: Readonly<Record<string, number>> = {}): Graph {
  return rewrite(graph, (node, inputs) => {
    if (applies(node, conv2dOp)) return forward(inputs, node.attributes, block)
    if (applies(node, conv2dInputGradientOp)) return inputGradient(inputs, node.attributes, block)
    if (applies(node, conv2dFilterGradientOp)) return filterGradient(inputs, node.attributes, block, maxima)
    return undefined
  })
}

function forward(inputs: readonly Tensor[], attributes: Conv2dAttributes, block: number): Tensor | undefined {
  const [x, weight, ...bias] = inputs as [Tensor, Tensor, ...Tensor[]]
  const { groups, pads, strides, dilations } = attributes
  if (!isDepthwise(x.dim(3), groups, block) || weight.dim(0) !== groups) return undefined
  const filter = blockFilter(weight, block)
  const y = blockedDepthwise([toBlocked(x, block), filter, ...bias], { block, pads, strides, dilations })
  return fromBlocked(y, block)
}

function inputGradient(inputs: readonly Tensor[], attributes: Conv2dAttributes, block: number): Tensor | undefined {
  const [dy, weight] = inputs as [Tensor, Tensor]
  const [channels, perGroup, kh, kw] = weight.shape as [number, number, number, number]
  const { groups, pads, strides, dilations } = attributes
  if (perGroup !== 1 || !isDepthwise(channels, groups, block) || !isUnitStep(attributes)) return undefined
  const turned = [kh - 1 - pads[0], kw - 1 - pads[1], kh - 1 - pads[2], kw - 1 - pads[3]] as const
  if (turned.some((pad) => pad < 0)) return undefined
  const blocked = toBlocked(dy, block)
  const dx = blockedDepthwise([blocked, blockFilter(weight, block, true)], { block, pads: turned, strides, dilations })
  return fromBlocked(dx, block)
}

function filterGradient(
  inputs: readonly Tensor[],
  attributes: Conv2dAttributes & { kernel: readonly [number, number] },
  block: number,
  maxima: Readonly<Record<string, number>>,
): Tensor | undefined {
  const [x, dy] = inputs as [Tensor, Tensor]
  const { groups, pads, kernel } = attributes
  const [rows, height, width, channels] = x.shape as [Dim, number, number, number]
  // The convolution has one group for each sample and channel, so that their number must be known: zeros fill it up.
  const batch = typeof rows === "number" ? rows : maxima[rows]
  const [, outHeight, outWidth, outputs] = dy.shape as [Dim, number, number, number]
  if (batch === undefined || !isUnitStep(attributes)) return undefined
  if (!isDepthwise(channels, groups, block) || outputs !== groups) return undefined
  const samples = reshape(padRows(toBlocked(x, block), batch), [1, batch * channels, height, width])
  const filter = reshape(padRows(toBlocked(dy, block), batch), [batch * channels, 1, outHeight, outWidth])
  const taps = blockedDepthwise([samples, filter], { block, pads, strides: [1, 1], dilations: [1, 1] })
  const perSample = reshape(taps, [batch, channels / block, kernel[0] * kernel[1], block])
  return reshape(transpose(sum(perSample, [0]), [0, 2, 1]), [channels, 1, ...kernel])
}
