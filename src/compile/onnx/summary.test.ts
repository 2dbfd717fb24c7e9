import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { createModel, listModels } from "../../index.ts"
import { evaluation } from "../../nn/context.ts"
import { transpose } from "../../tensor/ops/index.ts"
import { input } from "../../tensor/tensor.ts"
import { compile } from "../compile.ts"
import { decodeOnnx } from "./decode.ts"
import type { OnnxGraph, OnnxNode } from "./description.ts"
import { inferShapes } from "./infer/infer.ts"
import { summarizeOnnx } from "./summary.ts"

interface GoldenModel {
  parameters: number
  macs: number
  nodes: number
}

const golden = new URL("../../../test/golden/onnx/", import.meta.url)
const { models } = JSON.parse(readFileSync(new URL("index.json", golden), "utf8")) as {
  models: Record<string, GoldenModel>
}
const readModel = (name: string) => decodeOnnx(new Uint8Array(readFileSync(new URL(`${name}.onnx`, golden))), name)

test.each(Object.entries(models))(
  "%s has the parameters and MACs that Python counts, and known shapes",
  (name, facts) => {
    const graph = readModel(name)
    const summary = summarizeOnnx(graph)
    const { parameters, macs, unknownMacs, unknownOperators } = summary
    expect({ parameters, macs }).toEqual({ parameters: facts.parameters, macs: facts.macs })
    expect({ unknownMacs, unknownOperators }).toEqual({ unknownMacs: [], unknownOperators: [] })
    expect(Object.values(summary.operators).reduce((sum, count) => sum + count, 0)).toBe(facts.nodes)
    const { values } = inferShapes(graph)
    for (const node of graph.nodes) expect(values.get(node.outputs[0]!)?.shape, node.name).not.toContain(null)
  },
)

test("the layers of a ResNet are listed with shapes, parameters and MACs", () => {
  const { layers, inputs } = summarizeOnnx(readModel("resnet10-legacy"))
  expect(inputs).toEqual([{ name: "input", dtype: "float32", shape: ["batch", 3, 64, 64] }])
  expect(layers[0]).toEqual({
    name: "/conv1/conv1.0/Conv",
    op: "Conv",
    outputShape: ["batch", 24, 32, 32],
    parameters: 24 * 27 + 24,
    macs: 32 * 32 * 24 * 27,
  })
  expect(layers.at(-1)).toMatchObject({ op: "Gemm", outputShape: ["batch", 1000], macs: 512_000 })
})

test.each(
  listModels("convnext_*o")
    .concat(listModels("convnext_mini"))
    .map(({ name }) => name),
)("%s, exported, has the parameters and MACs of the model itself", async (name) => {
  const model = await createModel(name, { numClasses: 10 })
  const { inputSize, channels } = model.dataConfig
  const images = input("images", ["N", channels, inputSize, inputSize])
  const logits = model.network.root.forward(transpose(images, [0, 2, 3, 1]), evaluation)
  const { model: bytes } = compile({ logits }, { name, initializers: model.weights })
  const summary = summarizeOnnx(decodeOnnx(bytes))
  expect(summary.parameters).toBe(model.parameterCount)
  expect(summary.macs).toBe(model.macs())
  expect(summary.outputs).toEqual([{ name: "logits", dtype: "float32", shape: ["N", 10] }])
  await model.dispose()
})

const node = (
  op: string,
  inputs: string[],
  outputs: string[],
  attributes: OnnxNode["attributes"] = {},
  domain = "",
) => ({
  op,
  domain,
  name: "",
  inputs,
  outputs,
  attributes,
})

const empty = { name: "", inputs: [], outputs: [], values: [], nodes: [], initializers: [] }

function graphOf(parts: Partial<OnnxGraph>): OnnxGraph {
  const file = { irVersion: 10, opsets: { "": 21 }, producer: { name: "", version: "" }, metadata: {}, functions: [] }
  return { ...empty, ...file, ...parts }
}

const weight = (name: string, ...shape: number[]) => ({ name, dtype: "float32", shape }) as const
const images = (...shape: (number | string | null)[]) => ({ name: "x", dtype: "float32", shape }) as const

