/** The tensors of a PyTorch pickle: views of storages that lie outside of it. */
import { MalformedPickle } from "./pickle-host.ts"

/** Element types by PyTorch's names, with the bytes of an element. Not all of them can be read (see {@link readable}). */
export const elementSizes: Partial<Record<string, number>> = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  uint64: 8,
  bool: 1,
  complex32: 4,
  complex64: 8,
  complex128: 16,
  float8_e4m3fn: 1,
  float8_e4m3fnuz: 1,
  float8_e5m2: 1,
  float8_e5m2fnuz: 1,
  float8_e8m0fnu: 1,
  quint8: 1,
  qint8: 1,
  qint32: 4,
  quint4x2: 1,
  quint2x4: 1,
}

/** Element types of the storage classes in `torch`; an UntypedStorage holds bytes. */
export const storageTypes: Partial<Record<string, string>> = {
  FloatStorage: "float32",
  DoubleStorage: "float64",
  HalfStorage: "float16",
  BFloat16Storage: "bfloat16",
  CharStorage: "int8",
  ByteStorage: "uint8",
  ShortStorage: "int16",
  IntStorage: "int32",
  LongStorage: "int64",
  BoolStorage: "bool",
  ComplexFloatStorage: "complex64",
  ComplexDoubleStorage: "complex128",
  QUInt8Storage: "quint8",
  QInt8Storage: "qint8",
  QInt32Storage: "qint32",
  QUInt4x2Storage: "quint4x2",
  QUInt2x4Storage: "quint2x4",
  UntypedStorage: "uint8",
}

/** A storage: `size` elements of the storage `key` in the file, from element `offset` on. */
export class PickledStorage {
  readonly key: string
  readonly dtype: string
  readonly offset: number
  readonly size: number

  constructor(key: string, dtype: string, offset: number, size: number) {
    this.key = key
    this.dtype = dtype
    this.offset = offset
    this.size = size
  }

  /** Bytes of the elements, and of what comes before them in the file's storage. */
  get byteRange(): { start: number; size: number } {
    const elementSize = elementSizes[this.dtype]!
    return { start: this.offset * elementSize, size: this.size * elementSize }
  }
}

/** A view of a storage; `offset` and `strides` count elements of `dtype`. */
export class PickledTensor {
  readonly storage: PickledStorage
  readonly dtype: string
  readonly offset: number
  readonly shape: number[]
  readonly strides: number[]

  constructor(storage: PickledStorage, dtype: string, offset: number, shape: number[], strides: number[]) {
    this.storage = storage
    this.dtype = dtype
    this.offset = offset
    this.shape = shape
    this.strides = strides
  }
}

/** A whole number that is not negative. Throws a MalformedPickle for anything else. */
export function count(value: unknown, what: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) {
    throw new MalformedPickle(`its pickle has a tensor whose ${what} is ${describe(value)}`)
  }
  return value as number
}

/** Dimensions that a tensor may have: as many as PyTorch's own loops over elements take. */
const maxRank = 64

/** A tuple of whole numbers that are not negative, one for each dimension. Throws a MalformedPickle for anything else. */
export function counts(value: unknown, what: string): number[] {
  if (!Array.isArray(value)) throw new MalformedPickle(`its pickle has a tensor whose ${what} is ${describe(value)}`)
  if (value.length > maxRank) {
    throw new MalformedPickle(`its pickle has a tensor of ${value.length} dimensions; ${maxRank} are the most`)
  }
  return value.map((item) => count(item, what))
}

function describe(value: unknown): string {
  return typeof value === "object" || typeof value === "string" ? `of a wrong type (${typeof value})` : String(value)
}
