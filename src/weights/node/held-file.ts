/** Files that stay open for values that are read when they are wanted. */

import { closeSync, fstatSync, openSync, readSync, realpathSync, type Stats, statSync } from "node:fs"
import { basename, dirname } from "node:path"
import { bytesOf, bytesPerElement, type DType, type NdArray, sizeOf, zeros } from "../../tensor/ndarray.ts"
import { storedArray } from "../../tensor/stored.ts"
import { endsEarly } from "../byte-source.ts"
import { unreadable } from "../unreadable.ts"

/** A file by its descriptor: what is renamed over its path or removes it does not touch it. */
export interface HeldFile {
  /** As it was given, for errors. */
  path: string
  /** Without symbolic links. */
  realPath: string
  descriptor: number
  /** What the file was when it was opened. */
  stat: Stats
}

/** Tensors from this size on are worth it. */
const STORED_FROM = 1 << 20

/** Closes a file that nobody can read from any more. */
const closing = new FinalizationRegistry<number>((descriptor) => closeSync(descriptor))

/** Holds the file of a path open; undefined if it is not the one that `stat` is of. */
export function holdFile(path: string, stat: Stats): HeldFile | undefined {
  const realPath = realpathSync(path)
  const descriptor = openSync(realPath, "r")
  if (!isSame(fstatSync(descriptor), stat)) {
    closeSync(descriptor)
    return undefined
  }
  const held = { path, realPath, descriptor, stat }
  closing.register(held, descriptor)
  return held
}

/** Same file, and nobody has written to it. */
function isSame(a: Stats, b: Stats): boolean {
  return a.dev === b.dev && a.ino === b.ino && a.size === b.size && a.mtimeMs === b.mtimeMs
}

/**
 * An array of a file; undefined if it is too small to be worth it, its elements lie askew, or the file ends before: whoever
 * reads it at once says so.
 */
export function storedIn(held: HeldFile, start: number, shape: readonly number[], dtype: DType): NdArray | undefined {
  const elementSize = bytesPerElement(dtype)
  const size = sizeOf(shape) * elementSize
  if (dtype !== "float32" || size < STORED_FROM) return undefined
  if (start % elementSize !== 0 || start + size > held.stat.size) return undefined
  const region = {
    folder: dirname(held.realPath),
    file: basename(held.realPath),
    start,
    isCurrent: () => {
      const now = statSync(held.realPath, { throwIfNoEntry: false })
      return now !== undefined && isSame(now, held.stat)
    },
  }
  return storedArray(shape, dtype, region, () => {
    const array = zeros(shape, dtype)
    readFrom(held, start, bytesOf(array))
    return array.data
  })
}

function readFrom({ path, descriptor, stat }: HeldFile, start: number, target: Uint8Array): void {
  for (let done = 0; done < target.length; ) {
    const count = readSync(descriptor, target, done, target.length - done, start + done)
    if (count === 0) throw endsEarly(path, start + target.length)
    done += count
  }
  if (!isSame(fstatSync(descriptor), stat)) {
    throw unreadable(path, "somebody has written to it since it was opened; load it again")
  }
}
