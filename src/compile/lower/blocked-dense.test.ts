import { describe, expect, test } from "vitest"
import { expectClose } from "../../../test/support/arrays.ts"
import { runGraph } from "../../../test/support/check-op.ts"
import { checkPass, checkPassOn, countOps } from "../../../test/support/check-pass.ts"
import { type ConvolutionCase, convolution } from "../../../test/support/convolutions.ts"
import { backendFor } from "../../runtime/backend.ts"
import { evaluate } from "../../tensor/evaluate.ts"
import { conv2d, mul } from "../../tensor/ops/index.ts"
import { input } from "../../tensor/tensor.ts"
import { lowerDense } from "./blocked-dense.ts"

test("keeps what random graphs compute", () => {
  checkPass((graph) => lowerDense(graph, 2))
})

describe.each([8, 16])("in blocks of %i channels", (block) => {
  const lowered = (layer: ConvolutionCase) => {
    const { graph, feeds } = convolution(layer)
    return countOps(checkPassOn((g) => lowerDense(g, block), graph, feeds))
  }

  test("a convolution and its gradient for the input compute the same, for any batch", () => {
    for (const layer of [
      { channels: block, kernel: 3, padding: 1 },
      { channels: 2 * block, outputs: block, kernel: 3, padding: 1, batch: "N" as const },
      { channels: block, outputs: 3 * block, kernel: 5, padding: [0, 1, 2, 4] as const },
      { channels: block, kernel: 1, size: [1, 3] as const },
    ]) {
      const ops = lowered(layer)
      expect(ops).toMatchObject({ toBlocked: 2, blockedDense: 2, fromBlocked: 2, conv2dFilterGradient: 1 })
      expect([ops.conv2d, ops.conv2dInputGradient]).toEqual([undefined, undefined])
    }
  })

  test("steps, dilation and wide padding have a blocked form forwards only", () => {
    for (const options of [{ stride: 2 }, { dilation: 2 }, { padding: 3 }]) {
      const ops = lowered({ channels: block, kernel: 3, padding: 2, ...options })
      expect(ops).toMatchObject({ blockedDense: 1, conv2dInputGradient: 1 })
    }
  })

  test("groups, and channels that do not fill blocks, stay as they are", () => {
    for (const layer of [
      { channels: 2 * block, groups: 2 },
      { channels: block, groups: block },
      { channels: block + 4 },
      { channels: block, outputs: block + 4 },
    ]) {
      expect(lowered({ kernel: 3, ...layer }).blockedDense).toBeUndefined()
    }
  })

  test("filters that depend on constants alone are left to the runtime", () => {
    const [x, w, scale] = [input("x", [2, 4, 5, block]), input("w", [block, block, 3, 3]), input("s", [])]
    const constants = new Set(["w", "s"])
    const fixed = lowerDense({ y: conv2d(x, mul(w, scale)) }, block, constants)
    expect(countOps(fixed)).toMatchObject({ conv2d: 1 })
    const changing = lowerDense({ y: conv2d(x, mul(w, scale)) }, block, new Set(["w"]))
    expect(countOps(changing)).toMatchObject({ blockedDense: 1 })
  })
})

test("on the device's own blocks it agrees with the reference, as its portable form does", async () => {
  const { block } = await backendFor("cpu")
  for (const layer of [
    { channels: 16, outputs: 48, kernel: 3, padding: 1, size: [7, 7] as const },
    { channels: 64, outputs: 32, kernel: 5, padding: 2, size: [3, 4] as const },
    { channels: 32, kernel: 7, padding: 3, size: [12, 9] as const },
    { channels: 32, kernel: 3, padding: [2, 1, 0, 1] as const, stride: [1, 2] as const, size: [9, 8] as const },
  ]) {
    const { graph, feeds } = convolution(layer)
    const expected = evaluate(graph, feeds)
    for (const used of [block, 0]) {
      const values = await runGraph(graph, feeds, { block: used })
      for (const name of Object.keys(graph))
        expectClose(`${name} in blocks of ${used}`, values[name]!, expected[name]!, 1e-5)
    }
  }
})
