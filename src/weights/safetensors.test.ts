import { readFileSync } from "node:fs"
import fc from "fast-check"
import { expect, test } from "vitest"
import { InputError, UsageError } from "../tensor/errors.ts"
import { bytesOf, type DType, type NdArray, ndarray, sizeOf, zeros } from "../tensor/ndarray.ts"
import { decodeSafetensors, encodeSafetensors } from "./safetensors.ts"

/** Written by the reference implementation, safetensors 0.8.0: one tensor of each type and some odd ones. */
const golden = new Uint8Array(
  readFileSync(new URL("../../test/golden/checkpoints/all-dtypes.safetensors", import.meta.url)),
)

/** A file with this header text, and `size` zero bytes of tensors. */
function fileWith(header: string, size = 0): Uint8Array {
  const text = new TextEncoder().encode(header)
  const file = new Uint8Array(8 + text.length + size)
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true)
  file.set(text, 8)
  return file
}

test("reads every type that the reference implementation writes", () => {
  const { tensors, metadata } = decodeSafetensors(golden)
  expect(metadata).toEqual({ format: "pt" })
  expect(Object.keys(tensors)).toHaveLength(18)
  expect(tensors.f32).toEqual(ndarray([1.5, -2, 3.25, Math.fround(0.1), -0, Math.fround(1e-40)], [2, 3]))
  expect(tensors.f64).toEqual(ndarray([0.1, -1e300], [2], "float64"))
  expect(tensors.f16).toEqual(ndarray([0x2e66, 0xfbff, 0x0001], [3], "float16"))
  expect(tensors.bf16).toEqual(ndarray([0x3f80, 0xc0a0, 0x7f80], [3], "bfloat16"))
  expect(tensors.i64).toEqual(ndarray(BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n), [2], "int64"))
  expect(tensors.i32).toEqual(ndarray([-(2 ** 31), 7], [2], "int32"))
  expect(tensors.i16).toEqual(ndarray([-32768, 32767, 5], [3], "int16"))
  expect(tensors.i8).toEqual(ndarray([-128, 127, 0], [3], "int8"))
  expect(tensors.u64).toEqual(ndarray(BigUint64Array.of(2n ** 64n - 1n), [1], "uint64"))
  expect(tensors.u32).toEqual(ndarray([2 ** 32 - 1], [1], "uint32"))
  expect(tensors.u16).toEqual(ndarray([65535], [1], "uint16"))
  expect(tensors.u8).toEqual(ndarray([0, 1, 254, 255], [4], "uint8"))
  expect(tensors.bool).toEqual(ndarray([1, 0, 1], [3], "bool"))
  expect(tensors.scalar).toEqual(ndarray([42], []))
  expect(tensors.empty).toEqual(zeros([0, 4]))
  expect(tensors['zé "quoted"']).toEqual(ndarray([9], [1], "uint8"))
})

test("writes the bytes that the reference implementation writes", () => {
  const { tensors, metadata } = decodeSafetensors(golden)
  const shuffled = Object.fromEntries(Object.entries(tensors).reverse())
  expect(encodeSafetensors(shuffled, metadata)).toEqual(golden)
})

test("reads bytes that lie at an odd place in their buffer", () => {
  const shifted = new Uint8Array(golden.length + 3)
  shifted.set(golden, 3)
  expect(decodeSafetensors(shifted.subarray(3))).toEqual(decodeSafetensors(golden))
})

test("names are data: numbers, __proto__ and every other text keep their tensors", () => {
  const names = ["10", "2", "__proto__", "constructor", "\u{1f600}", "\uffff", "", "a\nb"]
  const tensors = Object.fromEntries(names.map((name, i): [string, NdArray] => [name, ndarray([i])]))
  const bytes = encodeSafetensors(tensors)
  const decoded = decodeSafetensors(bytes).tensors
  expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype)
  for (const [i, name] of names.entries()) {
    expect(Object.getOwnPropertyDescriptor(decoded, name)?.value).toEqual(ndarray([i]))
  }
  const text = new TextDecoder().decode(bytes)
  expect(text.indexOf('"10"')).toBeLessThan(text.indexOf('"2"'))
  expect(text.indexOf('"\uffff"')).toBeLessThan(text.indexOf('"\u{1f600}"'))
})

test("any tensors survive, with their bits", () => {
  const dtypes: DType[] = ["float32", "float64", "float16", "bfloat16", "int8", "uint8", "int16", "uint16"]
  dtypes.push("int32", "uint32", "int64", "uint64")
  const tensor = fc
    .tuple(fc.constantFrom(...dtypes), fc.array(fc.nat(4), { maxLength: 4 }), fc.infiniteStream(fc.nat(255)))
    .map(([dtype, shape, bits]) => {
      const array = zeros(shape, dtype)
      const bytes = bytesOf(array)
      for (let i = 0; i < bytes.length; i++) bytes[i] = bits.next().value as number
      return array as NdArray
    })
  const name = fc.string({ unit: "grapheme" }).filter((text) => text !== "__metadata__")
  fc.assert(
    fc.property(fc.dictionary(name, tensor), fc.dictionary(fc.string(), fc.string()), (tensors, metadata) => {
      const bytes = encodeSafetensors(tensors, metadata)
      expect(new DataView(bytes.buffer).getBigUint64(0, true) % 8n).toBe(0n)
      const decoded = decodeSafetensors(bytes)
      expect(new Map(Object.entries(decoded.metadata))).toEqual(new Map(Object.entries(metadata)))
      expect(Object.keys(decoded.tensors).sort()).toEqual(Object.keys(tensors).sort())
      for (const [key, array] of Object.entries(tensors)) {
        expect(decoded.tensors[key]!.shape).toEqual(array.shape)
        expect(bytesOf(decoded.tensors[key]!)).toEqual(bytesOf(array))
      }
    }),
  )
})

