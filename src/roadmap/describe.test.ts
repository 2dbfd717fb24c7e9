import { expect, test } from "vitest"
import { type BlockRow, describeBlock } from "./describe.ts"
import { roadmapSteps } from "./steps.ts"

/** One row in few letters: "d7 96" is a depthwise 7x7 convolution, "1 96-384" a pointwise one. */
function short(row: BlockRow): string {
  switch (row.kind) {
    case "convolution": {
      const { kernelSize, depthwise, inChannels, outChannels } = row
      return depthwise ? `d${kernelSize} ${inChannels}` : `${kernelSize} ${inChannels}-${outChannels}`
    }
    case "norm":
      return row.norm
    case "activation":
      return row.activation
    default:
      return row.kind
  }
}

const drawn = Object.fromEntries(
  roadmapSteps(50).map((step) => [step.id, describeBlock(step).rows.map(short).join(", ")]),
)

test("ResNet's block is the bottleneck of figure 4", () => {
  expect(drawn.resnet).toBe("1 256-64, batch, relu, 3 64-64, batch, relu, 1 64-256, batch, add, relu")
})

test("depthwise and inverted blocks are those of figure 3 (a) and (b)", () => {
  expect(drawn.width).toBe("1 384-96, batch, relu, d3 96, batch, relu, 1 96-384, batch, add, relu")
  expect(drawn.inverted).toBe("1 96-384, batch, relu, d3 384, batch, relu, 1 384-96, batch, add, relu")
})

test("the depthwise convolution moves up, and its kernel grows", () => {
  expect(drawn["move-up"]).toBe("d3 96, batch, relu, 1 96-384, batch, relu, 1 384-96, batch, add, relu")
  expect(drawn["kernel-7"]).toBe("d7 96, batch, relu, 1 96-384, batch, relu, 1 384-96, batch, add, relu")
})

test("activations and norms become fewer", () => {
  expect(drawn.gelu).toBe("d7 96, batch, gelu, 1 96-384, batch, gelu, 1 384-96, batch, add, gelu")
  expect(drawn["fewer-activations"]).toBe("d7 96, batch, 1 96-384, batch, gelu, 1 384-96, batch, add")
  expect(drawn["fewer-norms"]).toBe("d7 96, batch, 1 96-384, gelu, 1 384-96, add")
})

test("the last block is ConvNeXt's of figure 4", () => {
  expect(drawn["layer-norm"]).toBe("d7 96, layer, 1 96-384, gelu, 1 384-96, add")
  expect(drawn["separate-downsampling"]).toBe("d7 96, layer, 1 96-384, gelu, 1 384-96, layer-scale, add")
})

test("blocks of sets that the paper did not try are drawn too", () => {
  const { rows } = describeBlock({ regime: 200, steps: ["kernel-5", "fewer-activations", "gelu"] })
  expect(rows.map(short).join(", ")).toBe("1 256-64, batch, 5 64-64, batch, gelu, 1 64-256, batch, add")
})
