import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf"
import { expect, test } from "vitest"
import { encodeOnnx } from "../compile/onnx/encode.ts"
import {
  ModelProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
  type TensorProtoSchema,
} from "../compile/onnx/onnx_pb.ts"
import { InputError } from "../tensor/errors.ts"
import { bytesOf, type DType, type NdArray, ndarray, zeros } from "../tensor/ndarray.ts"
import { add } from "../tensor/ops/index.ts"
import { input } from "../tensor/tensor.ts"
import { wrapBytes } from "./byte-source.ts"
import { readAll } from "./checkpoint.ts"
import { openCheckpoint } from "./formats.ts"

type Initializer = MessageInitShape<typeof TensorProtoSchema>

const model = (...initializer: Initializer[]) =>
  toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, { irVersion: 10n, producerName: "test", graph: { name: "g", initializer } }),
  )

async function load(bytes: Uint8Array, beside: Record<string, Uint8Array> = {}): Promise<Record<string, NdArray>> {
  const source = wrapBytes(bytes, "x.onnx")
  return readAll(await openCheckpoint(source, async (name) => wrapBytes(beside[name] ?? new Uint8Array(0), name)))
}

test.each([undefined, 8])(
  "the initializers of a model that we wrote come back (external data from %s bytes on)",
  async (externalFrom) => {
    const weights = { "fc.weight": ndarray([1, -2, 3.5], [1, 3]), "fc.bias": ndarray([7], [1]) }
    const x = input("x", ["N", 3])
    const y = add(add(x, input("fc.weight", [1, 3])), input("fc.bias", [1]))
    const { model, external } = encodeOnnx({ y }, { name: "g", initializers: weights, externalFrom })
    expect(Object.keys(external)).toHaveLength(externalFrom === undefined ? 0 : 1)
    expect(await load(model, external)).toEqual(weights)
  },
)

const types: [DType, TensorProto_DataType][] = [
  ["float32", TensorProto_DataType.FLOAT],
  ["float64", TensorProto_DataType.DOUBLE],
  ["float16", TensorProto_DataType.FLOAT16],
  ["bfloat16", TensorProto_DataType.BFLOAT16],
  ["int8", TensorProto_DataType.INT8],
  ["uint8", TensorProto_DataType.UINT8],
  ["int16", TensorProto_DataType.INT16],
  ["uint16", TensorProto_DataType.UINT16],
  ["int32", TensorProto_DataType.INT32],
  ["uint32", TensorProto_DataType.UINT32],
  ["int64", TensorProto_DataType.INT64],
  ["uint64", TensorProto_DataType.UINT64],
  ["bool", TensorProto_DataType.BOOL],
]

/** The largest and smallest values that each type holds, in the fields that ONNX has for it. */
const extremes: Record<DType, { field: keyof Initializer; values: (number | bigint)[] }> = {
  float32: { field: "floatData", values: [-1.5, 2 ** 127] },
  float64: { field: "doubleData", values: [0.1, -1e300] },
  float16: { field: "int32Data", values: [0x3c00, 0xfbff] },
  bfloat16: { field: "int32Data", values: [0x3f80, 0xff80] },
  int8: { field: "int32Data", values: [-128, 127] },
  uint8: { field: "int32Data", values: [0, 255] },
  int16: { field: "int32Data", values: [-32768, 32767] },
  uint16: { field: "int32Data", values: [0, 65535] },
  int32: { field: "int32Data", values: [-(2 ** 31), 2 ** 31 - 1] },
  uint32: { field: "uint64Data", values: [0n, 2n ** 32n - 1n] },
  int64: { field: "int64Data", values: [-(2n ** 63n), 2n ** 63n - 1n] },
  uint64: { field: "uint64Data", values: [1n, 2n ** 64n - 1n] },
  bool: { field: "int32Data", values: [0, 1] },
}

test.each(types)("%s is read from raw data and from numbers", async (dtype, dataType) => {
  const { field, values } = extremes[dtype]
  const expected = zeros([2, 1], dtype) as NdArray
  const isWide = dtype === "int64" || dtype === "uint64"
  for (const [i, value] of values.entries()) expected.data[i] = isWide ? value : Number(value)
  const dims = [2n, 1n]
  const numbers = { name: "numbers", dims, dataType, [field]: values }
  const raw = { name: "raw", dims, dataType, rawData: bytesOf(expected) }
  expect(await load(model(numbers, raw))).toEqual({ numbers: expected, raw: expected })
})

