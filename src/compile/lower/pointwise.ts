/** 1 x 1 convolutions as matrix products. */

import { type Graph, rewrite } from "../../tensor/graph.ts"
import { conv2dOp } from "../../tensor/ops/conv.ts"
import { linear, pad, reshape, slice, squeeze } from "../../tensor/ops/index.ts"
import { applies, type Tensor } from "../../tensor/tensor.ts"

/**
 * Turns 1 x 1 convolutions, with any step, into a linear layer over the channels of the positions that they read. In
 * [N, H, W, C] it moves no data at step 1. Done before differentiation, so that the gradients are plain products too.
 * For inference it gains nothing: where the weights are constant, ONNX Runtime has a blocked form of its own.
 */
export function lowerPointwise(graph: Graph): Graph {
  return rewrite(graph, (node, inputs) => {
    if (!applies(node, conv2dOp)) return undefined
    const [x, weight, bias] = inputs as [Tensor, Tensor, Tensor?]
    const { strides, pads, groups } = node.attributes
    const [outputs, channels, kh, kw] = weight.shape as [number, number, number, number]
    if (kh !== 1 || kw !== 1 || groups !== 1 || pads.some((padding) => padding !== 0)) return undefined
    const positions = everyNth(everyNth(x, 1, strides[0]), 2, strides[1])
    return linear(positions, reshape(weight, [outputs, channels]), bias)
  })
}

/** The positions 0, step, 2 step, .. along an axis. */
function everyNth(x: Tensor, axis: number, step: number): Tensor {
  if (step === 1) return x
  const size = x.dim(axis) as number
  const count = Math.ceil(size / step)
  const whole = pad(x, axis, 0, count * step - size)
  const split = reshape(whole, [...x.shape.slice(0, axis), count, step, ...x.shape.slice(axis + 1)])
  return squeeze(slice(split, axis + 1, 0, 1), axis + 1)
}
