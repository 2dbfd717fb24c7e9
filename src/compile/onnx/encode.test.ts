import { fromBinary } from "@bufbuild/protobuf"
import { describe, expect, test } from "vitest"
import { numbers, randomArray } from "../../../test/support/arrays.ts"
import { runGraph } from "../../../test/support/check-op.ts"
import { randomGraph } from "../../../test/support/random-graph.ts"
import { backendFor } from "../../runtime/backend.ts"
import { evaluate } from "../../tensor/evaluate.ts"
import type { Graph } from "../../tensor/graph.ts"
import { type DType, type NdArray, ndarray } from "../../tensor/ndarray.ts"
import { add, exp, gelu, layerNorm, mean, mul, neg, reshape, sum } from "../../tensor/ops/index.ts"
import { storedArray } from "../../tensor/stored.ts"
import { constant, defineOp, input, withScope } from "../../tensor/tensor.ts"
import { type EncodeOptions, encodeOnnx, NCHWC_DOMAIN, OPSET } from "./encode.ts"
import {
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
} from "./onnx_pb.ts"

function encode(graph: Graph, options: Partial<EncodeOptions> = {}) {
  const { model, external, folder } = encodeOnnx(graph, { name: "test", ...options })
  const decoded: ModelProto = fromBinary(ModelProtoSchema, model)
  return { model: decoded, graph: decoded.graph!, external, folder }
}

const names = (values: { name: string }[]) => values.map(({ name }) => name)
const shapeOf = ({ type }: GraphProto["input"][number]) => {
  if (type?.value.case !== "tensorType") throw new Error("no tensor")
  return type.value.value.shape!.dim.map(({ value }) => value.value)
}

const x = input("x", ["N", 3])

test("scalar constants have the bits of their type", () => {
  const bits = (value: number, dtype: DType) => {
    const op = defineOp<Record<never, never>>({
      name: "scalar",
      shape: () => ({ shape: [], dtype }),
      onnx: (builder) => builder.scalar(value, dtype),
      reference: () => {},
    })
    const { rawData, dataType } = encode({ y: op([], {}) }).graph.initializer[0]!
    return [dataType, ...rawData]
  }
  const { FLOAT, DOUBLE, FLOAT16, BFLOAT16, INT8, UINT16, INT32, INT64, UINT64, BOOL } = TensorProto_DataType
  expect(bits(3, "float32")).toEqual([FLOAT, 0, 0, 0x40, 0x40])
  expect(bits(3, "float64")).toEqual([DOUBLE, 0, 0, 0, 0, 0, 0, 0x08, 0x40])
  expect(bits(3, "float16")).toEqual([FLOAT16, 0x00, 0x42])
  expect(bits(3, "bfloat16")).toEqual([BFLOAT16, 0x40, 0x40])
  expect(bits(-3, "int8")).toEqual([INT8, 0xfd])
  expect(bits(3, "uint16")).toEqual([UINT16, 3, 0])
  expect(bits(3, "int32")).toEqual([INT32, 3, 0, 0, 0])
  expect(bits(-1, "int64")).toEqual([INT64, ...new Array(8).fill(0xff)])
  expect(bits(3, "uint64")).toEqual([UINT64, 3, 0, 0, 0, 0, 0, 0, 0])
  expect(bits(3, "bool")).toEqual([BOOL, 1])
})

describe("inputs and outputs", () => {
  test("keep their names, types and shapes, symbols included", () => {
    const { graph } = encode({ logits: exp(x), rows: reshape(input("maps", ["N", 4, 3]), [-1, 3]) })
    expect(names(graph.input)).toEqual(["x", "maps"])
    expect(names(graph.output)).toEqual(["logits", "rows"])
    expect(graph.input.map(shapeOf)).toEqual([
      ["N", 3n],
      ["N", 4n, 3n],
    ])
    expect(graph.output.map(shapeOf)).toEqual([
      ["N", 3n],
      ["4*N", 3n],
    ])
  })

  test("an output may be used on, come twice, be an input or a constant", async () => {
    const y = exp(x)
    const graph = { y, again: y, z: neg(y), same: x, fixed: constant(ndarray([1, 2])), one: constant(1) }
    const feeds = { x: randomArray([2, 3], "x") }
    expect(names(encode(graph).graph.output)).toEqual(Object.keys(graph))
    const values = await runGraph(graph, feeds, { optimize: false })
    const expected = evaluate(graph, feeds)
    for (const name of Object.keys(graph)) {
      expect(values[name]!.shape, name).toEqual(expected[name]!.shape)
      numbers(values[name]!).forEach((value, i) => {
        expect(value, name).toBeCloseTo(numbers(expected[name]!)[i]!, 5)
      })
    }
  })

  test("an output may have the name of the input that it is", async () => {
    const feeds = { x: randomArray([2, 3], "x") }
    const { x: same, y } = await runGraph({ x, y: exp(x) }, feeds)
    expect(same!.data).toEqual(feeds.x.data)
    expect(y!.shape).toEqual([2, 3])
  })

  test("an output may not have the name of an input that it is not", () => {
    expect(() => encode({ x: exp(x) })).toThrow("the output x has the name of an input")
  })

  test("an output may be named as inner values are", async () => {
    const graph = { "Exp:out": neg(exp(x)), Neg: exp(x) }
    const values = await runGraph(graph, { x: ndarray([0, 0, 0], [1, 3]) })
    expect(values["Exp:out"]!.data[0]).toBe(-1)
    expect(values.Neg!.data[0]).toBe(1)
  })
})

