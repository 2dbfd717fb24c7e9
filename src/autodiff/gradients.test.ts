import { describe, expect, test } from "vitest"
import { randomArray } from "../../test/support/arrays.ts"
import { checkOp } from "../../test/support/check-op.ts"
import { evaluate } from "../tensor/evaluate.ts"
import { topologicalOrder } from "../tensor/graph.ts"
import { ndarray } from "../tensor/ndarray.ts"
import { add, erf, exp, gelu, layerNorm, linear, mean, mul, neg, sum } from "../tensor/ops/index.ts"
import { constant, defineOp, input, type Tensor, withScope } from "../tensor/tensor.ts"
import { gradients } from "./gradients.ts"

/** How many nodes of each operator the tensors depend on. */
function countOps(tensors: readonly Tensor[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { op } of topologicalOrder(tensors)) counts[op.name] = (counts[op.name] ?? 0) + 1
  return counts
}

test("sums over all uses of a tensor", async () => {
  // d/dx (x^2 + e^x + 3 x) = 2 x + e^x + 3
  const x = input("x", [3])
  const [dx] = gradients(sum(add(add(mul(x, x), exp(x)), mul(x, 3))), [x])
  const values = evaluate({ dx: dx! }, { x: ndarray([0, 1, -2]) })
  ;[4, 2 + Math.E + 3, -4 + Math.exp(-2) + 3].forEach((value, i) => {
    expect(values.dx!.data[i]).toBeCloseTo(value, 12)
  })
})

test("follows the chain rule through a small network", async () => {
  const shapes = [[2, 5], [8, 5], [8], [3, 8], [3], [3], [3]]
  const inputs = shapes.map((shape, i) => randomArray(shape, i))
  await checkOp({
    inputs,
    build: (x, w1, b1, w2, b2, scale, shift) => {
      const hidden = gelu(linear(x!, w1!, b1))
      const y = linear(hidden, w2!, b2)
      return mul(layerNorm(y, scale!, shift!, 1e-6), add(y, erf(y)))
    },
    batched: [0],
  })
})

test("the gradient of the loss itself is one, and that of a part of the graph is what came to it", () => {
  const x = input("x", [2])
  const inner = mul(x, 3)
  const loss = sum(mul(inner, inner))
  const [dLoss, dInner, dx] = gradients(loss, [loss, inner, x])
  const values = evaluate({ dLoss: dLoss!, dInner: dInner!, dx: dx! }, { x: ndarray([1, 2]) })
  expect([...(values.dLoss!.data as Float32Array)]).toEqual([1])
  expect([...(values.dInner!.data as Float64Array)]).toEqual([6, 12])
  expect([...(values.dx!.data as Float64Array)]).toEqual([18, 36])
})

test("a tensor asked for twice gets its gradient twice", () => {
  const x = input("x", [])
  const [first, second] = gradients(mul(x, x), [x, x])
  expect(first).toBe(second)
})

describe("a tensor that the loss does not depend on", () => {
  test("has gradient zero of its own shape", () => {
    const [x, other] = [input("x", [2]), input("other", ["N", 3])]
    const [, zero] = gradients(sum(x), [x, other])
    const { dOther } = evaluate({ dOther: zero! }, { other: randomArray([2, 3], 0) })
    expect(dOther!.shape).toEqual([2, 3])
    expect(dOther!.data).toEqual(new Float64Array(6))
  })

  test("may share a node with what it depends on", () => {
    const x = input("x", [4])
    const [y, average] = layerNorm(x, constant(ndarray([1, 1, 1, 1])), constant(ndarray([0, 0, 0, 0])), 1e-6).node
      .outputs
    const [zero] = gradients(sum(y!), [average!])
    expect(evaluate({ d: zero! }, { x: randomArray([4], 0) }).d!.data).toEqual(Float64Array.of(0))
  })
})

describe("frozen parts cost nothing", () => {
  const x = input("x", ["N", 4])
  const weights = [0, 1, 2].map((i) => input(`w${i}`, [4, 4]))
  const loss = mean(weights.reduce((y, w) => gelu(linear(y, w)), x))

  test("the last layer alone needs one product", () => {
    const all = countOps(gradients(loss, weights))
    const last = countOps(gradients(loss, [weights[2]!]))
    // Backward, a layer has one product for its weight and one for its input; the first layer's input is the images.
    expect(all.matmul).toBe(5)
    expect(all.geluDerivative).toBe(3)
    expect(last.matmul).toBe(1)
    expect(last.geluDerivative).toBe(1)
  })

  test("the first layer alone needs the products on the way to it and its own", () => {
    const first = countOps(gradients(loss, [weights[0]!]))
    expect(first.matmul).toBe(3)
    expect(first.geluDerivative).toBe(3)
  })

  test("gradients of some are those of all", () => {
    const feeds = Object.fromEntries(weights.map((_, i) => [`w${i}`, randomArray([4, 4], i)]))
    const values = { ...feeds, x: randomArray([3, 4], "x") }
    const all = gradients(loss, weights)
    weights.forEach((w, i) => {
      const [alone] = gradients(loss, [w])
      const { a, b } = evaluate({ a: alone!, b: all[i]! }, values)
      expect(a).toEqual(b)
    })
  })
})

describe("what cannot be differentiated", () => {
  const round = defineOp<Record<never, never>>({
    name: "round",
    shape: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
    reference: ([x], _, [y]) => {
      for (let i = 0; i < y!.data.length; i++) y!.data[i] = Math.round(Number(x!.data[i]))
    },
  })

  test("an operator without a gradient is named with the path to the tensor", () => {
    const x = input("x", [2])
    const doubled = mul(x, 2)
    const rounded = withScope("head.quantize", () => round([doubled], {}))
    expect(() => gradients(sum(neg(rounded)), [x])).toThrow(
      "gradients: round has no gradient; on the path round (head.quantize) <- mul <- input",
    )
  })

  test("it may stand where no gradient passes", () => {
    const [x, y] = [input("x", [2]), input("y", [2])]
    const rounded = round([y], {})
    const loss = sum(mul(x, rounded))
    const [dx, dRounded] = gradients(loss, [x, rounded])
    const values = evaluate({ dx: dx!, dRounded: dRounded! }, { x: ndarray([3, 4]), y: ndarray([1.2, 2.7]) })
    expect([...(values.dx!.data as Float64Array)]).toEqual([1, 3])
    expect([...(values.dRounded!.data as Float64Array)]).toEqual([3, 4])
  })

  test("a loss that is no scalar is refused", () => {
    const x = input("x", ["N", 2])
    expect(() => gradients(x, [x])).toThrow("gradients: the loss must be a floating-point scalar, got float32[N, 2]")
  })

  test("the statistics of layerNorm are not differentiated through in silence", () => {
    const x = input("x", [2, 4])
    const y = layerNorm(x, input("w", [4]), input("b", [4]), 1e-6)
    expect(() => gradients(sum(y.node.outputs[1]!), [x])).toThrow("layerNorm")
    const [dx] = gradients(sum(mul(y, y)), [x])
    expect(() => gradients(sum(dx!), [x])).toThrow("layerNorm")
  })
})

test("gradient nodes belong to the module of the node that they come from", () => {
  const x = input("x", ["N", 3])
  const y = withScope("head.fc", () => linear(x, input("w", [2, 3])))
  const [dx] = gradients(sum(y), [x])
  expect(dx!.node.op.name === "reshape" || dx!.node.op.name === "matmul").toBe(true)
  expect(dx!.node.scope).toBe("head.fc")
})