test("scalars, empty tensors and names of all kinds are read; nodes are stepped over", async () => {
  const FLOAT = TensorProto_DataType.FLOAT
  const tensors = await load(
    model(
      { name: "scalar", dims: [], dataType: FLOAT, floatData: [2] },
      { name: "empty", dims: [0n, 3n], dataType: FLOAT },
      { name: "__proto__", dims: [1n], dataType: FLOAT, rawData: new Uint8Array(4) },
    ),
  )
  expect(Object.entries(tensors)).toEqual([
    ["scalar", ndarray([2], [])],
    ["empty", zeros([0, 3])],
    ["__proto__", zeros([1])],
  ])
})

const { FLOAT, INT64 } = TensorProto_DataType
const external = (location: string, more: Record<string, string> = {}): Initializer => ({
  name: "w",
  dims: [2n],
  dataType: FLOAT,
  dataLocation: TensorProto_DataLocation.EXTERNAL,
  externalData: Object.entries({ location, ...more }).map(([key, value]) => ({ key, value })),
})

test("external data are read at their place, also in a folder below", async () => {
  const bytes = new Uint8Array(Float32Array.of(0, 1, 2, 3).buffer)
  const beside = { "weights/all.bin": bytes }
  expect(await load(model(external("weights/all.bin", { offset: "4", length: "8" })), beside)).toEqual({
    w: ndarray([1, 2]),
  })
  expect(await load(model(external("weights/all.bin")), beside)).toEqual({ w: ndarray([0, 1]) })
})

test.each<[string, Initializer[], RegExp]>([
  ["external data above the folder", [external("../secret")], /"\.\.\/secret", which is no file beside the model/],
  ["external data at the root", [external("/etc/passwd")], /no file beside the model/],
  ["external data on a drive", [external("C:\\secret")], /no file beside the model/],
  ["external data above, with backslashes", [external("a\\..\\..\\secret")], /no file beside the model/],
  ["external data nowhere", [external("")], /no file beside the model/],
  ["external data that are cut short", [external("short", { length: "8" })], /said to be at byte 0, 8 bytes long/],
  ["external data before the beginning", [external("short", { offset: "-8", length: "8" })], /said to be at byte -8/],
  ["external data of no length", [external("short", { length: "no" })], /no bytes long/],
  [
    "too few values",
    [{ name: "w", dims: [3n], dataType: FLOAT, rawData: new Uint8Array(8) }],
    /has 8 bytes of values, float32 \[3\] needs 12/,
  ],
  ["too few numbers", [{ name: "w", dims: [3n], dataType: INT64, int64Data: [1n] }], /shape \[3\] has 1 values/],
  ["a shape of 2^62", [{ name: "w", dims: [2n ** 31n, 2n ** 31n], dataType: FLOAT }], /impossible shape/],
  ["a negative shape", [{ name: "w", dims: [-1n], dataType: FLOAT }], /impossible shape \[-1\]/],
  ["a terabyte on the header's word", [{ name: "w", dims: [2n ** 38n], dataType: FLOAT }], /has 0 bytes of values/],
  [
    "float8",
    [{ name: "w", dims: [1n], dataType: TensorProto_DataType.FLOAT8E4M3FN }],
    /of type FLOAT8E4M3FN, which is not supported/,
  ],
  ["an unknown type", [{ name: "w", dims: [1n], dataType: 999 }], /of type 999/],
  [
    "a name twice",
    [
      { name: "w", dataType: FLOAT },
      { name: "w", dataType: FLOAT },
    ],
    /initializer "w" twice/,
  ],
  ["booleans of 2", [{ name: "w", dims: [1n], dataType: TensorProto_DataType.BOOL, int32Data: [2] }], /is of booleans/],
  [
    "a description that is longer than any",
    [{ name: "w".repeat(70_000), dataType: FLOAT }],
    /described by too many fields/,
  ],
])("refuses %s", async (_, initializers, message) => {
  const bytes = model(...initializers)
  await expect(load(bytes, { short: new Uint8Array(4) })).rejects.toThrow(InputError)
  await expect(load(bytes, { short: new Uint8Array(4) })).rejects.toThrow(message)
})

test("refuses sparse initializers, and a file without a graph", async () => {
  const sparse = create(ModelProtoSchema, { irVersion: 10n, graph: { sparseInitializer: [{ dims: [1n] }] } })
  await expect(load(toBinary(ModelProtoSchema, sparse))).rejects.toThrow(/sparse initializers/)
  await expect(
    load(toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 10n, domain: "d" }))),
  ).rejects.toThrow(/has no graph/)
})
