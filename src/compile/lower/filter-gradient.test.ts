import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { randomArray } from "../../../test/support/arrays.ts"
import { checkPassOn, countOps } from "../../../test/support/check-pass.ts"
import { gradients } from "../../autodiff/gradients.ts"
import type { Dim } from "../../tensor/dim.ts"
import type { Graph } from "../../tensor/graph.ts"
import { type Conv2dOptions, conv2d, mul, sum } from "../../tensor/ops/index.ts"
import { input } from "../../tensor/tensor.ts"
import { lowerFilterGradients } from "./filter-gradient.ts"

interface Case {
  batch: number
  size: [height: number, width: number]
  channels: number
  outputs: number
  kernel: [height: number, width: number]
  options: Conv2dOptions & { groups: number }
}

/** The gradient for the filter of a convolution, and values for it. */
function filterGradient({ batch, size, channels, outputs, kernel, options }: Case, symbol?: Dim) {
  const filter = [outputs, channels / options.groups, ...kernel]
  const [x, w] = [input("x", [symbol ?? batch, ...size, channels]), input("w", filter)]
  const y = conv2d(x, w, undefined, options)
  const [dw] = gradients(sum(mul(y, input("weights", y.shape))), [w])
  const feeds = {
    x: randomArray([batch, ...size, channels], "x"),
    w: randomArray(filter, "w"),
    weights: randomArray([batch, ...y.shape.slice(1)] as number[], "weights"),
  }
  return { graph: { dw: dw! } as Graph, feeds }
}

const small = (min: number, max: number) => fc.integer({ min, max })

const cases: fc.Arbitrary<Case> = fc
  .record({
    batch: small(1, 2),
    kernel: fc.tuple(small(1, 4), small(1, 3)),
    stride: fc.tuple(small(1, 3), small(1, 2)),
    dilation: fc.tuple(small(1, 2), small(1, 2)),
    padding: fc.tuple(small(0, 2), small(0, 2), small(0, 2), small(0, 2)),
    extra: fc.tuple(small(0, 4), small(0, 4)),
    shape: fc.constantFrom([16, 1, 5], [16, 2, 4], [24, 1, 8], [32, 8, 8], [20, 5, 10], [32, 4, 12]),
  })
  .map(({ batch, kernel, stride, dilation, padding, extra, shape: [channels, groups, outputs] }) => ({
    batch,
    // Large enough for one position, and then some that a stride may leave over.
    size: [0, 1].map((axis) =>
      Math.max(1, (kernel[axis]! - 1) * dilation[axis]! + 1 - padding[axis]! - padding[axis + 2]! + extra[axis]!),
    ) as [number, number],
    channels: channels!,
    outputs: outputs!,
    kernel,
    options: { stride, dilation, padding, groups: groups! },
  }))

describe("the gradient for a filter", () => {
  test("is the same as products, for any strides, dilations, paddings and groups, with a fixed and a symbolic batch", () => {
    fc.assert(
      fc.property(cases, (shape) => {
        for (const symbol of [undefined, "N"]) {
          const { graph, feeds } = filterGradient(shape, symbol)
          const lowered = checkPassOn(lowerFilterGradients, graph, feeds)
          expect(countOps(lowered).conv2dFilterGradient).toBeUndefined()
          expect(countOps(lowered).matmul).toBe(shape.kernel[0] * shape.kernel[1])
        }
      }),
      { numRuns: 40 },
    )
  })

  test.each([
    ["of a stem", { channels: 3, outputs: 16, options: { groups: 1 } }],
    ["of a depthwise convolution", { channels: 16, outputs: 16, options: { groups: 16 } }],
    ["of groups that are few and narrow", { channels: 6, outputs: 6, options: { groups: 2 } }],
  ])("%s stays as it is", (_, shape) => {
    const { graph, feeds } = filterGradient({ batch: 1, size: [5, 5], kernel: [3, 3], ...shape })
    expect(checkPassOn(lowerFilterGradients, graph, feeds).dw).toBe(graph.dw)
  })
})
