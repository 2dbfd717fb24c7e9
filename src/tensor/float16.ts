/** The numbers that bits of float16 (IEEE 754 binary16) and bfloat16 stand for, as float32. Both widen exactly. */

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
