/**
 * Convolutions of all channels in the blocked layout of ONNX Runtime's CPU provider, where their filters change with every
 * step of training: the provider does the same by itself where they are constant.
 *
 * At a stride of 1 the gradient for the input is such a convolution too, with the filter turned by 180 degrees and inputs
 * and outputs exchanged. Filters of one tap are products already (`pointwise.ts`).
 */

import { type Graph, rewrite, topologicalOrder } from "../../tensor/graph.ts"
import { type Conv2dAttributes, conv2dInputGradientOp, conv2dOp } from "../../tensor/ops/conv.ts"
import { applies, type Tensor } from "../../tensor/tensor.ts"
import { dependents } from "../passes/uses.ts"
import { blockedDense } from "./blocked-conv.ts"
import { inputGradientPads } from "./blocked-depthwise.ts"
import { blockFilter, turnedBlockFilter } from "./blocked-filter.ts"
import { fromBlocked, toBlocked } from "./blocked-layout.ts"

/**
 * Rewrites convolutions of all channels and their gradients for the input, for a CPU whose blocks have `block` channels.
 * What has no blocked form stays as it is: several groups, channels that are no multiple of the block, gradients of strided
 * convolutions.
 * @param constants names of the inputs that are constant: filters that depend on these alone are left to the runtime
 */
export function lowerDense(graph: Graph, block: number, constants: ReadonlySet<string> = new Set()): Graph {
  const changing = dependents(topologicalOrder(Object.values(graph)), (name) => !constants.has(name))
  return rewrite(graph, (node, inputs) => {
    const isForward = applies(node, conv2dOp)
    if (!isForward && !applies(node, conv2dInputGradientOp)) return undefined
    const [x, weight, ...bias] = inputs as [Tensor, Tensor, ...Tensor[]]
    const attributes = node.attributes as Conv2dAttributes
    const [outputs, channels] = weight.shape as [number, number]
    const fillsBlocks = outputs % block === 0 && channels % block === 0
    const pads = isForward ? attributes.pads : inputGradientPads(weight, attributes)
    if (attributes.groups !== 1 || !fillsBlocks || !pads || !changing.has(node.inputs[1]!.node)) return undefined
    const filter = isForward ? blockFilter(weight, block) : turnedBlockFilter(weight, block)
    const { strides, dilations } = attributes
    const y = blockedDense([toBlocked(x, block), filter, ...bias], { block, pads, strides, dilations })
    return fromBlocked(y, block)
  })
}