const tensor = (dtype: string, shape: string, start: number, end: number) =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":[${start},${end}]}`

test.each([
  ["too few bytes", new Uint8Array(7), /7 bytes are too few/],
  ["header beyond the file", fileWith('{"a":1}').subarray(0, 12), /cut short: its header has 7 bytes/],
  ["header of 2^63 bytes", new Uint8Array(16).fill(0x80), /not a safetensors file/],
  ["no JSON", fileWith("{nothing"), /header is not valid JSON/],
  ["no UTF-8", fileWith('{"a":1}').fill(0xff, 9, 11), /header is not valid JSON/],
  ["no object", fileWith("[1]"), /not a JSON object/],
  ["space before the object", fileWith(" {}"), /not a JSON object/],
  ["metadata of numbers", fileWith('{"__metadata__":{"epoch":3}}'), /__metadata__ is not an object of strings/],
  ["entry without fields", fileWith('{"a":{}}'), /"a" has no dtype/],
  ["fp8", fileWith(`{"a":${tensor("F8_E4M3", "[1]", 0, 1)}}`, 1), /"a" has dtype "F8_E4M3", which is not supported/],
  ["dtype of Object.prototype", fileWith(`{"a":${tensor("toString", "[1]", 0, 1)}}`, 1), /dtype "toString"/],
  ["negative dimension", fileWith(`{"a":${tensor("U8", "[-1]", 0, 1)}}`, 1), /not a list of whole numbers/],
  ["fractional dimension", fileWith(`{"a":${tensor("U8", "[0.5]", 0, 1)}}`, 1), /not a list of whole numbers/],
  ["product overflow", fileWith(`{"a":${tensor("U8", "[4294967296,4294967296,0]", 0, 0)}}`), /too large/],
  [
    "too few bytes for the shape",
    fileWith(`{"a":${tensor("F32", "[2]", 0, 4)}}`, 4),
    /"a" needs 8 bytes for F32 \[2\]/,
  ],
  ["reversed offsets", fileWith(`{"a":${tensor("U8", "[1]", 1, 0)}}`, 1), /"a" needs 1 bytes/],
  ["hole", fileWith(`{"a":${tensor("U8", "[1]", 1, 2)}}`, 2), /"a" leaves 1 bytes unused/],
  [
    "overlap",
    fileWith(`{"a":${tensor("U8", "[2]", 0, 2)},"b":${tensor("U8", "[2]", 1, 3)}}`, 3),
    /"b" overlaps the tensor before it/,
  ],
  ["tensor beyond the file", fileWith(`{"a":${tensor("U8", "[9]", 0, 9)}}`, 8), /cut short: its tensors end at byte/],
  ["bytes after the last tensor", fileWith(`{"a":${tensor("U8", "[1]", 0, 1)}}`, 3), /2 bytes follow the last tensor/],
  [
    "duplicate tensor",
    fileWith(`{"a\\"":${tensor("U8", "[1]", 0, 1)},"a\\u0022" :${tensor("U8", "[1]", 1, 2)}}`, 2),
    /has "a\\"" more than once/,
  ],
  ["duplicate field", fileWith('{"a":{"dtype":"U8","shape":[],"shape":[1],"data_offsets":[0,1]}}', 1), /"shape" more/],
  ["BOOL of 2", fileWith(`{"a":${tensor("BOOL", "[1]", 0, 1)}}`, 1).fill(2, -1), /"a" is of booleans but holds other/],
])("refuses %s", (_, bytes, message) => {
  expect(() => decodeSafetensors(bytes, "x.safetensors")).toThrow(InputError)
  expect(() => decodeSafetensors(bytes, "x.safetensors")).toThrow(message)
  expect(() => decodeSafetensors(bytes, "x.safetensors")).toThrow(/^cannot read x\.safetensors: /)
})

test("a text that looks like a key twice is no duplicate", () => {
  const file = fileWith(`{"__metadata__":{"a":"{\\"a\\":1,\\"a\\":2}","b":"\\\\"},"a":${tensor("U8", "[1]", 0, 1)}}`, 1)
  expect(decodeSafetensors(file).metadata).toEqual({ a: '{"a":1,"a":2}', b: "\\" })
})

test("every truncation is an InputError", () => {
  for (let size = 0; size < golden.length; size++) {
    expect(() => decodeSafetensors(golden.subarray(0, size))).toThrow(InputError)
  }
})

test("whatever bytes change, the file is read or there is an InputError", () => {
  const flips = fc.array(fc.tuple(fc.nat(golden.length - 1), fc.integer({ min: 1, max: 255 })), { minLength: 1 })
  let refused = 0
  fc.assert(
    fc.property(flips, (changes) => {
      const bytes = golden.slice()
      for (const [at, mask] of changes) bytes[at]! ^= mask
      try {
        for (const { shape, data } of Object.values(decodeSafetensors(bytes).tensors)) {
          expect(data.length).toBe(sizeOf(shape))
        }
      } catch (error) {
        expect(error).toBeInstanceOf(InputError)
        refused++
      }
    }),
    { numRuns: 2000 },
  )
  expect(refused).toBeGreaterThan(100)
})

test("refuses to write what could not be read back", () => {
  expect(() => encodeSafetensors({ a: { shape: [3], dtype: "float32", data: new Float32Array(2) } })).toThrow(
    UsageError,
  )
  expect(() => encodeSafetensors({ __metadata__: zeros([1]) })).toThrow(UsageError)
})
