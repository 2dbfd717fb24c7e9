import { describe, expect, test } from "vitest"
import { expectClose, largest, randomArray } from "../../../test/support/arrays.ts"
import { runGraph } from "../../../test/support/check-op.ts"
import { checkPass, checkPassOn, countOps } from "../../../test/support/check-pass.ts"
import { gradients } from "../../autodiff/gradients.ts"
import { createModel } from "../../index.ts"
import { backendFor } from "../../runtime/backend.ts"
import { Program } from "../../runtime/program.ts"
import type { Graph } from "../../tensor/graph.ts"
import type { NdArray } from "../../tensor/ndarray.ts"
import { add, conv2d, exp, gelu, linear, mul, relu, reshape, sum, tanh } from "../../tensor/ops/index.ts"
import { input, type Tensor } from "../../tensor/tensor.ts"
import { lowerBlockedChains } from "./blocked-chains.ts"
import { lowerDepthwise } from "./blocked-depthwise.ts"

const BLOCK = 8
const [CHANNELS, WIDE] = [16, 24]
const shapes = {
  w1: [WIDE, CHANNELS],
  b1: [WIDE],
  w2: [CHANNELS, WIDE],
  b2: [CHANNELS],
  dw: [CHANNELS, 1, 3, 3],
  odd: [WIDE + 1, CHANNELS],
}
const constants: ReadonlySet<string> = new Set(Object.keys(shapes))
const weights = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, randomArray(shape, name)]))
const leaf = (name: keyof typeof shapes) => input(name, shapes[name])
const [w1, b1, w2, b2] = [leaf("w1"), leaf("b1"), leaf("w2"), leaf("b2")]
const map = input("x", ["N", 3, 5, CHANNELS])
const sequence = input("x", ["N", 7, CHANNELS])

function lowered(graph: Graph, x: Tensor, more: Record<string, NdArray> = {}): Record<string, number> {
  const feeds = { x: randomArray([2, ...(x.shape.slice(1) as number[])], "x"), ...weights, ...more }
  return countOps(checkPassOn((g) => lowerBlockedChains(g, BLOCK, constants), graph, feeds))
}

const mlp = (x: Tensor, activation = gelu) => linear(activation(linear(x, w1, b1)), w2, b2)

describe("lowerBlockedChains", () => {
  test("keeps what random graphs compute", () => {
    checkPass((graph) => lowerBlockedChains(graph, 2, new Set(["a", "b", "c", "w"])))
  })

  test.each<[string, Tensor, Tensor]>([
    ["of a map", map, mlp(map)],
    ["of a sequence", sequence, mlp(sequence)],
    ["with another activation", map, mlp(map, relu)],
    ["without activation or bias", map, linear(linear(map, w1), w2)],
  ])("a chain %s is blocked from its first layer to its last", (_, x, y) => {
    const ops = lowered({ y }, x)
    expect(ops).toMatchObject({ toBlocked: 1, fromBlocked: 1, blockedDense: 2 })
    expect(ops.linear).toBeUndefined()
  })

  test("the residual sum is a part of the last layer, whichever side it is on", () => {
    for (const y of [add(map, mlp(map)), add(mlp(sequence), sequence)]) {
      const ops = lowered({ y }, y.rank === 4 ? map : sequence)
      expect(ops.add).toBeUndefined()
      expect(ops).toMatchObject({ blockedDense: 2, fromBlocked: 1 })
    }
  })

  test("the stream stays blocked into the next block's depthwise convolution", () => {
    const filter = leaf("dw")
    const block = (x: Tensor) => add(x, mlp(tanh(conv2d(x, filter, undefined, { groups: CHANNELS, padding: 1 }))))
    const graph = { y: block(block(map)) }
    const feeds = { x: randomArray([2, 3, 5, CHANNELS], "x"), ...weights }
    const pass = (g: Graph) => lowerDepthwise(lowerBlockedChains(g, BLOCK, constants), BLOCK)
    // The stream comes in once; each block reads a norm (here tanh) in plain order.
    const ops = countOps(checkPassOn(pass, graph, feeds))
    expect(ops).toMatchObject({ blockedDepthwise: 2, blockedDense: 4, fromBlocked: 3 })
    expect(ops.add).toBeUndefined()
  })

  test("a sum with what somebody else reads too is made beside it", () => {
    const hidden = mlp(map)
    const ops = lowered({ y: add(map, hidden), hidden }, map)
    expect(ops).toMatchObject({ blockedDense: 2, add: 1 })
    const twice = mlp(map)
    expect(lowered({ y: add(twice, twice) }, map)).toMatchObject({ blockedDense: 2, add: 1 })
  })

  test("two chains that are added give one sum", () => {
    const ops = lowered({ y: add(mlp(map), mlp(map, relu)) }, map)
    expect(ops).toMatchObject({ blockedDense: 4, fromBlocked: 1 })
    expect(ops.add).toBeUndefined()
  })

  const fed = input("fed", [WIDE, CHANNELS])
  const matrix = reshape(input("x", [6, CHANNELS]), [6, CHANNELS])
  test.each<[string, Tensor, Tensor]>([
    ["a layer by itself", map, linear(map, w1, b1)],
    ["layers with something else between them", map, linear(exp(linear(map, w1, b1)), w2, b2)],
    ["a layer whose output is read elsewhere", map, readTwice()],
    ["weights that are fed", map, linear(gelu(linear(map, fed, b1)), w2, b2)],
    ["channels that do not fill blocks", map, gelu(linear(map, leaf("odd")))],
    ["matrices", matrix, mlp(matrix)],
  ])("%s stay(s) as it is", (_, x, y) => {
    const ops = lowered({ y }, x, { fed: randomArray([WIDE, CHANNELS], "fed"), x: randomArray(sizes(x), "x") })
    expect(ops.blockedDense).toBeUndefined()
  })

  function readTwice(): Tensor {
    const hidden = linear(map, w1, b1)
    return add(linear(gelu(hidden), w2, b2), linear(exp(hidden), w2, b2))
  }
})