describe("names", () => {
  test("of nodes and values are unique, in any graph", () => {
    for (let seed = 0; seed < 20; seed++) {
      const { graph } = encode(randomGraph(seed).graph)
      const nodeNames = names(graph.node)
      const values = [...names(graph.input), ...names(graph.initializer), ...graph.node.flatMap(({ output }) => output)]
      expect(new Set(nodeNames).size).toBe(nodeNames.length)
      expect(new Set(values).size).toBe(values.length)
      expect([...nodeNames, ...values].every((name) => name !== "")).toBe(true)
    }
  })

  test("every value is made before it is read", () => {
    const { graph } = encode(randomGraph(3).graph)
    const known = new Set([...names(graph.input), ...names(graph.initializer)])
    for (const node of graph.node) {
      for (const name of node.input) expect(known).toContain(name)
      for (const name of node.output) known.add(name)
    }
    for (const { name } of graph.output) expect(known).toContain(name)
  })

  test("say to which module a node belongs", () => {
    const y = withScope("stages.0.blocks.1", () => exp(neg(x)))
    expect(names(encode({ y: exp(y) }).graph.node)).toEqual(["stages.0.blocks.1/Neg", "stages.0.blocks.1/Exp", "Exp"])
  })
})

describe("constants", () => {
  test("of the same value are stored once", () => {
    const { graph } = encode({
      y: mul(add(mul(x, 2), 2), 0.5),
      z: reshape(x, ["N", 3, 1]),
      w: reshape(neg(x), ["N", 3, 1]),
    })
    expect(graph.initializer.map(({ dims }) => dims)).toEqual([[], [], [3n]])
  })

  test("zero and minus zero are two", () => {
    expect(encode({ y: mul(x, 0), z: mul(x, -0) }).graph.initializer).toHaveLength(2)
  })

  test("hold their values in little-endian bytes", () => {
    const { graph } = encode({ y: add(x, constant(ndarray([1, -2, 3]))) })
    const [stored] = graph.initializer
    expect(stored!.dims).toEqual([3n])
    expect(Buffer.from(stored!.rawData).readFloatLE(4)).toBe(-2)
  })
})

describe("initializers", () => {
  const weight = randomArray([64], "w")
  const graph = { y: mul(input("x", ["N", 64]), input("w", [64])) }

  test("are no inputs any more", () => {
    const encoded = encode(graph, { initializers: { w: weight, unused: weight } })
    expect(names(encoded.graph.input)).toEqual(["x"])
    expect(names(encoded.graph.initializer)).toEqual(["w"])
    expect(encoded.external).toEqual({})
  })

  test("from a size on lie outside of the model, in the memory that was given", () => {
    const encoded = encode(graph, { initializers: { w: weight }, externalFrom: 256 })
    const [stored] = encoded.graph.initializer
    expect(stored!.dataLocation).toBe(TensorProto_DataLocation.EXTERNAL)
    expect(stored!.rawData).toHaveLength(0)
    expect(Object.fromEntries(stored!.externalData.map(({ key, value }) => [key, value]))).toEqual({
      location: "w",
      offset: "0",
      length: "256",
    })
    expect(encoded.external.w!.buffer).toBe(weight.data.buffer)
    expect(encode(graph, { initializers: { w: weight }, externalFrom: 257 }).external).toEqual({})
  })

  test("in files are read from there, and all others are then inside", () => {
    const place = { folder: "/weights", file: "a.safetensors", start: 4096 }
    const stored = (isCurrent = true, folder = place.folder) =>
      storedArray(
        [64],
        "float32",
        { ...place, folder, isCurrent: () => isCurrent },
        { read: () => new Float32Array(64) },
      )
    const both = { y: add(graph.y, input("v", [64])) }
    const link = (w: NdArray, v: NdArray) =>
      encode(both, { initializers: { w, v }, externalFrom: 256, linkFiles: true })

    const linked = link(stored(), weight)
    expect(linked).toMatchObject({ folder: "/weights", external: {} })
    const [w, v] = linked.graph.initializer
    expect(w!.externalData.map(({ key, value }) => [key, value])).toEqual([
      ["location", "a.safetensors"],
      ["offset", "4096"],
      ["length", "256"],
    ])
    expect(v!.rawData).toHaveLength(256)

    // Nothing is linked to a file that was changed, to those of two folders, or unless it is asked for.
    for (const [a, b] of [
      [stored(false), weight],
      [stored(), stored(true, "/elsewhere")],
      [stored(), stored(false)],
    ] as const) {
      const { folder, external } = link(a, b)
      expect(folder).toBeUndefined()
      expect(Object.keys(external)).toEqual(["w", "v"])
    }
    expect(encode(graph, { initializers: { w: stored() }, externalFrom: 256 }).folder).toBeUndefined()
  })

  test("give the same result inside and outside, also from a part of a larger buffer", async () => {
    const backend = await backendFor("cpu")
    const pool = Float32Array.from({ length: 200 }, (_, i) => i)
    const w = ndarray(pool.subarray(100, 164))
    for (const externalFrom of [1, undefined]) {
      const model = encodeOnnx(graph, { name: "test", initializers: { w }, externalFrom })
      const session = await backend.createSession(model, { threads: 1 })
      const { y } = await session.run({ x: ndarray(new Float32Array(64).fill(1), [1, 64]) })
      await session.dispose()
      expect([...(y!.data as Float32Array)]).toEqual([...w.data])
    }
  })
})

