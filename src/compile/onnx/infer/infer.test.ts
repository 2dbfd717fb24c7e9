import { describe, expect, test } from "vitest"
import { randomGraph } from "../../../../test/support/random-graph.ts"
import { decodeOnnx } from "../decode.ts"
import type { OnnxAttributeValue, OnnxDim, OnnxGraph, OnnxTensor } from "../description.ts"
import { encodeOnnx } from "../encode.ts"
import { inferShapes } from "./infer.ts"

type Shape = readonly OnnxDim[]
type Input = Shape | { readonly ints: readonly number[] } | { readonly floats: readonly number[] } | null

const ints = (...values: number[]): Input => ({ ints: values })
const floats = (...values: number[]): Input => ({ floats: values })

function stored(name: string, values: BigInt64Array | Float32Array): OnnxTensor {
  const dtype = values instanceof Float32Array ? "float32" : "int64"
  return { name, dtype, shape: [values.length], bytes: new Uint8Array(values.buffer) }
}

/** A graph of one node: shapes are inputs, lists are initializers, null is left out. */
function graphOf(op: string, given: readonly Input[], attributes: Record<string, OnnxAttributeValue>, opset: number) {
  const inputs: OnnxGraph["inputs"][number][] = []
  const initializers: OnnxTensor[] = []
  const names = given.map((value, i) => {
    const name = `x${i}`
    if (value === null) return ""
    if ("ints" in value) initializers.push(stored(name, BigInt64Array.from(value.ints, BigInt)))
    else if ("floats" in value) initializers.push(stored(name, Float32Array.from(value.floats)))
    else inputs.push({ name, dtype: "float32", shape: value })
    return name
  })
  const outputs = ["y", "z", "w"]
  const graph: OnnxGraph = {
    name: op,
    irVersion: 10,
    opsets: { "": opset },
    producer: { name: "", version: "" },
    metadata: {},
    functions: [],
    inputs,
    outputs: [],
    values: [],
    initializers,
    nodes: [{ op, domain: "", name: op, inputs: names, outputs, attributes }],
  }
  return inferShapes(graph)
}

function shapeOf(op: string, given: readonly Input[], attributes: Record<string, OnnxAttributeValue> = {}, opset = 21) {
  return graphOf(op, given, attributes, opset).values.get("y")?.shape
}

test("finds the shapes that the operators of this library have, with an open batch", () => {
  for (let seed = 0; seed < 20; seed++) {
    const decoded = decodeOnnx(encodeOnnx(randomGraph(seed).graph, { name: "test" }).model)
    const { values } = inferShapes({ ...decoded, values: [], outputs: [] })
    for (const { name, shape } of [...decoded.values, ...decoded.outputs]) {
      expect(values.get(name)?.shape, `${name} of graph ${seed}`).toEqual(shape)
    }
  }
})

