/** Arrays whose values stay in a file until somebody reads them. */

import type { DType, NdArray, TypedArrays } from "./ndarray.ts"

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

/** Finds the region of an array that has not been read. */
const regions = new WeakMap<NdArray, () => FileRegion | undefined>()

/**
 * An array whose `data` is read when it is first asked for.
 * @param read gives all values; called once at most
 */
export function storedArray<D extends DType>(
  shape: readonly number[],
  dtype: D,
  region: FileRegion,
  read: () => TypedArrays[D],
): NdArray<D> {
  return lazyArray(shape, dtype, () => region, read)
}

/** The same values in another shape of as many: neither copied nor read. */
export function withShape<D extends DType>(array: NdArray<D>, shape: readonly number[]): NdArray<D> {
  if (!regions.has(array)) return { ...array, shape: [...shape] }
  return lazyArray(
    shape,
    array.dtype,
    () => regionOf(array),
    () => array.data,
  )
}

/** Where the values of an array lie; undefined once they have been read, and for arrays that never were in a file. */
export function regionOf(array: NdArray): FileRegion | undefined {
  return regions.get(array)?.()
}

function lazyArray<D extends DType>(
  shape: readonly number[],
  dtype: D,
  region: () => FileRegion | undefined,
  read: () => TypedArrays[D],
): NdArray<D> {
  const array = { shape: [...shape], dtype } as NdArray<D>
  const define = (descriptor: PropertyDescriptor) =>
    Object.defineProperty(array, "data", { enumerable: true, configurable: true, ...descriptor })
  const keep = (data: TypedArrays[D]) => {
    // Whoever has the values may change them.
    regions.delete(array)
    define({ value: data, writable: true })
    return data
  }
  define({ get: () => keep(read()), set: keep })
  regions.set(array, region)
  return array
}
