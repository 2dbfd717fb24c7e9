import { describe, expect, test } from "vitest"
import { topologicalOrder } from "../tensor/graph.ts"
import { add, mul } from "../tensor/ops/index.ts"
import { input, type Tensor } from "../tensor/tensor.ts"
import { type Context, evaluation, TrainingContext } from "./context.ts"
import { ones, zeros } from "./initializers.ts"
import { Linear } from "./layers.ts"
import { Block, bindModule, chain, Module, Parameter, snakeCase } from "./module.ts"
import { BatchNorm2d } from "./norm.ts"

class Scale extends Module {
  readonly layerScale = new Parameter([3], ones)

  forward(x: Tensor): Tensor {
    return mul(x, this.layerScale)
  }
}

class Root extends Module {
  readonly shift = new Parameter([3], zeros)
  readonly blocks = [new Scale(), new Scale()]
  readonly headFc = new Linear(3, 2)
  readonly kernelSize = 7
  readonly absent?: Parameter
  readonly #hidden = new Scale()

  forward(x: Tensor, context: Context): Tensor {
    return this.headFc.forward(this.#hidden.forward(chain(this.blocks, add(x, this.shift), context)))
  }
}

test("fields turn to snake case", () => {
  expect(["convDw", "norm", "fc1", "lsInitValue"].map(snakeCase)).toEqual(["conv_dw", "norm", "fc1", "ls_init_value"])
})

describe("bindModule", () => {
  test("names parameters by their path, in the order of the fields", () => {
    const root = new Root()
    const { parameters } = bindModule(root)
    const names = ["shift", "blocks.0.layer_scale", "blocks.1.layer_scale", "head_fc.weight", "head_fc.bias"]
    expect([...parameters.keys()]).toEqual(names)
    expect(root.blocks[1]!.layerScale.name).toBe("blocks.1.layer_scale")
    expect(parameters.get("blocks.1.layer_scale")).toBe(root.blocks[1]!.layerScale)
  })

  test("gives the nodes of a module its path", () => {
    const root = new Root()
    bindModule(root)
    const y = root.forward(input("x", ["N", 3]), evaluation)
    const scopes = topologicalOrder([y]).flatMap(({ op, inputs, scope }) =>
      inputs.length ? [`${op.name} ${scope}`] : [],
    )
    // A module in a private field is no part of the checkpoint; its nodes belong to the one that holds it.
    expect(scopes).toEqual(["add ", "mul blocks.0", "mul blocks.1", "mul ", "linear head_fc"])
  })

  test("finds a parameter again in a graph", () => {
    const scale = new Scale()
    bindModule(scale)
    const y = scale.forward(input("x", [3]))
    expect(y.node.inputs[1]).toBe(scale.layerScale)
    expect(scale.layerScale.node.outputs[0]).toBe(scale.layerScale)
  })
})

test("a network is bound once: again gives the same, and its parts cannot be bound by themselves", () => {
  const root = new Root()
  const bound = bindModule(root)
  expect(bindModule(root)).toBe(bound)
  expect([...bound.modules.keys()]).toEqual(["", "blocks.0", "blocks.1", "head_fc"])
  expect(() => bindModule(root.blocks[0]!)).toThrow("layer_scale is a part of another network already: its blocks.0.")
})

/** A batch norm and a linear layer, as a unit of recomputation. */
class NormBlock extends Block {
  readonly bn = new BatchNorm2d(3)
  readonly fc = new Linear(3, 3)

  forward(x: Tensor, context: Context): Tensor {
    return this.fc.forward(this.bn.forward(x, context))
  }
}

class BlockRoot extends Module {
  readonly blocks = [new NormBlock(), new NormBlock()]

  forward(x: Tensor, context: Context): Tensor {
    return chain(this.blocks, x, context)
  }
}

test("buffers and blocks are found beside the parameters", () => {
  const { parameters, buffers, state, blocks } = bindModule(new BlockRoot())
  expect([...parameters.keys()].slice(0, 4)).toEqual(
    ["bn.weight", "bn.bias", "fc.weight", "fc.bias"].map((name) => `blocks.0.${name}`),
  )
  expect([...buffers.keys()].slice(0, 3)).toEqual(
    ["running_mean", "running_var", "num_batches_tracked"].map((name) => `blocks.0.bn.${name}`),
  )
  expect([...state.keys()].slice(1, 4)).toEqual(
    ["bias", "running_mean", "running_var"].map((name) => `blocks.0.bn.${name}`),
  )
  expect(state.size).toBe(parameters.size + buffers.size)
  expect(blocks).toEqual(["blocks.0", "blocks.1"])
})

test("a module whose parameters are all frozen runs as in evaluation", () => {
  const root = new BlockRoot()
  const { parameters } = bindModule(root)
  const frozen = new Set([...parameters].flatMap(([name, x]) => (name.startsWith("blocks.0.") ? [x] : [])))
  const context = new TrainingContext("N", frozen)
  root.forward(input("x", ["N", 2, 2, 3]), context)
  expect([...context.updates.keys()].map(({ name }) => name)).toEqual([
    "blocks.1.bn.running_mean",
    "blocks.1.bn.running_var",
    "blocks.1.bn.num_batches_tracked",
  ])
})

describe("contexts", () => {
  test("evaluation has no random tensors", () => {
    expect(evaluation.training).toBe(false)
    expect(() => evaluation.dropPathFactors(0.1)).toThrow("for training only")
  })

  test("training collects the random tensors that a step needs, each under its own name", () => {
    const context = new TrainingContext("N")
    const [first, second] = [context.dropPathFactors(0.1), context.dropPathFactors(0.2)]
    expect(first.shape).toEqual(["N"])
    expect([first, second].map((x) => (x.node.attributes as { name: string }).name)).toEqual(
      context.dropPaths.map(({ name }) => name),
    )
    expect(context.dropPaths.map(({ rate }) => rate)).toEqual([0.1, 0.2])
    expect(new Set(context.dropPaths.map(({ name }) => name)).size).toBe(2)
  })
})