describe("the shape of", () => {
  test.each<[string, string, Input[], Record<string, OnnxAttributeValue>, Shape | undefined]>([
    [
      "a strided, dilated, grouped convolution",
      "Conv",
      [
        ["N", 8, 15, 15],
        [6, 4, 3, 3],
      ],
      { group: 2, strides: [2, 2], dilations: [2, 2], pads: [1, 1, 2, 2] },
      ["N", 6, 7, 7],
    ],
    [
      "a convolution whose channels do not fit",
      "Conv",
      [
        ["N", 3, 8, 8],
        [4, 4, 3, 3],
      ],
      {},
      undefined,
    ],
    [
      "a convolution that keeps open sizes",
      "Conv",
      [
        ["N", 3, "H", "W"],
        [4, 3, 3, 3],
      ],
      { pads: [1, 1, 1, 1] },
      ["N", 4, "H", "W"],
    ],
    [
      "one that steps over open sizes",
      "Conv",
      [
        ["N", 3, "H", 8],
        [4, 3, 2, 2],
      ],
      { strides: [2, 2] },
      ["N", 4, null, 4],
    ],
    [
      "a convolution along time",
      "Conv",
      [
        ["N", 3, 9],
        [4, 3, 3],
      ],
      {},
      ["N", 4, 7],
    ],
    [
      "a transposed convolution",
      "ConvTranspose",
      [
        ["N", 3, 7, 7],
        [3, 4, 3, 3],
      ],
      { group: 2, strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] },
      ["N", 8, 14, 14],
    ],
    [
      "pooling that rounds up",
      "MaxPool",
      [["N", 3, 6, 7]],
      { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 },
      ["N", 3, 3, 3],
    ],
    [
      "pooling that would begin in the padding",
      "AveragePool",
      [["N", 3, 5, 5]],
      { kernel_shape: [2, 2], strides: [3, 3], pads: [0, 0, 1, 1], ceil_mode: 1 },
      ["N", 3, 2, 2],
    ],
    ["a vector times a matrix", "MatMul", [[5], ["N", 5, 4]], {}, ["N", 4]],
    ["a matrix times a vector", "MatMul", [["N", 3, 5], [5]], {}, ["N", 3]],
    [
      "batches that broadcast",
      "MatMul",
      [
        ["N", 1, 3, 5],
        [7, 5, 2],
      ],
      {},
      ["N", 7, 3, 2],
    ],
    [
      "Gemm of transposed operands",
      "Gemm",
      [
        [5, 3],
        [4, 5],
      ],
      { transA: 1, transB: 1 },
      [3, 4],
    ],
    [
      "Einsum as attention",
      "Einsum",
      [
        ["N", 4, 9, 8],
        ["N", 4, 7, 8],
      ],
      { equation: "bhid, bhjd -> bhij" },
      ["N", 4, 9, 7],
    ],
    [
      "Einsum with an ellipsis",
      "Einsum",
      [
        ["N", 4, 9, 8],
        [8, 3],
      ],
      { equation: "...d,de->...e" },
      ["N", 4, 9, 3],
    ],
    [
      "Einsum without a result",
      "Einsum",
      [
        [2, 3],
        [3, 4],
      ],
      { equation: "ij,jk" },
      [2, 4],
    ],
    ["Reshape that keeps and counts", "Reshape", [["N", 8, 7, 7], ints(0, -1)], {}, ["N", 392]],
    [
      "Reshape into windows that do not fill a row",
      "Reshape",
      [["N", 8, 14, 4], ints(-1, 7, 7, 4)],
      {},
      [null, 7, 7, 4],
    ],
    ["Reshape into more images", "Reshape", [["N", 14, 14, 4], ints(-1, 49, 4)], {}, ["4*N", 49, 4]],
    ["Reshape to an empty tensor", "Reshape", [[0, 3], ints(3, 0)], { allowzero: 1 }, [3, 0]],
    ["Flatten at an axis from the end", "Flatten", [["N", 3, 4, 5]], { axis: -2 }, ["3*N", 20]],
    ["Slice from the end, backwards", "Slice", [["N", 10], ints(-2), ints(-12), ints(1), ints(-3)], {}, ["N", 3]],
    [
      "Slice to the end of an open axis",
      "Slice",
      [["N", 10], ints(0), ints(Number.MAX_SAFE_INTEGER), ints(0)],
      {},
      ["N", 10],
    ],
    ["Gather of one", "Gather", [["N", 197, 6], { ints: [] }], { axis: 1 }, ["N", 0, 6]],
    ["Squeeze of all ones", "Squeeze", [[1, 3, 1]], {}, [3]],
    ["Unsqueeze at axes from the end", "Unsqueeze", [["N", 3], ints(-1, 1)], {}, ["N", 1, 3, 1]],
    [
      "Concat along an axis",
      "Concat",
      [
        ["N", 3, 4],
        ["N", 5, 4],
      ],
      { axis: 1 },
      ["N", 8, 4],
    ],
    ["Pad of some axes", "Pad", [["N", 3, 4], ints(1, 2), null, ints(-1)], {}, ["N", 3, 7]],
    ["Tile", "Tile", [["N", 3], ints(2, 4)], {}, ["2*N", 12]],
    ["Expand", "Expand", [[3, 1], ints(2, 1, 6)], {}, [2, 3, 6]],
    ["Resize by scales", "Resize", [["N", 3, 5, 5], null, floats(1, 1, 1.5, 2)], {}, ["N", 3, 7, 10]],
    [
      "Resize of some axes to sizes",
      "Resize",
      [["N", 3, 5, 5], null, null, ints(9, 8)],
      { axes: [2, 3] },
      ["N", 3, 9, 8],
    ],
    ["ReduceMean of some axes", "ReduceMean", [["N", 3, 4], ints(-1)], { keepdims: 0 }, ["N", 3]],
    ["ReduceSum of nothing", "ReduceSum", [["N", 3]], { noop_with_empty_axes: 1 }, ["N", 3]],
    ["DepthToSpace", "DepthToSpace", [["N", 12, 2, 3]], { blocksize: 2 }, ["N", 3, 4, 6]],
    ["Split that does not come out even", "Split", [["N", 7]], { axis: 1, num_outputs: 3 }, ["N", 3]],
    ["TopK", "TopK", [["N", 9], ints(5)], {}, ["N", 5]],
    [
      "operands that broadcast",
      "Add",
      [
        ["N", 1, 4],
        [3, 1],
      ],
      {},
      ["N", 3, 4],
    ],
    ["operands that do not", "Add", [["N", 3], [4]], {}, undefined],
    ["a shape", "Shape", [["N", 3, 4]], { start: 1 }, [2]],
    ["a transposition whose axes do not exist", "Transpose", [["N", 3]], { perm: [0, 5] }, undefined],
  ])("%s", (_, op, inputs, attributes, expected) => {
    expect(shapeOf(op, inputs, attributes)).toEqual(expected)
  })

  test.each<[string, string, Input[], Record<string, OnnxAttributeValue>, number, Shape]>([
    ["Squeeze", "Squeeze", [["N", 1, 3]], { axes: [1] }, 11, ["N", 3]],
    ["Slice", "Slice", [["N", 9]], { axes: [1], starts: [2], ends: [-1] }, 9, ["N", 6]],
    ["Upsample", "Upsample", [["N", 3, 4, 4], floats(1, 1, 2, 2)], {}, 9, ["N", 3, 8, 8]],
    ["Resize", "Resize", [["N", 3, 4, 4], floats(1, 1, 2, 2)], {}, 10, ["N", 3, 8, 8]],
    ["ReduceMean", "ReduceMean", [["N", 3, 4]], { axes: [1, 2] }, 13, ["N", 1, 1]],
    ["Pad", "Pad", [["N", 3]], { pads: [0, 1, 0, 1] }, 10, ["N", 5]],
    ["Split", "Split", [["N", 9]], { axis: 1, split: [4, 5] }, 11, ["N", 4]],
  ])("%s of an old set, whose settings are attributes", (_, op, inputs, attributes, opset, expected) => {
    expect(shapeOf(op, inputs, attributes, opset)).toEqual(expected)
  })
})

