/**
 * Filters brought into block order in the graph, where they change with every step of training. A transpose of single
 * values is slow in ONNX Runtime; its reorders, and a gather of whole blocks, are not.
 */

import { ndarray } from "../../tensor/ndarray.ts"
import { flip, gather, reshape } from "../../tensor/ops/index.ts"
import { constant, defineOp, type Op, type Tensor } from "../../tensor/tensor.ts"
import { NCHWC_DOMAIN } from "../onnx/encode.ts"
import { range } from "./cover.ts"

/** [N, block, P] to [N, P, block]: what the runtime does to bring N maps of one block and P pixels into blocked order. */
const lanesLastOp: Op<Record<never, never>> = defineOp<Record<never, never>>({
  name: "lanesLast",
  shape: ([x]) => ({ shape: [x!.dim(0), x!.dim(2), x!.dim(1)], dtype: x!.dtype }),
  onnx: (builder, [x], _, node) => {
    const [maps, block, pixels] = node.inputs[0]!.shape as [number, number, number]
    const images = builder.node("Reshape", [x!, builder.ints([maps, block, 1, pixels])])
    const blocked = builder.node("ReorderInput", [images], { channels_last: 0 }, NCHWC_DOMAIN)
    return builder.node("Reshape", [blocked, builder.ints([maps, pixels, block])])
  },
  reference: ([x], _, [y]) => {
    const [maps, block, pixels] = x!.shape as [number, number, number]
    for (let map = 0; map < maps; map++) {
      for (let pixel = 0; pixel < pixels; pixel++) {
        for (let lane = 0; lane < block; lane++) {
          y!.data[(map * pixels + pixel) * block + lane] = x!.data[(map * block + lane) * pixels + pixel]!
        }
      }
    }
  },
})

const lanesLast = (x: Tensor) => lanesLastOp([x], {})

const sizes = (weight: Tensor) => weight.shape as readonly [outputs: number, inputs: number, kh: number, kw: number]

/** A filter [O, I, kh, kw] with its inputs in blocks: [O, I / block, taps, block]. */
function inputsInBlocks(weight: Tensor, block: number): Tensor {
  const [outputs, inputs, kh, kw] = sizes(weight)
  return lanesLast(reshape(weight, [(outputs * inputs) / block, block, kh * kw]))
}

/** A filter [O, I, kh, kw] in block order: [O / block, I / block, taps, block of I, block of O], in its old shape. */
export function blockFilter(weight: Tensor, block: number): Tensor {
  const [outputs, inputs, kh, kw] = sizes(weight)
  const rows = reshape(inputsInBlocks(weight, block), [outputs / block, block, inputs * kh * kw])
  return reshape(lanesLast(rows), weight.shape)
}

/**
 * The filter that takes the gradients of a convolution's outputs to those of its inputs, in block order: inputs and outputs
 * change places, and the taps are turned by 180 degrees.
 */
export function turnedBlockFilter(weight: Tensor, block: number): Tensor {
  const [outputs, inputs, kh, kw] = sizes(weight)
  const [taps, inBlocks] = [kh * kw, inputs / block]
  const lines = reshape(inputsInBlocks(weight, block), [outputs * inBlocks * taps, block])
  const order = range(inBlocks).flatMap((group) =>
    range(outputs / block).flatMap((outGroup) =>
      range(taps).flatMap((tap) =>
        range(block).map((lane) => ((outGroup * block + lane) * inBlocks + group) * taps + (taps - 1 - tap)),
      ),
    ),
  )
  return reshape(gather(lines, constant(ndarray(Int32Array.from(order), [order.length]))), [inputs, outputs, kh, kw])
}

/**
 * A filter [C, 1, kh, kw] of a depthwise convolution in block order: [C / block, taps, block], in its old shape; turned by
 * 180 degrees if asked.
 */
export function blockDepthwiseFilter(weight: Tensor, block: number, { turned = false } = {}): Tensor {
  const [channels, , kh, kw] = sizes(weight)
  const taps = reshape(weight, [channels / block, block, kh * kw])
  return reshape(lanesLast(turned ? flip(taps, 2) : taps), weight.shape)
}
