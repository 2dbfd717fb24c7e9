import { describe, expect, test } from "vitest"
import { topologicalOrder } from "../tensor/graph.ts"
import { add, mul } from "../tensor/ops/index.ts"
import { input, type Tensor } from "../tensor/tensor.ts"
import { type Context, evaluation, TrainingContext } from "./context.ts"
import { ones, zeros } from "./initializers.ts"
import { Conv2d, Linear } from "./layers.ts"
import { Block, bindModule, chain, Module, Parameter, snakeCase } from "./module.ts"
import { BatchNorm2d, GroupNorm } from "./norm.ts"

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

/** A network whose forward pass is given. */
class Net extends Module {
  readonly #run: (x: Tensor, context: Context) => Tensor

  constructor(fields: object, run: (x: Tensor, context: Context) => Tensor = (x) => x) {
    super()
    Object.assign(this, fields)
    this.#run = run
  }

  forward(x: Tensor, context: Context): Tensor {
    return this.#run(x, context)
  }
}

describe("what a network cannot be made of is a UsageError", () => {
  const scale = new Scale()
  const weight = new Parameter([3], ones)
  test.each<[string, object, string]>([
    ["a module in two fields", { a: scale, b: [scale] }, "a and b.0 are the same Scale"],
    [
      "a parameter in two fields",
      { inner: new Net({ weight }), own: weight },
      "inner.weight and own are the same param",
    ],
    ["modules in an object", { heads: { cat: new Scale() } }, "heads holds modules or parameters in an object"],
    ["modules in a Map", { heads: new Map([["cat", new Scale()]]) }, "heads holds modules or parameters in an object"],
    ["a module without forward", { part: Object.create(Module.prototype) }, "part has no method forward"],
  ])("%s", (_, fields, message) => {
    const bind = () => bindModule(new Net(fields))
    expect(bind).toThrow(expect.objectContaining({ name: "UsageError", message: expect.stringContaining(message) }))
  })

  test("a forward that returns nothing", () => {
    const net = new Net({}, () => undefined as never)
    bindModule(net)
    expect(() => net.forward(input("x", [3]), evaluation)).toThrow("forward of Net returned nothing")
  })

  test("batch normalisation that is used twice in a training step", () => {
    const bn = new BatchNorm2d(3)
    const net = new Net({ bn }, (x, context) => bn.forward(bn.forward(x, context), context))
    bindModule(net)
    const x = input("x", ["N", 3])
    expect(net.forward(x, evaluation).shape).toEqual(["N", 3])
    expect(() => net.forward(x, new TrainingContext("N"))).toThrow("bn.running_mean is updated twice")
  })
})

test("shapes that do not fit are told with the path of the innermost module, once", () => {
  const root = new Root()
  bindModule(root)
  expect(() => root.forward(input("x", ["N", 3, 4]), evaluation)).toThrow(/^add: shapes/)
  const net = new BlockRoot()
  bindModule(net)
  expect(() => net.forward(input("x", ["N", 2, 2, 5]), evaluation)).toThrow(/^blocks\.0\.bn: batchNorm: weight must/)
})

test.each<[string, () => Module, string]>([
  ["Conv2d", () => new Conv2d(6, 8, { kernelSize: 3, groups: 4 }), "Conv2d: 4 groups do not divide 6 input"],
  ["Conv2d", () => new Conv2d(6, 8, { kernelSize: [3, 3] as never }), "Conv2d: kernelSize must be a whole number"],
  ["Conv2d", () => new Conv2d(6, 8, { kernelSize: 3, padding: "valid" as never }), "Conv2d: padding must be a whole"],
  ["Linear", () => new Linear(2.5, 1), "Linear: inFeatures must be a whole number of at least 1, got 2.5"],
  ["GroupNorm", () => new GroupNorm(3, 8), "GroupNorm: 3 groups do not divide 8 channels"],
])("numbers that %s cannot be built with are RangeErrors", (_, build, message) => {
  expect(build).toThrow(RangeError)
  expect(build).toThrow(message)
})

test("a parameter has a shape of whole numbers", () => {
  expect(() => new Parameter([2, "N" as never], ones)).toThrow('must be whole numbers, got [2, "N"]')
})
