import { readdirSync, readFileSync } from "node:fs"
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { randomArray } from "../../../test/support/arrays.ts"
import { InputError } from "../../tensor/errors.ts"
import { add, exp, mul } from "../../tensor/ops/index.ts"
import { input } from "../../tensor/tensor.ts"
import { decodeOnnx } from "./decode.ts"
import { encodeOnnx } from "./encode.ts"
import {
  AttributeProto_AttributeType,
  ModelProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
  type TensorProtoSchema,
} from "./onnx_pb.ts"
import { summarizeOnnx } from "./summary.ts"

const golden = new URL("../../../test/golden/onnx/", import.meta.url)
const goldenModels = readdirSync(golden).filter((name) => name.endsWith(".onnx"))
const read = (name: string) => new Uint8Array(readFileSync(new URL(name, golden)))

/** The bytes of a model that holds one initializer. */
function modelWith(tensor: MessageInitShape<typeof TensorProtoSchema>): Uint8Array {
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 8n, graph: { initializer: [tensor] } }))
}

describe("a model of our own", () => {
  const w = randomArray([3], "w")
  const y = mul(add(exp(input("x", ["N", 3])), 2), input("w", [3]))
  const { model } = encodeOnnx({ y }, { name: "test", initializers: { w }, metadata: { classes: "[]" } })

  test("comes back with its facts, values, nodes and weights", () => {
    const decoded = decodeOnnx(model)
    expect(decoded).toMatchObject({
      name: "test",
      irVersion: 10,
      opsets: { "": 21 },
      producer: { name: "convnext", version: "" },
      metadata: { classes: "[]" },
      inputs: [{ name: "x", dtype: "float32", shape: ["N", 3] }],
      outputs: [{ name: "y", dtype: "float32", shape: ["N", 3] }],
    })
    expect(decoded.nodes.map(({ op }) => op)).toEqual(["Exp", "Add", "Mul"])
    const stored = decoded.initializers.find(({ name }) => name === "w")!
    expect(stored).toMatchObject({ dtype: "float32", shape: [3] })
    expect(new Float32Array(stored.bytes!.slice().buffer)).toEqual(w.data)
  })
})

describe("tensors", () => {
  const { FLOAT, INT64, INT8, FLOAT16, UINT32, INT4, BOOL } = TensorProto_DataType
  test.each([
    ["float_data", { dataType: FLOAT, dims: [2n], floatData: [1, -2] }, Float32Array.of(1, -2)],
    ["int64_data", { dataType: INT64, dims: [1n], int64Data: [-5n] }, BigInt64Array.of(-5n)],
    ["int32_data of int8", { dataType: INT8, dims: [3n], int32Data: [-1, 2, 3] }, Int8Array.of(-1, 2, 3)],
    [
      "int32_data of float16",
      { dataType: FLOAT16, dims: [2n], int32Data: [0x3c00, 0xc000] },
      Uint16Array.of(0x3c00, 0xc000),
    ],
    ["uint64_data of uint32", { dataType: UINT32, dims: [1n], uint64Data: [4294967295n] }, Uint32Array.of(4294967295)],
    ["packed int4", { dataType: INT4, dims: [3n], int32Data: [0x21, 0x03] }, Uint8Array.of(0x21, 3)],
    ["bool", { dataType: BOOL, dims: [2n], int32Data: [1, 0] }, Uint8Array.of(1, 0)],
  ])("are read from %s", (_, tensor, expected) => {
    const [stored] = decodeOnnx(modelWith({ name: "t", ...tensor })).initializers
    expect([...stored!.bytes!]).toEqual([...new Uint8Array(expected.buffer)])
  })

  test("that lie outside are described, and not read", () => {
    const external = { dataLocation: TensorProto_DataLocation.EXTERNAL, dataType: FLOAT, dims: [2n, 3n], name: "w" }
    const entries = Object.entries({ location: "none.bin", offset: "4096", length: "24" })
    const bytes = modelWith({ ...external, externalData: entries.map(([key, value]) => ({ key, value })) })
    const [stored] = decodeOnnx(bytes).initializers
    expect(stored).toEqual({
      name: "w",
      dtype: "float32",
      shape: [2, 3],
      external: { location: "none.bin", offset: 4096, length: 24 },
    })
    expect(() => decodeOnnx(modelWith(external))).toThrow("does not say where in which file its data lies")
  })

  test.each([
    [
      "more than there is",
      { dataType: FLOAT, dims: [1000000n], rawData: new Uint8Array(8) },
      "takes 4000000 bytes, but 8 are there",
    ],
    ["a negative size", { dataType: FLOAT, dims: [-1n] }, "impossible shape [-1]"],
    ["a size beyond all numbers", { dataType: FLOAT, dims: [1n << 62n, 1n << 62n] }, "impossible shape"],
    ["an unknown type", { dataType: 99, dims: [1n] }, "unknown element type 99"],
  ])("that claim %s are refused", (_, tensor, message) => {
    const decode = () => decodeOnnx(modelWith({ name: "liar", ...tensor }), "bad.onnx")
    expect(decode).toThrow(InputError)
    expect(decode).toThrow(/^cannot read bad\.onnx: tensor liar /)
    expect(decode).toThrow(message)
  })
})

