/**
 * The blocked layout of ONNX Runtime's CPU provider (NCHWc): channels in blocks of 8 or 16 that lie together.
 */

import type { Dim } from "../../tensor/dim.ts"
import { reshape } from "../../tensor/ops/index.ts"
import { reshapeOp } from "../../tensor/ops/shape.ts"
import { applies, defineOp, type Op, type Tensor } from "../../tensor/tensor.ts"
import { NCHWC_DOMAIN } from "../onnx/encode.ts"

export interface Block {
  block: number
}

/** Calls `visit` with the position of every element in [N, H, W, C] order and in blocked order. */
function forEachBlocked(
  [n, height, width, channels]: readonly [number, number, number, number],
  block: number,
  visit: (plain: number, blocked: number) => void,
): void {
  const pixels = height * width
  for (let b = 0; b < n; b++) {
    for (let pixel = 0; pixel < pixels; pixel++) {
      for (let c = 0; c < channels; c++) {
        const group = b * (channels / block) + Math.floor(c / block)
        visit((b * pixels + pixel) * channels + c, (group * pixels + pixel) * block + (c % block))
      }
    }
  }
}

/** [N, H, W, C] to blocked. The result's shape is [N, C, H, W], as the runtime sees it. */
const toBlockedOp: Op<Block> = defineOp<Block>({
  name: "toBlocked",
  shape: ([x]) => ({ shape: [x!.dim(0), x!.dim(3), x!.dim(1), x!.dim(2)], dtype: x!.dtype }),
  onnx: (builder, inputs) => builder.node("ReorderInput", inputs, { channels_last: 1 }, NCHWC_DOMAIN),
  reference: ([x], { block }, [y]) => {
    forEachBlocked(x!.shape as [number, number, number, number], block, (plain, blocked) => {
      y!.data[blocked] = x!.data[plain]!
    })
  },
})

/** Blocked to [N, H, W, C]. */
const fromBlockedOp: Op<Block> = defineOp<Block>({
  name: "fromBlocked",
  shape: ([x]) => ({ shape: [x!.dim(0), x!.dim(2), x!.dim(3), x!.dim(1)], dtype: x!.dtype }),
  onnx: (builder, inputs, _, node) =>
    builder.node(
      "ReorderOutput",
      inputs,
      { channels: node.inputs[0]!.dim(1) as number, channels_last: 1 },
      NCHWC_DOMAIN,
    ),
  reference: ([x], { block }, [y]) => {
    forEachBlocked(y!.shape as [number, number, number, number], block, (plain, blocked) => {
      y!.data[plain] = x!.data[blocked]!
    })
  },
})

/**
 * x in blocked order, with shape [N, C, H, W] as the runtime sees it: of [N, H, W, C], or of [N, T, C], which is one row of
 * T positions. What was brought back from that order is taken from where it came.
 */
export function toBlocked(x: Tensor, block: number): Tensor {
  return blockedForm(x) ?? toBlockedOp([asImage(x)], { block })
}

/** A blocked tensor in plain order, in the shape [N, H, W, C] or, of one row, [N, W, C]. */
export function fromBlocked(x: Tensor, block: number, rank = 4): Tensor {
  const plain = fromBlockedOp([x], { block })
  const [n, , width, channels] = plain.shape as [Dim, Dim, Dim, Dim]
  return rank === 3 ? reshape(plain, [n, width, channels]) : plain
}

/** The blocked tensor that x was brought back from; undefined if it was not. */
export function blockedForm(x: Tensor): Tensor | undefined {
  const image = applies(x.node, reshapeOp) && x.rank === 3 ? x.node.inputs[0]! : x
  if (!applies(image.node, fromBlockedOp) || (image !== x && !isOneRow(image, x))) return undefined
  return image.node.inputs[0]!
}

const isOneRow = ({ shape: [n, height, ...rest] }: Tensor, x: Tensor) =>
  height === 1 && [n, ...rest].every((dim, i) => dim === x.dim(i))

/** [N, T, C] as [N, 1, T, C]; images as they are. */
function asImage(x: Tensor): Tensor {
  const [n, positions, channels] = x.shape as [Dim, Dim, Dim]
  return x.rank === 3 ? reshape(x, [n, 1, positions, channels]) : x
}