describe("the model", () => {
  test("says its operator sets, producer, name and metadata", () => {
    const blocked = defineOp<Record<never, never>>({
      name: "blocked",
      shape: ([t]) => ({ shape: t!.shape, dtype: t!.dtype }),
      onnx: (builder, inputs) => builder.node("ReorderInput", inputs, { channels_last: 1 }, NCHWC_DOMAIN),
      reference: () => undefined,
    })
    const plain = encode({ y: exp(x) }, { metadata: { classes: '["cat"]', recipe: "finetune" } }).model
    expect(plain.opsetImport.map(({ domain, version }) => [domain, version])).toEqual([["", BigInt(OPSET)]])
    expect(plain.producerName).toBe("convnext")
    expect(plain.graph!.name).toBe("test")
    expect(plain.metadataProps.map(({ key, value }) => [key, value])).toEqual([
      ["classes", '["cat"]'],
      ["recipe", "finetune"],
    ])
    const { model } = encode({ y: blocked([input("maps", [1, 2, 2, 16])], {}) })
    expect(model.opsetImport.map(({ domain }) => domain)).toEqual(["", NCHWC_DOMAIN])
  })

  test("writes attributes by their kinds, an operator with several outputs, and a cast's target", () => {
    const y = layerNorm(x, input("w", [3]), input("b", [3]), 1e-6)
    const { graph } = encode({ y, average: y.node.outputs[1]!, mean: mean(x) })
    const norm = graph.node.find(({ opType }) => opType === "LayerNormalization")!
    expect(norm.output).toEqual(["y", "average"])
    const attributes = Object.fromEntries(norm.attribute.map((attribute) => [attribute.name, attribute]))
    expect(attributes.axis!.i).toBe(-1n)
    expect(attributes.epsilon!.f).toBe(Math.fround(1e-6))
    const reduce = graph.node.find(({ opType }) => opType === "ReduceMean")!
    expect(reduce.attribute.map(({ name, i }) => [name, i])).toEqual([["keepdims", 0n]])
  })

  test("renames an output wherever its operator reads it again", async () => {
    const expAndNegative = defineOp<Record<never, never>>({
      name: "expAndNegative",
      shape: ([t]) => [
        { shape: t!.shape, dtype: t!.dtype },
        { shape: t!.shape, dtype: t!.dtype },
      ],
      onnx: (builder, inputs) => {
        const y = builder.node("Exp", inputs)
        return [y, builder.node("Neg", [y])]
      },
      reference: () => undefined,
    })
    const [y, negative] = expAndNegative.apply([x], {})
    const values = await runGraph({ y: y!, negative: negative! }, { x: ndarray([0, 0, 0], [1, 3]) })
    expect([...(values.y!.data as Float32Array)]).toEqual([1, 1, 1])
    expect([...(values.negative!.data as Float32Array)]).toEqual([-1, -1, -1])
  })

  test("is the same bytes for the same graph", () => {
    const bytes = (seed: number) => encodeOnnx(randomGraph(seed).graph, { name: "test" }).model
    expect(bytes(5)).toEqual(bytes(5))
  })

  test("refuses an operator that has no ONNX form and says what to do", () => {
    const opaque = defineOp<Record<never, never>>({
      name: "opaque",
      shape: () => ({ shape: [], dtype: "float32" }),
      reference: () => undefined,
    })
    expect(() => encode({ y: sum(opaque([gelu(x)], {})) })).toThrow(
      "encodeOnnx: opaque has no ONNX form; decompose it first",
    )
  })
})
