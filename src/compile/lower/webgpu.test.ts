import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { expectClose, randomArray } from "../../../test/support/arrays.ts"
import { checkPass, checkPassOn, countOps } from "../../../test/support/check-pass.ts"
import { gradients } from "../../autodiff/gradients.ts"
import { evaluate } from "../../tensor/evaluate.ts"
import { type Graph, topologicalOrder } from "../../tensor/graph.ts"
import { ndarray } from "../../tensor/ndarray.ts"
import { conv2dInputGradientOp } from "../../tensor/ops/conv.ts"
import { convTranspose2d, layerNorm, logSoftmax, logSumExp, maxPool2d, mul, sum } from "../../tensor/ops/index.ts"
import { layerNormOp } from "../../tensor/ops/norm.ts"
import { applies, input } from "../../tensor/tensor.ts"
import { lower } from "../compile.ts"
import { lowerForWebGpu } from "./webgpu.ts"

test("random graphs compute the same in the forms for WebGPU", () => {
  checkPass(lowerForWebGpu)
})

describe("transposed convolution", () => {
  const groupsOf = (x: number[], weight: number[], groups: number) => {
    const y = convTranspose2d(input("x", ["N", ...x]), input("w", weight), undefined, { stride: 2, padding: 1, groups })
    const feeds = { x: randomArray([2, ...x], "x"), w: randomArray(weight, "w") }
    const { y: lowered } = checkPassOn(lowerForWebGpu, { y }, feeds)
    return { y, lowered: lowered! }
  }

  test("with several inputs for the one output of each group has groups of one input", () => {
    for (const [channels, groups] of [
      [6, 3],
      [8, 2],
      [32, 16],
    ] as const) {
      const { lowered } = groupsOf([3, 4, channels], [channels, 1, 3, 2], groups)
      expect(countOps({ lowered })).toEqual({ conv2dInputGradient: 1, reshape: 1, sum: 1 })
      const [apart] = topologicalOrder([lowered]).filter((node) => applies(node, conv2dInputGradientOp))
      expect(apart!.attributes).toMatchObject({ groups: channels })
    }
  })

  test.each([
    ["one group", [4, 1, 3, 3], 1],
    ["one input and one output for each group", [4, 1, 3, 3], 4],
    ["several outputs for each group", [4, 2, 3, 3], 2],
  ])("with %s stays as it is", (_, weight, groups) => {
    const { y, lowered } = groupsOf([3, 4, 4], weight, groups)
    expect(lowered).toBe(y)
  })
})

describe("logSumExp", () => {
  test("is the same for any axes, kept or not", () => {
    const x = { x: randomArray([2, 3, 4], "x", { std: 5 }) }
    fc.assert(
      fc.property(fc.subarray([0, 1, 2], { minLength: 1 }), fc.boolean(), (axes, keepDims) => {
        const lowered = checkPassOn(lowerForWebGpu, { y: logSumExp(input("x", ["N", 3, 4]), axes, { keepDims }) }, x)
        expect(countOps(lowered).logSumExp).toBeUndefined()
      }),
      { numRuns: 20, seed: 32 },
    )
  })

  test("does not overflow, and knows infinite elements", () => {
    const infinity = Number.POSITIVE_INFINITY
    const x = ndarray([1e4, 1e4, -1e4, -1e4, 3, -infinity, -infinity, -infinity, 5, infinity], [5, 2])
    const { y } = evaluate(lowerForWebGpu({ y: logSumExp(input("x", [5, 2]), [1]) }), { x })
    expect([...(y!.data as Float64Array)]).toEqual([1e4 + Math.LN2, -1e4 + Math.LN2, 3, -infinity, infinity])
  })
})

test("logSoftmax is the same over any axis, also of large logits", () => {
  for (const axis of [0, 1, 2]) {
    const graph: Graph = { y: logSoftmax(input("x", ["N", 3, 4]), axis) }
    const lowered = checkPassOn(lowerForWebGpu, graph, { x: randomArray([2, 3, 4], "x", { mean: 1e4, std: 10 }) })
    expect(countOps(lowered).logSoftmax).toBeUndefined()
  }
})

test("layer normalisation and its gradients are the same after the mean is taken out", () => {
  const [x, weight, bias] = [input("x", ["N", 3, 8]), input("weight", [8]), input("bias", [8])]
  const feeds = {
    x: randomArray([2, 3, 8], "x", { mean: 100 }),
    weight: randomArray([8], "weight"),
    bias: randomArray([8], "bias"),
    dy: randomArray([2, 3, 8], "dy"),
  }
  const y = layerNorm(x, weight, bias, 1e-6)
  const [dx, dWeight, dBias] = gradients(sum(mul(y, input("dy", y.shape))), [x, weight, bias])
  checkPassOn(lowerForWebGpu, { y, dx: dx!, dWeight: dWeight!, dBias: dBias! }, feeds)

  const [lowered] = Object.values(lowerForWebGpu({ y }))
  const [centred] = lowered!.node.inputs
  expect(lowered!.node.op.name).toBe(layerNormOp.name)
  expectClose("mean", evaluate({ m: sum(centred!, [-1]) }, feeds).m!, ndarray(new Float32Array(6), [2, 3]), 1e-10, 1)
})

test("graphs for WebGPU alone are changed, whatever else is left out", () => {
  const x = input("x", [1, 4, 4, 2])
  const [dx] = gradients(sum(maxPool2d(x, { kernelSize: 2 })), [x])
  const graph: Graph = { dx: dx! }
  for (const optimize of [true, false]) {
    expect(countOps(lower(graph, { optimize, device: "webgpu" })).maxPool2dGradient).toBeUndefined()
    for (const device of [undefined, "cpu", "wasm", "cuda"]) {
      expect(countOps(lower(graph, { optimize, device })).maxPool2dGradient).toBe(1)
    }
  }
})
