/** A convolution with its gradients, as what passes are tried on. */

import { gradients } from "../../src/autodiff/gradients.ts"
import type { Graph } from "../../src/tensor/graph.ts"
import type { NdArray } from "../../src/tensor/ndarray.ts"
import { type Conv2dOptions, conv2d, mul, sum } from "../../src/tensor/ops/index.ts"
import { input } from "../../src/tensor/tensor.ts"
import { randomArray } from "./arrays.ts"

export interface ConvolutionCase extends Conv2dOptions {
  channels: number
  /** Default: `channels`. */
  outputs?: number
  kernel: number
  /** Height and width. Default [5, 6]. */
  size?: readonly [number, number]
  /** Samples; the values have two if it is symbolic. Default 2. */
  batch?: number | "N"
}

const BATCH = 2

/** y, the gradients of a loss of it for x, w (the filter) and b (the bias), and values for all inputs. */
export function convolution({
  channels,
  outputs = channels,
  kernel,
  size = [5, 6],
  batch = BATCH,
  ...options
}: ConvolutionCase): { graph: Graph; feeds: Record<string, NdArray> } {
  const leaves = [
    input("x", [batch, ...size, channels]),
    input("w", [outputs, channels / (options.groups ?? 1), kernel, kernel]),
    input("b", [outputs]),
  ] as const
  const y = conv2d(leaves[0], leaves[1], leaves[2], options)
  const [dx, dw, db] = gradients(sum(mul(y, input("c", y.shape))), leaves)
  const inputs = { x: leaves[0], w: leaves[1], b: leaves[2], c: y }
  const feeds = Object.fromEntries(
    Object.entries(inputs).map(([name, { shape }]) => {
      const sizes = shape.map((dim) => (typeof dim === "number" ? dim : BATCH))
      return [name, randomArray(sizes, name)]
    }),
  )
  return { graph: { y, dx: dx!, dw: dw!, db: db! }, feeds }
}
