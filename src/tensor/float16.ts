/** float16 (IEEE 754 binary16) and bfloat16, which are kept as bits: to float32, which is exact, and back. */

import { type DType, type NdArray, ndarray, type TypedArray } from "./ndarray.ts"

function widenFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >>> 10) & 0x1f
  const mantissa = bits & 0x3ff
  if (exponent === 0x1f) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1024 + mantissa) * 2 ** (exponent - 25)
}

/** float16 bits to float32. NaN payloads are not kept. */
export function float16ToFloat32(bits: Uint16Array): Float32Array {
  return Float32Array.from(bits, widenFloat16)
}

/** bfloat16 bits to float32. */
export function bfloat16ToFloat32(bits: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(bits, (b) => b << 16).buffer)
}

/** The float16 bits nearest to a number; of two that are as near, those that end in 0. */
function float16Bits(value: number): number {
  if (Number.isNaN(value)) return 0x7e00
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  const size = Math.abs(value)
  // Half way from the largest number to what would come after it.
  if (size >= 65520) return sign | 0x7c00
  const exponent = Math.max(-14, Math.floor(Math.log2(size)))
  // Numbers without a leading 1 have the smallest exponent; a mantissa that rounds up carries into the exponent.
  return sign | ((exponent + 14) * 1024 + roundToEven(size * 2 ** (10 - exponent)))
}

/** The bfloat16 bits nearest to a number: the upper half of the float32 ones, half way cases to even. */
function bfloat16Bits(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0
  const [bits] = new Uint32Array(Float32Array.of(value).buffer) as unknown as [number]
  return Math.floor((bits + 0x7fff + ((bits >>> 16) & 1)) / 0x10000)
}

function roundToEven(value: number): number {
  const up = Math.round(value)
  return up - value === 0.5 && up % 2 === 1 ? up - 1 : up
}

/** A scalar of the given type. Integers are cut to their range as typed arrays do it. */
export function scalarArray(value: number, dtype: DType): NdArray {
  if (dtype === "int64") return ndarray(BigInt64Array.of(BigInt(value)), [], dtype)
  if (dtype === "uint64") return ndarray(BigUint64Array.of(BigInt(value)), [], dtype)
  if (dtype === "float16") return ndarray([float16Bits(value)], [], dtype)
  if (dtype === "bfloat16") return ndarray([bfloat16Bits(value)], [], dtype)
  return ndarray([dtype === "bool" ? Number(value !== 0) : value], [], dtype)
}

/** The elements as numbers: half precision, which is kept as bits, widened to float32; all else as it is, not copied. */
export function elementsOf({ dtype, data }: NdArray): TypedArray {
  if (dtype === "float16") return float16ToFloat32(data as Uint16Array)
  return dtype === "bfloat16" ? bfloat16ToFloat32(data as Uint16Array) : data
}

/** The elements as float32, in an array of their own. */
export function toFloat32(array: NdArray): Float32Array {
  return Float32Array.from(elementsOf(array) as Float32Array, Number)
}