test("what follows an unknown operator is open, and said to be", () => {
  const summary = summarizeOnnx(
    graphOf({
      inputs: [images("N", 3, 8, 8)],
      nodes: [
        node("Riddle", ["x"], ["a"], {}, "org.example"),
        node("Conv", ["a", "w"], ["y"]),
        node("Conv", ["x", "v"], ["z"]),
      ],
      initializers: [weight("w", 4, 3, 1, 1), weight("v", 4, 3, 1, 1)],
    }),
  )
  expect(summary.unknownOperators).toEqual(["org.example.Riddle"])
  expect(summary.unknownMacs).toEqual(["y"])
  expect(summary.operators).toEqual({ Conv: 2, "org.example.Riddle": 1 })
  expect(summary).toMatchObject({ parameters: 24, macs: 8 * 8 * 12 })
})

test("images of an open size leave the MACs open", () => {
  const nodes = [node("Conv", ["x", "w"], ["y"])]
  const initializers = [weight("w", 4, 3, 1, 1)]
  const { unknownMacs, layers } = summarizeOnnx(graphOf({ inputs: [images("N", 3, "H", "W")], nodes, initializers }))
  expect(unknownMacs).toEqual(["y"])
  expect(layers[0]!.outputShape).toEqual(["N", 4, "H", "W"])
})

test("a batch without a name counts as one image", () => {
  const nodes = [node("Conv", ["x", "w"], ["y"])]
  const initializers = [weight("w", 4, 3, 1, 1)]
  expect(summarizeOnnx(graphOf({ inputs: [images(null, 3, 2, 2)], nodes, initializers })).macs).toBe(48)
})

test("a function of the file is looked into, with the attributes of its call", () => {
  const body = [node("Conv", ["a", "b"], ["c"], { strides: { attribute: "step" } }), node("Relu", ["c"], ["d"])]
  const definition = {
    domain: "local",
    name: "ConvRelu",
    inputs: ["a", "b"],
    outputs: ["d"],
    defaults: {},
    opsets: { "": 21 },
  }
  const summary = summarizeOnnx(
    graphOf({
      inputs: [images("N", 3, 8, 8)],
      nodes: [node("ConvRelu", ["x", "w"], ["y"], { step: [2, 2] }, "local")],
      initializers: [weight("w", 4, 3, 1, 1)],
      functions: [{ ...definition, nodes: body }],
    }),
  )
  expect(summary.layers).toEqual([
    { name: "y", op: "local.ConvRelu", outputShape: ["N", 4, 4, 4], parameters: 12, macs: 4 * 4 * 12 },
  ])
})

test("functions that call themselves come to an end", () => {
  const definition = { domain: "local", name: "Loop", inputs: ["a"], outputs: ["b"], defaults: {}, opsets: {} }
  const twice = [node("Loop", ["a"], ["c"], {}, "local"), node("Loop", ["c"], ["b"], {}, "local")]
  const graph = graphOf({ inputs: [images("N", 3)], nodes: [node("Loop", ["x"], ["y"], {}, "local")] })
  expect(summarizeOnnx({ ...graph, functions: [{ ...definition, nodes: twice }] }).unknownOperators).toEqual([
    "local.Loop",
  ])
})

test("of an If the branch that is taken counts, and the dearer one where that is not known", () => {
  const branch = (channels: number) => ({
    ...empty,
    nodes: [node("Conv", ["x", `w${channels}`], ["y"])],
    outputs: [{ name: "y" }],
    initializers: [weight(`w${channels}`, channels, 3, 1, 1)],
  })
  const branches = { then_branch: branch(4), else_branch: branch(8) }
  const summary = (condition: Partial<OnnxGraph>) =>
    summarizeOnnx(
      graphOf({ inputs: [images("N", 3, 1, 1)], nodes: [node("If", ["c"], ["y"], branches)], ...condition }),
    )
  expect(summary({}).layers[0]).toMatchObject({ macs: 24, outputShape: ["N", null, 1, 1], parameters: 36 })
  const no = { ...weight("c"), dtype: "bool" as const, bytes: Uint8Array.of(1) }
  expect(summary({ initializers: [no] }).layers[0]).toMatchObject({ macs: 12, outputShape: ["N", 4, 1, 1] })
})
