/** Dense arrays in host memory, and the element types that tensors have. */

/** Element types. `float16` and `bfloat16` hold their bits in a Uint16Array, `bool` holds 0 or 1 in a Uint8Array. */
export type DType =
  | "float32"
  | "float64"
  | "float16"
  | "bfloat16"
  | "int8"
  | "uint8"
  | "int16"
  | "uint16"
  | "int32"
  | "uint32"
  | "int64"
  | "uint64"
  | "bool"

export interface TypedArrays {
  float32: Float32Array
  float64: Float64Array
  float16: Uint16Array
  bfloat16: Uint16Array
  int8: Int8Array
  uint8: Uint8Array
  int16: Int16Array
  uint16: Uint16Array
  int32: Int32Array
  uint32: Uint32Array
  int64: BigInt64Array
  uint64: BigUint64Array
  bool: Uint8Array
}

export type TypedArray = TypedArrays[DType]

/** The largest finite float32. */
export const LARGEST_FLOAT32 = (2 - 2 ** -23) * 2 ** 127

/** A dense, row-major array: `data.length` is the product of `shape`. A scalar has shape `[]`. */
export interface NdArray<D extends DType = DType> {
  shape: number[]
  dtype: D
  data: TypedArrays[D]
}

const constructors: { [D in DType]: new (source: number | ArrayLike<never>) => TypedArrays[D] } = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
}

/** All element types. */
export const dtypes = Object.keys(constructors) as readonly DType[]

/** Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  let size = 1
  for (const dim of shape) size *= dim
  return size
}

/** Bytes that one element takes. */
export function bytesPerElement(dtype: DType): number {
  return (constructors[dtype] as unknown as { BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT
}

/** The bytes of an array: a view, not a copy. */
export function bytesOf({ data }: Pick<NdArray, "data">): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}

/** A zero-filled array. */
export function zeros<D extends DType = "float32">(shape: readonly number[], dtype?: D): NdArray<D> {
  const type = (dtype ?? "float32") as D
  return { shape: [...shape], dtype: type, data: new constructors[type](sizeOf(shape)) }
}

type IntegerDType = "int8" | "uint8" | "int16" | "uint16" | "int32" | "uint32" | "int64" | "uint64"

/** The type whose elements an array of integers holds. */
type IntegersOf<V> = { [D in IntegerDType]: V extends TypedArrays[D] ? D : never }[IntegerDType]

/**
 * An array with the given values.
 * @param dtype default: float32, for a typed array of integers its own type
 *
 * Throws a RangeError if the number of values does not fit the shape.
 */
export function ndarray(
  values: readonly number[] | Float32Array | Float64Array,
  shape?: readonly number[],
): NdArray<"float32">
export function ndarray<V extends TypedArrays[IntegerDType]>(
  values: V,
  shape?: readonly number[],
): NdArray<IntegersOf<V>>
export function ndarray<D extends DType>(
  values: ArrayLike<number> | TypedArrays[D],
  shape: readonly number[] | undefined,
  dtype: D,
): NdArray<D>
export function ndarray(
  values: ArrayLike<number> | TypedArray,
  shape: readonly number[] = [values.length],
  dtype: DType = defaultDType(values),
): NdArray {
  if (values.length !== sizeOf(shape)) {
    throw new RangeError(`ndarray: ${values.length} values do not fill shape [${shape.join(", ")}]`)
  }
  const array = constructors[dtype]
  const data = values instanceof array ? values : new array(values as ArrayLike<never>)
  return { shape: [...shape], dtype, data }
}

const integers: readonly IntegerDType[] = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]

function defaultDType(values: unknown): DType {
  return integers.find((dtype) => values instanceof constructors[dtype]) ?? "float32"
}
