/** Non-overlapping convolutions as one matrix product over patches. */

import { type Graph, rewrite } from "../../tensor/graph.ts"
import { conv2dOp } from "../../tensor/ops/conv.ts"
import { linear, reshape, slice, transpose } from "../../tensor/ops/index.ts"
import { applies, type Tensor } from "../../tensor/tensor.ts"

/**
 * Turns convolutions whose kernel is their stride (patchify stems, downsampling layers) into a linear layer over
 * patches. Done before differentiation, so that the gradients are plain products too.
 */
export function lowerPatches(graph: Graph): Graph {
  return rewrite(graph, (node, inputs) => {
    if (!applies(node, conv2dOp)) return undefined
    const [x, weight, bias] = inputs as [Tensor, Tensor, Tensor?]
    const { strides, pads, dilations, groups } = node.attributes
    const [batch, height, width, channels] = x.shape as [Tensor["shape"][0], number, number, number]
    const [outputs, , kh, kw] = weight.shape as [number, number, number, number]
    if (kh !== strides[0] || kw !== strides[1] || groups !== 1) return undefined
    if (pads.some((pad) => pad !== 0) || dilations.some((dilation) => dilation !== 1)) return undefined
    const rows = Math.floor(height / kh)
    const columns = Math.floor(width / kw)
    const covered = slice(slice(x, 1, 0, rows * kh), 2, 0, columns * kw)
    const tiled = transpose(reshape(covered, [batch, rows, kh, columns, kw, channels]), [0, 1, 3, 2, 4, 5])
    const patches = reshape(tiled, [batch, rows, columns, kh * kw * channels])
    const filters = reshape(transpose(weight, [0, 2, 3, 1]), [outputs, kh * kw * channels])
    return linear(patches, filters, bias)
  })
}
