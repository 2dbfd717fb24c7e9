/** Arrays whose values stay in a file until somebody reads them. */

import type { DType, NdArray, TypedArray, TypedArrays } from "./ndarray.ts"

/** Where the values of an array lie, row-major and little-endian. */
export interface FileRegion {
  /** Absolute path of the folder, without symbolic links. */
  folder: string
  /** Name of the file in it. */
  file: string
  /** The first byte. */
  start: number
  /** Whether that path still leads to the file that was opened, and nobody has written to it since. */
  isCurrent(): boolean
}

/** How an array that has not been read is found and read. */
interface Unread {
  region(): FileRegion | undefined
  read(): TypedArray
}

const unread = new WeakMap<NdArray, Unread>()

export interface StoredReader<D extends DType> {
  /** Gives all values, in memory of their own. */
  read(): TypedArrays[D]
  /** The array has its values, or others, in memory: it will not read again. */
  onRead?(): void
}

/** An array whose `data` is read when it is first asked for. */
export function storedArray<D extends DType>(
  shape: readonly number[],
  dtype: D,
  region: FileRegion,
  { read, onRead }: StoredReader<D>,
): NdArray<D> {
  return lazyArray(shape, dtype, { region: () => region, take: read, peek: read, onRead })
}

/** The same values in another shape of as many: neither copied nor read. */
export function withShape<D extends DType>(array: NdArray<D>, shape: readonly number[]): NdArray<D> {
  if (!unread.has(array)) return { ...array, shape: [...shape] }
  return lazyArray(shape, array.dtype, {
    region: () => regionOf(array),
    take: () => array.data,
    peek: () => readOnce(array),
  })
}

/** Where the values of an array lie; undefined once they have been read, and for arrays that never were in a file. */
export function regionOf(array: NdArray): FileRegion | undefined {
  return unread.get(array)?.region()
}

/** All values, for one look at them: those of an array in a file are read and not kept. Not to be changed. */
export function readOnce<D extends DType>(array: NdArray<D>): TypedArrays[D] {
  return (regionOf(array) ? unread.get(array)!.read() : array.data) as TypedArrays[D]
}

/** A copy in memory; an array that is in a file stays there. */
export function copyOf<D extends DType>(array: NdArray<D>): NdArray<D> {
  const data = regionOf(array) ? readOnce(array) : (array.data.slice() as TypedArrays[D])
  return { shape: [...array.shape], dtype: array.dtype, data }
}

interface Source<D extends DType> {
  region(): FileRegion | undefined
  /** Gives the values for good. */
  take(): TypedArrays[D]
  peek(): TypedArrays[D]
  onRead?(): void
}

function lazyArray<D extends DType>(shape: readonly number[], dtype: D, source: Source<D>): NdArray<D> {
  const array = { shape: [...shape], dtype } as NdArray<D>
  const define = (descriptor: PropertyDescriptor) =>
    Object.defineProperty(array, "data", { enumerable: true, configurable: true, ...descriptor })
  const keep = (data: TypedArrays[D]) => {
    // Whoever has the values may change them.
    unread.delete(array)
    define({ value: data, writable: true })
    source.onRead?.()
    return data
  }
  define({ get: () => keep(source.take()), set: keep })
  unread.set(array, { region: source.region, read: source.peek })
  return array
}
