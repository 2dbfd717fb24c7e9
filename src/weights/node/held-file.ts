/** Files that stay open for values that are read when they are wanted. */

import { closeSync, fstatSync, openSync, readSync, realpathSync, type Stats, statSync } from "node:fs"
import { basename, dirname } from "node:path"
import { bytesOf, bytesPerElement, type DType, type NdArray, sizeOf } from "../../tensor/ndarray.ts"
import { storedArray } from "../../tensor/stored.ts"
import { endsEarly } from "../byte-source.ts"
import { allocate } from "../checkpoint.ts"
import { unreadable } from "../unreadable.ts"

/** A file by its descriptor: what is renamed over its path or removes it does not touch it. */
interface HeldFile {
  /** As it was given, for errors. */
  path: string
  /** Without symbolic links. */
  realPath: string
  descriptor: number
  /** What the file was when it was opened. */
  stat: Stats
  /** Arrays that nobody has read. */
  unread: number
}

/** The most that one read asks for; Node refuses 2 GiB and more. */
export const MOST_READ = 2 ** 30

/** Tensors from this size on are worth it. */
const STORED_FROM = 1 << 20

/**
 * Whether a tensor is a matrix: ONNX Runtime makes a copy of those in an order of its own, and lets go of the file. What it
 * keeps as it is, it would read from a file that anybody may cut short.
 */
const isMatrix = ([, , ...rest]: readonly number[]) => rest.every((side) => side === 1)

/** Closes the file of arrays that were thrown away unread. */
const closing = new FinalizationRegistry<HeldFile>((held) => forget(held))

/**
 * What makes arrays of a file that stay there until they are wanted. The file is opened with the first of them, and closed
 * when all have been read or are gone. An array that has to be read at once is undefined: one that is too small to be worth
 * it, is no matrix, whose elements lie askew, or that the file ends before.
 * @param stat of the file that the caller reads from
 */
export function storeIn(
  path: string,
  stat: Stats,
): (start: number, shape: readonly number[], dtype: DType) => NdArray | undefined {
  let held: HeldFile | undefined
  return (start, shape, dtype) => {
    const elementSize = bytesPerElement(dtype)
    const size = sizeOf(shape) * elementSize
    if (dtype !== "float32" || size < STORED_FROM || !isMatrix(shape)) return undefined
    if (start % elementSize !== 0 || start + size > stat.size) return undefined
    held ??= holdFile(path, stat)
    return held && makeArray(held, start, shape)
  }
}

/** Holds the file of a path open; undefined if that fails, or it is not the one that `stat` is of. */
function holdFile(path: string, stat: Stats): HeldFile | undefined {
  try {
    const realPath = realpathSync(path)
    const descriptor = openSync(realPath, "r")
    const held = { path, realPath, descriptor, stat, unread: 0 }
    if (isSame(fstatSync(descriptor), stat)) return held
    closeSync(descriptor)
    return undefined
  } catch {
    // There is another way to read it, which also has something to say if that fails.
    return undefined
  }
}

function makeArray(held: HeldFile, start: number, shape: readonly number[]): NdArray {
  const region = {
    folder: dirname(held.realPath),
    file: basename(held.realPath),
    start,
    isCurrent: () => {
      const now = statSync(held.realPath, { throwIfNoEntry: false })
      // A time of modification can be set back; the other one moves also where a link is added, which does no harm here.
      return now !== undefined && isSame(now, held.stat) && now.ctimeMs === held.stat.ctimeMs
    },
  }
  const read = () => {
    const array = allocate("", shape, "float32", held.path)
    readFrom(held, start, bytesOf(array))
    return array.data as Float32Array
  }
  // The key is not the array: that would keep it alive.
  const key = {}
  const onRead = () => {
    if (closing.unregister(key)) forget(held)
  }
  const array = storedArray(shape, "float32", region, { read, onRead })
  held.unread++
  closing.register(array, held, key)
  return array
}

/** One array less may read from the file. */
function forget(held: HeldFile): void {
  if (--held.unread === 0) closeSync(held.descriptor)
}

/** Same file, and nobody has written to it. */
function isSame(a: Stats, b: Stats): boolean {
  return a.dev === b.dev && a.ino === b.ino && a.size === b.size && a.mtimeMs === b.mtimeMs
}

function readFrom({ path, descriptor, stat }: HeldFile, start: number, target: Uint8Array): void {
  for (let done = 0; done < target.length; ) {
    const count = readSync(descriptor, target, done, Math.min(target.length - done, MOST_READ), start + done)
    if (count === 0) throw endsEarly(path, start + target.length)
    done += count
  }
  if (!isSame(fstatSync(descriptor), stat)) {
    throw unreadable(path, "it has been changed since it was opened: load it again")
  }
}
