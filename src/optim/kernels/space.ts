/**
 * Memory of the WebAssembly kernels. They see nothing else, so that arrays of another place are copied in and out in
 * chunks; what is made here stays where it is, and an update of it is one pass over memory.
 */

/** Elements of an array of another place that are copied in at a time: five of these fit in the cache of a core. */
export const CHUNK = 16_384
/** Arrays of other places that a kernel takes at once. */
export const CHUNKS = 5

const PAGE_BYTES = 65_536
const CHUNK_BYTES = 4 * CHUNK
const SCRATCH_BYTES = CHUNKS * CHUNK_BYTES
/** Of one memory. A kernel's addresses have 32 bits. */
const MOST_BYTES = 2 ** 30
/** Kernels take four elements at a time: the last ones of an array have room behind them. */
const BYTES_OF_FOUR = 16

const memories = new WeakMap<ArrayBufferLike, WebAssembly.Memory>()
const chunks = new WeakMap<WebAssembly.Memory, readonly Float32Array[]>()
let scratch: WebAssembly.Memory | undefined

/** A memory that begins with room for chunks. Throws a RangeError if there is no room for it. */
function createMemory(bytes: number): WebAssembly.Memory {
  const pages = Math.ceil((SCRATCH_BYTES + bytes) / PAGE_BYTES)
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
  memories.set(memory.buffer, memory)
  return memory
}

/** The memory that an array lies in, undefined for one of another place. */
export const memoryOf = (array: Float32Array): WebAssembly.Memory | undefined => memories.get(array.buffer)

/** A memory that has nothing but room for chunks. */
export function scratchMemory(): WebAssembly.Memory {
  scratch ??= createMemory(0)
  return scratch
}

/** The room for chunks of a memory. */
export function chunksOf(memory: WebAssembly.Memory): readonly Float32Array[] {
  const known = chunks.get(memory)
  if (known) return known
  const made = Array.from({ length: CHUNKS }, (_, i) => new Float32Array(memory.buffer, CHUNK_BYTES * i, CHUNK))
  chunks.set(memory, made)
  return made
}

interface Place {
  memory: WebAssembly.Memory | undefined
  /** Byte of the next array. */
  next: number
  end: number
}

/** Room for several arrays of each of some parameters; those of one parameter lie in one memory. */
export class ParameterSpace {
  readonly #sizes: readonly number[]
  readonly #places: Place[]

  /**
   * @param sizes elements of each parameter
   * @param arrays that each parameter has at most
   */
  constructor(sizes: readonly number[], arrays: number) {
    this.#sizes = sizes
    this.#places = sizes.map(() => ({ memory: undefined, next: 0, end: 0 }))
    let taken: Place[] = []
    let bytes = 0
    const close = () => {
      const memory = bytes > 0 ? tryMemory(bytes) : undefined
      for (const place of taken) place.memory = memory
      taken = []
      bytes = 0
    }
    for (const [i, size] of sizes.entries()) {
      const needed = arrays * bytesOf(size)
      if (bytes + needed > MOST_BYTES) close()
      if (needed > MOST_BYTES) continue
      const place = this.#places[i]!
      place.next = SCRATCH_BYTES + bytes
      place.end = place.next + needed
      taken.push(place)
      bytes += needed
    }
    close()
  }

  /**
   * A new array of zeros for the i-th parameter: outside of the kernels' memory where that has no room. All arrays of a
   * memory share its buffer: one that is sent to a worker or cloned takes all of it along, unless it is copied first.
   */
  allocate(i: number): Float32Array {
    const [place, size] = [this.#places[i]!, this.#sizes[i]!]
    if (!place.memory || place.next >= place.end) return new Float32Array(size)
    const array = new Float32Array(place.memory.buffer, place.next, size)
    place.next += bytesOf(size)
    return array
  }
}

/** Of an array, with the room behind it. */
const bytesOf = (size: number) => Math.ceil((4 * size) / BYTES_OF_FOUR) * BYTES_OF_FOUR

function tryMemory(bytes: number): WebAssembly.Memory | undefined {
  try {
    return createMemory(bytes)
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}
