/**
 * The gradient of a convolution for its filter as matrix products: for each tap, the outputs' gradients [O, M] times the
 * inputs [M, I] that this tap reads, over all M positions of the batch. The standard form, a convolution with dy as the
 * filter, takes about twice the time of these products on a CPU.
 */

import { productOf } from "../../tensor/dim.ts"
import { type Graph, rewrite } from "../../tensor/graph.ts"
import { type Conv2dAttributes, conv2dFilterGradientOp } from "../../tensor/ops/conv.ts"
import { concat, matmul, reshape, slice, stack, transpose } from "../../tensor/ops/index.ts"
import { applies, type Tensor } from "../../tensor/tensor.ts"
import { cover, range } from "./cover.ts"

type FilterGradient = Conv2dAttributes & { kernel: readonly [number, number] }

/**
 * Input channels from which on products are worth it. Narrower groups are joined until they have so many: what their
 * products compute in vain costs less than products that are too thin.
 */
const NARROWEST = 16

/** Rewrites gradients for filters, but those of filters with few input channels (stems) and of depthwise ones. */
export function lowerFilterGradients(graph: Graph): Graph {
  return rewrite(graph, (node, inputs) => {
    if (!applies(node, conv2dFilterGradientOp)) return undefined
    const [x, dy] = inputs as [Tensor, Tensor]
    const { groups } = node.attributes
    const [channels, outputs] = [x.dim(3) as number, dy.dim(3) as number]
    const joined = groupsToJoin(channels / groups, groups)
    if (joined === undefined || channels === groups) return undefined
    const sets = groups / joined
    const taps = tapInputs(x, dy, sets, node.attributes)
    const rows = productOf(dy.shape.slice(0, 3))
    const gradients = transpose(reshape(dy, [rows, sets, outputs / sets]), [1, 2, 0])
    const products = taps.map((tap) => matmul(gradients, reshape(tap, [sets, rows, channels / sets])))
    return intoFilter(stack(products, 0), joined, [outputs, channels / groups, ...node.attributes.kernel])
  })
}

/** How many groups of so many input channels are taken together; undefined where there are not enough. */
function groupsToJoin(perGroup: number, groups: number): number | undefined {
  const counts = Array.from({ length: groups }, (_, i) => i + 1).filter((count) => groups % count === 0)
  return counts.find((count) => count * perGroup >= NARROWEST)
}

/** What each tap reads, in the order of the filter: [sets, N, Ho, Wo, channels / sets]. */
function tapInputs(
  x: Tensor,
  dy: Tensor,
  sets: number,
  { pads, strides, dilations, kernel }: FilterGradient,
): Tensor[] {
  const [batch, , , channels] = x.shape as [Tensor["shape"][0], number, number, number]
  const outer = [dy.dim(1), dy.dim(2)] as [number, number]
  // Rows and columns that the last taps read, rounded up so that every phase of the stride has as many.
  const sizes = ([0, 1] as const).map((axis) => {
    const reach = (kernel[axis] - 1) * dilations[axis] + (outer[axis] - 1) * strides[axis] + 1
    return Math.ceil(reach / strides[axis])
  }) as [number, number]
  const covered = ([0, 1] as const).reduce(
    (padded, axis) => cover(padded, axis + 1, pads[axis], sizes[axis] * strides[axis]),
    x,
  )
  const phases = reshape(covered, [batch, sizes[0], strides[0], sizes[1], strides[1], sets, channels / sets])
  const bySet = transpose(phases, [5, 2, 4, 0, 1, 3, 6])
  return range(kernel[0]).flatMap((ky) =>
    range(kernel[1]).map((kx) => {
      const [top, left] = [ky * dilations[0], kx * dilations[1]]
      const phase = slice(
        slice(bySet, 1, top % strides[0], (top % strides[0]) + 1),
        2,
        left % strides[1],
        (left % strides[1]) + 1,
      )
      const map = reshape(phase, [sets, batch, ...sizes, channels / sets])
      const [row, column] = [Math.floor(top / strides[0]), Math.floor(left / strides[1])]
      return slice(slice(map, 2, row, row + outer[0]), 3, column, column + outer[1])
    }),
  )
}

/** [taps, sets, outputs of a set, channels of a set] to the filter: the products of a group with itself. */
function intoFilter(products: Tensor, joined: number, filter: readonly [number, number, number, number]): Tensor {
  const [taps, sets, outputs, channels] = products.shape as [number, number, number, number]
  const pairs = reshape(products, [taps, sets, joined, outputs / joined, joined, channels / joined])
  const own = range(joined).map((i) => slice(slice(pairs, 2, i, i + 1), 4, i, i + 1))
  const diagonal = joined === 1 ? pairs : concat(own, 2)
  return reshape(transpose(diagonal, [1, 2, 3, 4, 5, 0]), filter)
}
