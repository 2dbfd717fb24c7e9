/**
 * Depthwise convolutions in the blocked layout of ONNX Runtime's CPU provider. The provider uses it by itself only where
 * filters are constant; in a training graph they are not, so the blocked operators are named here.
 *
 * The gradient for the input is the same convolution with the filter turned by 180 degrees. The gradient for the filter
 * is one more depthwise convolution that moves no data: x, seen as one sample of N C channels, is convolved with dy,
 * whose blocked layout is that of a filter of N C channels already.
 */

import type { Dim } from "../../tensor/dim.ts"
import { type Graph, rewrite } from "../../tensor/graph.ts"
import {
  type Conv2dAttributes,
  conv2dFilterGradientOp,
  conv2dInputGradientOp,
  conv2dOp,
} from "../../tensor/ops/conv.ts"
import { padRows, reshape, sum, transpose } from "../../tensor/ops/index.ts"
import { applies, type Tensor } from "../../tensor/tensor.ts"
import { blockedDepthwise } from "./blocked-conv.ts"
import { blockDepthwiseFilter } from "./blocked-filter.ts"
import { fromBlocked, toBlocked } from "./blocked-layout.ts"

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
  const filter = blockDepthwiseFilter(weight, block)
  const y = blockedDepthwise([toBlocked(x, block), filter, ...bias], { block, pads, strides, dilations })
  return fromBlocked(y, block)
}

function inputGradient(inputs: readonly Tensor[], attributes: Conv2dAttributes, block: number): Tensor | undefined {
  const [dy, weight] = inputs as [Tensor, Tensor]
  const [channels, perGroup] = weight.shape as [number, number]
  const { groups, strides, dilations } = attributes
  const pads = inputGradientPads(weight, attributes)
  if (perGroup !== 1 || !isDepthwise(channels, groups, block) || !pads) return undefined
  const filter = blockDepthwiseFilter(weight, block, { turned: true })
  const dx = blockedDepthwise([toBlocked(dy, block), filter], { block, pads, strides, dilations })
  return fromBlocked(dx, block)
}

/**
 * The zeros around dy with which a convolution of it gives the gradient for the input; undefined where none does: with steps
 * or dilation, or more padding than the kernel is wide.
 */
export function inputGradientPads(weight: Tensor, attributes: Conv2dAttributes): Conv2dAttributes["pads"] | undefined {
  const [, , kh, kw] = weight.shape as [number, number, number, number]
  const { pads } = attributes
  const turned = [kh - 1 - pads[0], kw - 1 - pads[1], kh - 1 - pads[2], kw - 1 - pads[3]] as const
  return isUnitStep(attributes) && turned.every((pad) => pad >= 0) ? turned : undefined
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
  const unit = { strides: [1, 1], dilations: [1, 1] } as const
  const taps = blockedDepthwise([samples, filter], { block, pads, ...unit })
  const perSample = reshape(taps, [batch, channels / block, kernel[0] * kernel[1], block])
  return reshape(transpose(sum(perSample, [0]), [0, 2, 1]), [channels, 1, ...kernel])
}
