import { describe, expect, test } from "vitest"
import { createModel, modelSummary } from "../index.ts"
import { UsageError } from "../tensor/errors.ts"
import { add, gelu, mul, relu, reshape } from "../tensor/ops/index.ts"
import type { Tensor } from "../tensor/tensor.ts"
import type { Context } from "./context.ts"
import { ones } from "./initializers.ts"
import { Conv2d, Linear } from "./layers.ts"
import { Block, Module, Parameter } from "./module.ts"
import { BatchNorm2d } from "./norm.ts"
import { residual } from "./stochastic.ts"
import { type ModelSummary, printSummary, summary } from "./summary.ts"

/** x + scale * fc2(gelu(fc1(x))) */
class Residual extends Block {
  readonly fc1 = new Linear(4, 8)
  readonly fc2 = new Linear(8, 4)
  readonly scales = [new Parameter([4], ones)]
  readonly #rate: number

  constructor(rate = 0) {
    super()
    this.#rate = rate
  }

  forward(x: Tensor, context: Context): Tensor {
    const branch = (y: Tensor) => mul(this.fc2.forward(gelu(this.fc1.forward(y))), this.scales[0]!)
    return residual(x, this.#rate, context, branch)
  }
}

class Net extends Module {
  readonly conv = new Conv2d(3, 4, { kernelSize: 2, stride: 2, bias: false })
  readonly block: Residual
  readonly unused = new Linear(2, 2)
  readonly head = new Linear(24, 10)

  constructor(rate = 0) {
    super()
    this.block = new Residual(rate)
  }