test.each<[string, string, Input[], Record<string, OnnxAttributeValue>, number]>([
  [
    "a grouped convolution",
    "Conv",
    [
      ["N", 8, 6, 6],
      [6, 4, 3, 3],
    ],
    { group: 2 },
    4 * 4 * 6 * 4 * 9,
  ],
  [
    "a transposed convolution",
    "ConvTranspose",
    [
      ["N", 3, 7, 7],
      [3, 4, 2, 2],
    ],
    { strides: [2, 2] },
    7 * 7 * 3 * 4 * 4,
  ],
  [
    "windows of one image",
    "MatMul",
    [
      ["16*N", 49, 32],
      [32, 96],
    ],
    {},
    16 * 49 * 32 * 96,
  ],
  [
    "Gemm",
    "Gemm",
    [
      ["N", 5],
      [4, 5],
    ],
    { transB: 1 },
    20,
  ],
  [
    "Einsum",
    "Einsum",
    [
      ["N", 9, 8],
      ["N", 7, 8],
    ],
    { equation: "bid,bjd->bij" },
    9 * 7 * 8,
  ],
  [
    "attention of four axes",
    "Attention",
    [
      ["N", 4, 9, 8],
      ["N", 4, 7, 8],
      ["N", 4, 7, 6],
    ],
    {},
    4 * 9 * 7 * (8 + 6),
  ],
  [
    "attention of three",
    "Attention",
    [
      ["N", 9, 32],
      ["N", 7, 32],
      ["N", 7, 32],
    ],
    { q_num_heads: 4, kv_num_heads: 4 },
    9 * 7 * 64,
  ],
  [
    "a sum",
    "Add",
    [
      ["N", 5],
      ["N", 5],
    ],
    {},
    0,
  ],
])("counts the multiply-accumulates of %s", (_, op, inputs, attributes, expected) => {
  const [node] = graphOf(op, inputs, attributes, 23).nodes.values()
  expect(node).toEqual({ known: true, macs: expected })
})