test("what is differentiated reads a frozen chain, and is no part of it", () => {
  const [x, t] = [input("x", ["N", 3, 3, 16]), input("t", [16])]
  const [v1, c1, v2, c2, v3] = [
    input("v1", [24, 16]),
    input("c1", [24]),
    input("v2", [16, 24]),
    input("c2", [16]),
    input("v3", [16, 16]),
  ]
  const constants = new Set(["v1", "c1", "v2", "c2", "v3"])
  const chain = linear(gelu(linear(x, v1, c1)), v2, c2)
  for (const y of [
    add(chain, mul(x, t)),
    mul(chain, t),
    gelu(add(chain, mul(x, t))),
    linear(gelu(linear(gelu(mul(chain, t)), v3)), v3),
  ]) {
    const lowered = lowerBlockedChains({ y }, BLOCK, constants, new Set(["t"]))
    expect(countOps(lowered).blockedDense).toBe(2)
    expect(() => gradients(sum(lowered.y!), [t])).not.toThrow()
  }
})

const sizes = ({ shape }: Tensor) => shape.map((dim) => (typeof dim === "number" ? dim : 2))

test("the runtime's blocked convolutions give what the reference gives", async () => {
  const backend = await backendFor("cpu")
  if (backend.block === 0) return
  const block = backend.block
  const [narrow, wide] = [2 * block, 5 * block]
  const values = Object.fromEntries(
    Object.entries({ w1: [wide, narrow], b1: [wide], w2: [narrow, wide], b2: [narrow] }).map(([name, shape]) => [
      name,
      randomArray(shape, name, { std: 0.2 }),
    ]),
  )
  const [v1, c1, v2, c2] = Object.entries(values).map(([name, { shape }]) => input(name, shape)) as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
  ]
  for (const x of [input("x", ["N", 3, 5, narrow]), input("x", ["N", 13, narrow])]) {
    const y = add(x, linear(gelu(linear(x, v1, c1)), v2, c2))
    for (const batch of [1, 3]) {
      const feeds = { x: randomArray([batch, ...(x.shape.slice(1) as number[])], "x") }
      const program = await Program.create({ y }, { name: "chain", backend, constants: values })
      const { y: actual } = await program.run(feeds)
      await program.dispose()
      const { y: expected } = await runGraph({ y }, { ...feeds, ...values }, { device: "wasm" })
      expectClose("y", actual!, expected!, 2e-6, largest(expected!))
    }
  }
})

test("a network gives the same with the chains as without", async () => {
  const config = { depths: [1, 2, 1, 1], dims: [16, 32, 48, 64], numClasses: 5, lsInitValue: 0.5 }
  const model = await createModel("convnext", { config, device: "cpu", seed: 1 })
  const images = randomArray([2, 64, 64, 3], "images")
  const expected = await model.forward(images)
  const graph = { y: model.network.trace("N", 64, 64).logits }
  const plain = await Program.create(graph, {
    name: "plain",
    backend: model.backend,
    constants: model.weights,
    optimize: false,
  })
  const { y } = await plain.run({ images })
  await plain.dispose()
  expectClose("logits", expected, y!, 2e-6, largest(y!))
})