  forward(x: Tensor, context: Context): Tensor {
    const features = this.block.forward(this.conv.forward(x), context)
    return this.head.forward(reshape(features, [features.dim(0), -1]))
  }
}

const byName = ({ layers }: ModelSummary) => Object.fromEntries(layers.map((row) => [row.name, row]))

describe("a network of one's own", () => {
  const described = summary(new Net(), ["N", 6, 4, 3])
  const rows = byName(described)

  test("has a row for each module that computes or has parameters, before its parts, as an image meets them", () => {
    expect(described.layers.map(({ name, type }) => `${name} ${type}`)).toEqual([
      "(root) Net",
      "conv Conv2d",
      "block Residual",
      "block.fc1 Linear",
      "block.fc2 Linear",
      "head Linear",
      "unused Linear",
    ])
    expect(described.inputShape).toEqual(["N", 6, 4, 3])
    expect(rows.block!.outputShape).toEqual(["N", 3, 2, 4])
    expect(rows.head!.outputShape).toEqual(["N", 10])
    expect(rows.unused!.outputShape).toEqual([])
  })

  test("parameters and multiply-accumulates are counted by hand", () => {
    const column = (field: "parameters" | "macs") =>
      Object.fromEntries(described.layers.map((row) => [row.name, row[field]]))
    expect(column("parameters")).toEqual({
      conv: 48,
      "block.fc1": 40,
      "block.fc2": 36,
      block: 4,
      "(root)": 0,
      head: 250,
      unused: 6,
    })
    expect(described.parameters).toBe(384)
    expect(column("macs")).toEqual({
      conv: 6 * 48,
      "block.fc1": 6 * 32,
      "block.fc2": 6 * 32,
      block: 0,
      "(root)": 0,
      head: 240,
      unused: 0,
    })
    expect(described.macs).toBe(6 * (48 + 64) + 240)
  })

  test("forward bytes are what each layer hands on: 4 for each element", () => {
    const forward = described.layers.map(({ name, activationBytes }) => [name, activationBytes.forward])
    expect(Object.fromEntries(forward)).toEqual({
      conv: 4 * 24,
      "block.fc1": 4 * 48,
      // gelu, which fc2 reads, and the sum, which the network reads.
      block: 4 * 48 + 4 * 24,
      "block.fc2": 4 * 24,
      // What it flattens is the block's.
      "(root)": 0,
      head: 4 * 10,
      unused: 0,
    })
    expect(described.activationBytes.forward).toBe(4 * (24 + 48 + 48 + 24 + 24 + 10))
  })

  test("training keeps what the backward pass reads, and less of it where more is computed again", () => {
    const { none, cheap, block } = described.activationBytes.training
    expect(none).toBeGreaterThan(cheap)
    expect(cheap).toBeGreaterThan(block)
    // The patches that the convolution reads, what goes into the block and comes out of it, and the logits.
    expect(block).toBe(4 * (72 + 24 + 24 + 10))
    // And what fc1 gives. The scales become a part of fc2's weight, so that nothing reads what fc2 itself gives.
    expect(cheap).toBe(block + 4 * 48)
    // And what gelu gives.
    expect(none).toBe(cheap + 4 * 48)
    for (const mode of ["none", "cheap", "block"] as const) {
      const sum = described.layers.reduce((bytes, { activationBytes }) => bytes + activationBytes.training[mode], 0)
      expect(sum).toBe(described.activationBytes.training[mode])
    }
    expect(rows["block.fc1"]!.activationBytes.training).toEqual({ none: 4 * 48, cheap: 4 * 48, block: 0 })
    expect(rows.head!.activationBytes.training).toEqual({ none: 40, cheap: 40, block: 40 })
  })

  test("everything is for one sample, whatever batch is given", () => {
    expect(summary(new Net(), [5, 6, 4, 3])).toEqual(described)
    expect(summary(new Net(), ["B", 6, 4, 3])).toMatchObject({ inputShape: ["B", 6, 4, 3], macs: described.macs })
  })

  test("under stochastic depth it tells what is kept if nothing is dropped", () => {
    const { none } = summary(new Net(0.5), ["N", 6, 4, 3]).activationBytes.training
    // The samples that are kept are copied out of the batch.
    expect(none).toBe(described.activationBytes.training.none + 4 * 24)
  })

  test("batch normalisation of single values needs no batch to be given", () => {
    class Mlp extends Module {
      readonly fc = new Linear(3, 5)
      readonly bn = new BatchNorm2d(5)
      forward(x: Tensor, context: Context): Tensor {
        return relu(this.bn.forward(this.fc.forward(x), context))
      }
    }
    expect(summary(new Mlp(), [1, 3])).toMatchObject({ parameters: 30, macs: 15 })
  })

  test("a module without a shape is a UsageError that says how to give it", () => {
    expect(() => summary(new Net())).toThrow(UsageError)
    expect(() => summary(new Net())).toThrow('summary(module, ["N", 224, 224, 3])')
  })

  test("a part of a network that was bound cannot be described by itself", () => {
    const net = new Net()
    summary(net, ["N", 6, 4, 3])
    expect(() => summary(net.block, ["N", 4])).toThrow("part of another network already")
    expect(summary(net, ["N", 6, 4, 3])).toEqual(described)
  })
})

describe("a model", () => {
  test("is described for its own images, or for others", async () => {
    const model = await createModel("convnext_mini", { inputSize: 64 })
    expect(summary(model)).toMatchObject({
      inputShape: ["N", 64, 64, 3],
      parameters: model.parameterCount,
      macs: model.macs(64),
      layers: model.summary(),
    })
    expect(summary(model, [1, 32, 32, 3]).macs).toBe(model.macs(32))
  })

  test("convnext_tiny has the paper's sums, and recomputation keeps what it says", () => {
    const { parameters, macs, layers, activationBytes } = modelSummary("convnext_tiny")
    expect([parameters, macs]).toEqual([28_589_128, 4_455_531_264])
    expect(layers.find(({ name }) => name === "stages.2.blocks.8.mlp.fc1")).toMatchObject({
      type: "Linear",
      outputShape: ["N", 14, 14, 1536],
      parameters: 384 * 1536 + 1536,
      macs: 14 * 14 * 384 * 1536,
      activationBytes: { forward: 4 * 14 * 14 * 1536 },
    })
    const { none, cheap, block } = activationBytes.training
    expect(cheap).toBeLessThan(0.7 * none)
    expect(block).toBeLessThan(0.2 * none)
  })
})

test("the table has a line for each layer and the sums, its columns aligned", () => {
  const lines = printSummary(summary(new Add(), ["N", 4])).split("\n")
  expect(lines).toEqual([
    "layer   type    output    parameters   MACs  output bytes  kept: none  kept: cheap  kept: block",
    "(root)  Add     [N, 300]           0      0         1,200       1,200        1,200        1,200",
    "fc      Linear  [N, 300]       1,500  1,200         1,200           0            0            0",
    "total                          1,500  1,200         2,400       1,200        1,200        1,200",
  ])
})

class Add extends Module {
  readonly fc = new Linear(4, 300)
  forward(x: Tensor): Tensor {
    return add(this.fc.forward(x), 1)
  }
}