test("initializers are no inputs, though old files list them among these", () => {
  const value = { dataType: TensorProto_DataType.FLOAT, dims: [1n], floatData: [1], name: "w" }
  const graph = { input: [{ name: "x" }, { name: "w" }], initializer: [value] }
  const bytes = toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 3n, graph }))
  expect(decodeOnnx(bytes).inputs).toEqual([{ name: "x" }])
})

test("attributes are plain values, also in files that do not say their kinds", () => {
  const { INT, UNDEFINED, FLOATS } = AttributeProto_AttributeType
  const attribute = [
    { name: "axis", type: INT, i: -1n },
    { name: "alpha", type: UNDEFINED, f: 0.5 },
    { name: "pads", type: UNDEFINED, ints: [1n, 2n] },
    { name: "scales", type: FLOATS, floats: [2] },
    { name: "mode", type: UNDEFINED, s: new TextEncoder().encode("linear") },
  ]
  const graph = { node: [{ opType: "Any", domain: "ai.onnx", attribute }] }
  const bytes = toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 1n, graph }))
  expect(decodeOnnx(bytes).nodes[0]).toMatchObject({
    domain: "",
    attributes: { axis: -1, alpha: 0.5, pads: [1, 2], scales: [2], mode: "linear" },
  })
})

describe("what is no model", () => {
  test.each([
    ["an empty file", new Uint8Array(0)],
    ["text", new TextEncoder().encode("# ONNX models\n\nSmall models as other programs write them")],
    ["a PNG", Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13)],
    ["zeros", new Uint8Array(64)],
  ])("is refused: %s", (_, bytes) => {
    expect(() => decodeOnnx(bytes, "file.onnx")).toThrow(/^cannot read file\.onnx: it is no ONNX model/)
  })

  test("is refused, or read as far as it goes, wherever a model is cut short: never another error", () => {
    const bytes = read("vit-legacy.onnx")
    for (let length = 0; length < bytes.length; length += 97) {
      try {
        summarizeOnnx(decodeOnnx(bytes.subarray(0, length)))
      } catch (error) {
        expect(error).toBeInstanceOf(InputError)
      }
    }
    expect(() => decodeOnnx(bytes.subarray(0, bytes.length >> 1))).toThrow(InputError)
  })

  test("gives an InputError or a summary wherever bytes are damaged", () => {
    const models = goldenModels.map(read)
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(fc.nat(models.length - 1), damage, (which, changes) => {
        const bytes = models[which]!.slice()
        for (const [at, value] of changes) bytes[at % bytes.length] = value
        try {
          summarizeOnnx(decodeOnnx(bytes))
        } catch (error) {
          if (!(error instanceof InputError)) throw error
        }
      }),
      { numRuns: 300, seed: 1 },
    )
  })
})
