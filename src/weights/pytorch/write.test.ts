import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { bytesOf, type DType, type NdArray, ndarray, sizeOf, zeros } from "../../tensor/ndarray.ts"
import { wrapBytes } from "../byte-source.ts"
import { loadTensors } from "../node/files.ts"
import { layoutTorchArchive } from "./write.ts"
import { crc32, layoutZip } from "./write-zip.ts"
import { locateZipEntry, readZipDirectory } from "./zip.ts"

const join = (parts: Iterable<Uint8Array>) => new Uint8Array(Buffer.concat([...parts]))

const dtypes: DType[] = ["float32", "float64", "float16", "bfloat16", "int8", "uint8", "int16", "int32", "int64"]

/** An array of zeros and ones, which are values of every type. */
function bits(shape: number[], dtype: DType, seed: number): NdArray {
  const array = zeros(shape, dtype)
  for (let i = 0; i < array.data.length; i++) {
    const bit = (seed >> (i % 31)) & 1
    array.data[i] = array.data instanceof BigInt64Array ? BigInt(bit) : bit
  }
  return array
}

test("what is written is read back, whatever the names, types and shapes, with and without a wrapper", async () => {
  const shape = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 })
  const tensor = fc.tuple(shape, fc.constantFrom(...dtypes, "bool" as const), fc.nat()).map((given) => bits(...given))
  const name = fc.string({ minLength: 1, unit: "grapheme" }).map((text) => `layer ${text}.weight`)
  const tensors = fc.dictionary(name, tensor, { minKeys: 1, maxKeys: 5, noNullPrototype: true })
  await fc.assert(
    fc.asyncProperty(tensors, fc.constantFrom(undefined, "model"), async (given, wrapper) => {
      expect(await loadTensors(join(layoutTorchArchive(given, { wrapper })))).toEqual(given)
    }),
    { numRuns: 50 },
  )
})

test("an empty tensor and one without axes are kept", async () => {
  const given = { empty: zeros([0, 3]), scalar: ndarray(Float32Array.of(7), []) }
  expect(await loadTensors(join(layoutTorchArchive(given)))).toEqual(given)
})

test("the bytes of every tensor begin at a multiple of 64", async () => {
  const given = Object.fromEntries([1, 30, 17].map((size) => [`t${size}`, zeros([size], "uint8")]))
  const source = wrapBytes(join(layoutTorchArchive(given)))
  const entries = await readZipDirectory(source)
  expect([...entries.keys()]).toEqual([
    "archive/data.pkl",
    "archive/byteorder",
    ...[0, 1, 2].map((key) => `archive/data/${key}`),
    "archive/version",
  ])
  for (const entry of entries.values()) expect((await locateZipEntry(source, entry)) % 64).toBe(0)
})

test("the same tensors give the same bytes", () => {
  const given = { a: zeros([2, 3]) }
  expect(join(layoutTorchArchive(given))).toEqual(join(layoutTorchArchive(given)))
})

test("contents are not copied", () => {
  const array = zeros([5])
  const [, content] = layoutZip([{ name: "a", content: bytesOf(array) }])
  expect(content!.buffer).toBe(array.data.buffer)
})

test("crc32 has its check value", () => {
  expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926)
  expect(crc32(new Uint8Array())).toBe(0)
})

describe("mistakes", () => {
  test("a type without a storage class", () => {
    expect(() => layoutTorchArchive({ x: zeros([1], "uint32") })).toThrow('tensor "x" is uint32')
  })

  test("data that does not fill its shape", () => {
    const array: NdArray = { shape: [2, 2], dtype: "float32", data: new Float32Array(sizeOf([3])) }
    expect(() => layoutTorchArchive({ x: array })).toThrow('tensor "x" has 3 values, which do not fill shape [2, 2]')
  })
})
