/** float32 to and from the bits of float16 (IEEE 754 binary16) and bfloat16, rounding to nearest, ties to even. */

/** `value / 2^shift`, rounded to nearest, ties to even. */
function roundShift(value: number, shift: number): number {
  const odd = (value >>> shift) & 1
  return (value + 2 ** (shift - 1) - 1 + odd) >>> shift
}

/** The float16 bits nearest to the float32 whose bits are given. */
function narrowToFloat16(bits: number): number {
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  const exponent = magnitude >>> 23
  if (magnitude > 0x7f800000) return sign | 0x7e00
  if (magnitude >= 0x477ff000) return sign | 0x7c00 // 65520 and more round to infinity
  if (exponent >= 113) return sign | roundShift(magnitude - (112 << 23), 13)
  if (exponent < 102) return sign // less than half of the smallest subnormal, 2^-24
  return sign | roundShift((magnitude & 0x7fffff) | 0x800000, 126 - exponent)
}

/** The value that float16 bits stand for. */
function widenFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >>> 10) & 0x1f
  const mantissa = bits & 0x3ff
  if (exponent === 0x1f) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1024 + mantissa) * 2 ** (exponent - 25)
}

/** float16 bits to float32, exactly. NaN payloads are not kept. */
export function float16ToFloat32(bits: Uint16Array): Float32Array {
  return Float32Array.from(bits, widenFloat16)
}

/** float32 to float16 bits. Magnitudes of 65520 and more become infinity. */
export function float32ToFloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  return Uint16Array.from(bits, narrowToFloat16)
}

/** bfloat16 bits to float32, exactly. */
export function bfloat16ToFloat32(bits: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(bits, (b) => b << 16).buffer)
}

/** float32 to bfloat16 bits. */
export function float32ToBfloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  return Uint16Array.from(bits, (b) => ((b & 0x7fffffff) > 0x7f800000 ? (b >>> 16) | 0x40 : roundShift(b, 16)))
}
