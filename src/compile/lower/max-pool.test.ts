import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { randomArray } from "../../../test/support/arrays.ts"
import { checkPassOn, countOps } from "../../../test/support/check-pass.ts"
import { gradients } from "../../autodiff/gradients.ts"
import type { Dim } from "../../tensor/dim.ts"
import { evaluate } from "../../tensor/evaluate.ts"
import { type Graph, rewrite } from "../../tensor/graph.ts"
import { ndarray } from "../../tensor/ndarray.ts"
import { maxPool2d, mul, type Pool2dOptions, sum } from "../../tensor/ops/index.ts"
import { maxPool2dGradientOp } from "../../tensor/ops/pool.ts"
import { applies, input, type Tensor } from "../../tensor/tensor.ts"
import { maxPoolGradient } from "./max-pool.ts"

const lower = (graph: Graph) =>
  rewrite(graph, (node, [x, dy]) =>
    applies(node, maxPool2dGradientOp) ? maxPoolGradient(x!, dy!, node.attributes) : undefined,
  )

/** The gradient of maximum pooling for x, given dy. */
function poolGradient(shape: readonly Dim[], options: Pool2dOptions): { graph: Graph; y: Tensor } {
  const x = input("x", shape)
  const y = maxPool2d(x, options)
  const [dx] = gradients(sum(mul(y, input("dy", y.shape))), [x])
  return { graph: { dx: dx! }, y }
}

const between = (min: number, max: number) => fc.integer({ min, max })

const anyPooling = fc
  .record({
    kernelSize: fc.tuple(between(1, 4), between(1, 3)),
    stride: fc.tuple(between(1, 5), between(1, 4)),
    halves: fc.tuple(between(0, 2), between(0, 1)),
    spare: fc.tuple(between(0, 6), between(0, 5)),
    ceilMode: fc.boolean(),
    /** Few values, so that many are equal. */
    values: fc.array(between(-3, -1), { minLength: 1, maxLength: 50 }),
  })
  .map(({ kernelSize, stride, halves, spare, ceilMode, values }) => {
    const padding = ([0, 1] as const).map((axis) => Math.min(halves[axis], Math.floor(kernelSize[axis] / 2)))
    const size = (axis: 0 | 1) => Math.max(1, kernelSize[axis] - 2 * padding[axis]!) + spare[axis]
    const options: Pool2dOptions = { kernelSize, stride, padding: padding as [number, number], ceilMode }
    return { shape: [2, size(0), size(1), 2], options, values }
  })

describe("the gradient of maximum pooling", () => {
  test("is the same by comparisons, for any windows, where elements are equal, for a fixed and a symbolic batch", () => {
    fc.assert(
      fc.property(anyPooling, ({ shape, options, values }) => {
        const [, ...map] = shape
        const size = shape.reduce((a, b) => a * b)
        const x = ndarray(
          Float32Array.from({ length: size }, (_, i) => values[(i * 7) % values.length]!),
          shape,
        )
        for (const batch of [2, "N"]) {
          const { graph, y } = poolGradient([batch, ...map], options)
          const dy = randomArray([2, ...(y.shape.slice(1) as number[])], "dy")
          const lowered = checkPassOn(lower, graph, { x, dy })
          expect(countOps(lowered).maxPool2dGradient).toBeUndefined()
        }
      }),
      { numRuns: 60, seed: 31 },
    )
  })

  test("goes to the first of the equal elements of a window, and never to the padding", () => {
    const { graph } = poolGradient([1, 2, 2, 1], { kernelSize: 3, stride: 1, padding: 1 })
    const feeds = { x: ndarray(new Float32Array(4).fill(-3e38), [1, 2, 2, 1]), dy: ndarray([1, 2, 3, 4], [1, 2, 2, 1]) }
    expect(evaluate(lower(graph), feeds).dx!.data).toEqual(Float64Array.of(10, 0, 0, 0))
  })
})
