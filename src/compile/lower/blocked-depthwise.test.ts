import { describe, expect, test } from "vitest"
import { expectClose } from "../../../test/support/arrays.ts"
import { runGraph } from "../../../test/support/check-op.ts"
import { checkPassOn, countOps } from "../../../test/support/check-pass.ts"
import { type ConvolutionCase, convolution } from "../../../test/support/convolutions.ts"
import { gradients } from "../../autodiff/gradients.ts"
import { backendFor } from "../../runtime/backend.ts"
import { evaluate } from "../../tensor/evaluate.ts"
import { conv2d, sum } from "../../tensor/ops/index.ts"
import { input } from "../../tensor/tensor.ts"
import { lowerDepthwise } from "./blocked-depthwise.ts"

const depthwise = (layer: ConvolutionCase) => convolution({ groups: layer.channels, ...layer })

const same = (kernel: number): Pick<ConvolutionCase, "kernel" | "padding"> => ({ kernel, padding: (kernel - 1) / 2 })

/** The operators of a lowered convolution with its two gradients. */
const allBlocked = { toBlocked: 4, blockedDepthwise: 3, fromBlocked: 2 }

describe.each([8, 16])("in blocks of %i channels", (block) => {
  test("a depthwise convolution and its gradients compute the same", () => {
    for (const layer of [
      { channels: block, ...same(3) },
      { channels: 3 * block, ...same(5) },
      { channels: block, ...same(7), size: [4, 4] as const },
      { channels: block, kernel: 3, padding: [0, 1, 2, 0] as const },
      { channels: 2 * block, kernel: 1 },
    ]) {
      const { graph, feeds } = depthwise(layer)
      const result = checkPassOn((g) => lowerDepthwise(g, block), graph, feeds)
      expect(countOps(result)).toMatchObject(allBlocked)
      expect(countOps(result).conv2d).toBeUndefined()
    }
  })

  test("a batch of unknown size leaves the gradient for the filter as it is", () => {
    const { graph, feeds } = depthwise({ channels: block, ...same(3), batch: "N" })
    const result = checkPassOn((g) => lowerDepthwise(g, block), graph, feeds)
    expect(countOps(result)).toMatchObject({ blockedDepthwise: 2, conv2dFilterGradient: 1 })
  })

  test("steps and dilation have a blocked form forwards only", () => {
    for (const options of [{ stride: 2 }, { dilation: 2 }]) {
      const { graph, feeds } = depthwise({ channels: block, kernel: 3, padding: 2, ...options })
      const result = checkPassOn((g) => lowerDepthwise(g, block), graph, feeds)
      expect(countOps(result)).toMatchObject({ blockedDepthwise: 1, conv2dInputGradient: 1, conv2dFilterGradient: 1 })
    }
  })

  test("more padding than the kernel is wide leaves the gradient for the input as it is", () => {
    const { graph, feeds } = depthwise({ channels: block, kernel: 3, padding: 3 })
    const result = checkPassOn((g) => lowerDepthwise(g, block), graph, feeds)
    expect(countOps(result)).toMatchObject({ blockedDepthwise: 2, conv2dInputGradient: 1 })
  })

  test("other convolutions stay as they are", () => {
    const { graph } = depthwise({ channels: block + 4, ...same(3) })
    expect(lowerDepthwise(graph, block)).toEqual(graph)
    const x = input("x", [2, 5, 5, block])
    for (const [weight, groups] of [
      [[block, block, 3, 3], 1],
      [[block, 2, 3, 3], block / 2],
      [[2 * block, 1, 3, 3], block],
    ] as const) {
      const y = conv2d(x, input("w", weight), undefined, { groups })
      const all = { y, dx: gradients(sum(y), [x])[0]!, dw: gradients(sum(y), [y.node.inputs[1]!])[0]! }
      expect(countOps(lowerDepthwise(all, block)).blockedDepthwise).toBeUndefined()
    }
  })
})

describe("on the device's own blocks", () => {
  test.each([3, 5, 7, 9, 11])("a kernel of %i agrees with the reference, as its portable form does", async (kernel) => {
    const { block } = await backendFor("cpu")
    for (const size of [
      [3, 4],
      [7, 7],
      [12, 9],
    ] as const) {
      const { graph, feeds } = depthwise({ channels: 32, ...same(kernel), size })
      const expected = evaluate(graph, feeds)
      for (const [form, used] of [
        ["blocked", block],
        ["portable", 0],
      ] as const) {
        const values = await runGraph(graph, feeds, { block: used })
        for (const name of Object.keys(graph)) {
          expectClose(`${form} ${name} at ${size}`, values[name]!, expected[name]!, 1e-5)
        }
      }
    }
  })

  test("forwards with steps and dilation too", async () => {
    for (const options of [{ stride: 2 }, { dilation: 2 }, { stride: [1, 3] as const }]) {
      const { graph, feeds } = depthwise({ channels: 16, kernel: 3, padding: [2, 1, 0, 1], size: [9, 8], ...options })
      const values = await runGraph(graph, feeds)
      const expected = evaluate(graph, feeds)
      for (const name of Object.keys(graph)) expectClose(name, values[name]!, expected[name]!, 1e-5)
    }
  })
})
