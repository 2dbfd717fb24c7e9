import { expect, test } from "vitest"
import { randomArray } from "../../../test/support/arrays.ts"
import { checkPass, checkPassOn, countOps } from "../../../test/support/check-pass.ts"
import { gradients } from "../../autodiff/gradients.ts"
import { topologicalOrder } from "../../tensor/graph.ts"
import { scaledGeluOp } from "../../tensor/ops/activation.ts"
import { gelu, mul, sum } from "../../tensor/ops/index.ts"
import { input, type Tensor } from "../../tensor/tensor.ts"
import { mergeCommonSubexpressions } from "./common-subexpressions.ts"
import { decompose } from "./decompose.ts"

const x = input("x", [5])
const feeds = { x: randomArray([5], "x", { std: 2 }) }

/** The activation, and the gradient of its sum weighted by itself. */
function withGradient(activation: (x: Tensor) => Tensor) {
  const y = activation(x)
  const [dx] = gradients(sum(mul(y, y)), [x])
  return { y, dx: dx! }
}

test("keeps what random graphs compute", () => {
  checkPass(decompose)
})

test("leaves what the runtime knows as one operator", () => {
  const graph = { y: gelu(x) }
  expect(checkPassOn(decompose, graph, feeds).y).toBe(graph.y)
})

test("leaves nothing that has no ONNX form", () => {
  for (const activation of [gelu, (t: Tensor) => scaledGeluOp([t], {})]) {
    const result = checkPassOn(decompose, withGradient(activation), feeds)
    const unknown = topologicalOrder(Object.values(result)).filter(({ op, inputs }) => inputs.length > 0 && !op.onnx)
    expect(unknown).toEqual([])
  }
})

test("an activation and its derivative share the error function", () => {
  for (const activation of [gelu, (t: Tensor) => scaledGeluOp([t], {})]) {
    const result = mergeCommonSubexpressions(checkPassOn(decompose, withGradient(activation), feeds))
    expect(countOps(result).erf).toBe(1)
    expect(countOps(result).exp).toBe(1)
    expect(countOps(result).gelu).toBeUndefined()
  }
})
