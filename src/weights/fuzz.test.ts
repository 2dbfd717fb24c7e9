/** Files that are cut, changed or made up: every reader says so in an InputError, and takes no memory on their word. */
import { readFileSync } from "node:fs"
import { create, toBinary } from "@bufbuild/protobuf"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { ModelProtoSchema, TensorProto_DataType } from "../compile/onnx/onnx_pb.ts"
import { InputError } from "../tensor/errors.ts"
import { wrapBytes } from "./byte-source.ts"
import { readAll } from "./checkpoint.ts"
import { openCheckpoint } from "./formats.ts"

const golden = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../../test/golden/checkpoints/${name}`, import.meta.url)))

const FLOAT = TensorProto_DataType.FLOAT
const onnx = create(ModelProtoSchema, {
  irVersion: 10n,
  graph: {
    node: [{ opType: "Add", input: ["x", "raw"], output: ["y"] }],
    initializer: [
      { name: "raw", dims: [2n, 2n], dataType: FLOAT, rawData: new Uint8Array(16) },
      { name: "numbers", dims: [3n], dataType: TensorProto_DataType.INT64, int64Data: [1n, -1n, 300n] },
    ],
  },
})

const files: Record<string, Uint8Array> = {
  safetensors: golden("all-dtypes.safetensors"),
  archive: golden("pytorch/views.pth"),
  "archive with leftovers": golden("pytorch/leftovers-protocol-4.pth"),
  legacy: golden("pytorch/views-legacy.pth"),
  "legacy with leftovers": golden("pytorch/leftovers-legacy.pth"),
  onnx: toBinary(ModelProtoSchema, onnx),
  index: new TextEncoder().encode('{"metadata": {}, "weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}'),
}

/** Reads a file that may be damaged: throws whatever is no InputError, and where there are more values than may be. */
async function read(bytes: Uint8Array): Promise<"read" | "refused"> {
  try {
    const nowhere = async (name: string) => {
      throw new InputError(`${name} is not there`)
    }
    const tensors = await readAll(await openCheckpoint(wrapBytes(bytes), nowhere))
    const buffers = new Set(Object.values(tensors).map(({ data }) => data.buffer))
    const held = [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0)
    expect(held).toBeLessThanOrEqual(4 * bytes.length + 2 ** 24)
    return "read"
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    return "refused"
  }
}

/** Long files are tried at some hundred places only, and not at those alone that are aligned. */
const stepOf = ({ length }: Uint8Array) => 2 * Math.floor(length / 1000) + 1

describe.each(Object.entries(files))("%s", (name, bytes) => {
  test("a file that is cut anywhere is refused", async () => {
    for (let size = 0; size < bytes.length; size += stepOf(bytes)) {
      expect(await read(bytes.subarray(0, size)), `${size} bytes`).toBe("refused")
    }
  })

  test("a file with changed bytes is read or refused", async () => {
    if (name !== "index") expect(await read(bytes)).toBe("read")
    const change = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255))
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 6 }), async (changes) => {
        const damaged = bytes.slice()
        for (const [at, byte] of changes) damaged[at] = byte
        await read(damaged)
      }),
      { numRuns: 200 },
    )
  })

  test("a file whose numbers are as large as can be is read or refused", async () => {
    for (let at = 0; at + 4 <= bytes.length; at += stepOf(bytes)) {
      const damaged = bytes.slice()
      damaged.fill(0xff, at, at + 4)
      await read(damaged)
    }
  })
})

test("any bytes after the beginning of any format are read or refused", async () => {
  const heads = [
    "PK\x03\x04",
    "\x80\x02",
    "\x80\x04\x95",
    "L119547037146038801333356L\n.",
    "{\n",
    "\x08\x0a",
    "\x08\x0a\x3a",
    "cos\nsystem\n",
  ]
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...heads), fc.uint8Array({ maxLength: 200 }), async (head, rest) => {
      await read(Uint8Array.from([...Array.from(head, (letter) => letter.charCodeAt(0)), ...rest]))
    }),
    { numRuns: 500 },
  )
})
