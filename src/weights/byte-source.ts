/** Random access to bytes, so that a reader takes only what it has checked. */
import type { DType, NdArray } from "../tensor/ndarray.ts"
import { unreadable } from "./unreadable.ts"

/** The bytes of a file or of memory. */
export interface ByteSource {
  /** What it is called in errors. */
  readonly name: string
  /** Bytes there are. */
  readonly size: number
  /** Fills `target` with the bytes from `start` on. Throws an InputError if the source ends before. */
  read(start: number, target: Uint8Array): Promise<void>
  /**
   * An array whose bytes lie from `start` on and stay there until they are wanted, also after `close`; undefined where
   * they have to be read now. Its `data` throws an InputError if somebody wrote to the source meanwhile.
   */
  stored?(start: number, shape: readonly number[], dtype: DType): NdArray | undefined
  close(): Promise<void>
}

/** Opens a file that lies beside the one that is read. Throws an InputError if there is none. */
export type OpenSibling = (name: string) => Promise<ByteSource>

/** Bytes in memory as a source. */
export function wrapBytes(bytes: Uint8Array, name = "the given bytes"): ByteSource {
  return {
    name,
    size: bytes.length,
    async read(start, target) {
      if (start + target.length > bytes.length) throw endsEarly(name, start + target.length)
      target.set(bytes.subarray(start, start + target.length))
    },
    async close() {},
  }
}

/** A copy of `size` bytes from `start` on. Throws an InputError, before memory is taken, if the source ends before. */
export async function readBytes(source: ByteSource, start: number, size: number): Promise<Uint8Array> {
  if (start + size > source.size) throw endsEarly(source.name, start + size)
  const bytes = new Uint8Array(size)
  await source.read(start, bytes)
  return bytes
}

/** The error for a source that ends before a byte that something in it counts on. */
export function endsEarly(name: string, end: number): Error {
  return unreadable(name, `the file is cut short: it ends before byte ${end}`)
}

/**
 * Whether a path that a file names stays in the folder of that file: relative, and no step up. Symbolic links are
 * followed, as the caches of model hubs are made of them.
 */
export function staysInFolder(path: string): boolean {
  if (path === "" || /^[\\/]|^[A-Za-z]:|\0/.test(path)) return false
  return !path.split(/[\\/]/).includes("..")
}
