/**
 * Randomness from counters: a draw depends only on its key, so it is the same whatever the order of calls or the
 * number of workers. A key is a seed and a path of numbers and names, such as `(seed, epoch, sample, "flip")`.
 *
 * The generator is Philox4x32-10: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", section 3.3.
 */

/** FNV-1a hash, 32 bit, of a text's UTF-16 units. */
function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** High 32 bits of the product of two unsigned 32-bit numbers. */
function multiplyHigh(a: number, b: number): number {
  const a0 = a & 0xffff
  const a1 = a >>> 16
  const b0 = b & 0xffff
  const b1 = b >>> 16
  const middle = a1 * b0 + ((a0 * b0) >>> 16)
  const low = (middle & 0xffff) + a0 * b1
  return (a1 * b1 + Math.floor(middle / 0x10000) + Math.floor(low / 0x10000)) >>> 0
}

/** Ten rounds of Philox4x32 on `counter` (4 words, overwritten by the result). */
export function philox(counter: Uint32Array, key0: number, key1: number): void {
  let [c0, c1, c2, c3] = counter as unknown as [number, number, number, number]
  let k0 = key0
  let k1 = key1
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd2511f53, c0)
    const low0 = Math.imul(0xd2511f53, c0) >>> 0
    const high1 = multiplyHigh(0xcd9e8d57, c2)
    const low1 = Math.imul(0xcd9e8d57, c2) >>> 0
    c0 = (high1 ^ c1 ^ k0) >>> 0
    c1 = low1
    c2 = (high0 ^ c3 ^ k1) >>> 0
    c3 = low0
    k0 = (k0 + 0x9e3779b9) >>> 0
    k1 = (k1 + 0xbb67ae85) >>> 0
  }
  counter[0] = c0
  counter[1] = c1
  counter[2] = c2
  counter[3] = c3
}

/** A stream of draws that belongs to one key. */
export class Random {
  readonly #key0: number
  readonly #key1: number
  readonly #block = new Uint32Array(4)
  #next = 4
  #count = 0

  /** @param path what the draws are for, for example `new Random(seed, epoch, sample, "flip")`. */
  constructor(seed: number, ...path: (number | string)[]) {
    const state = new Uint32Array([seed >>> 0, Math.floor(seed / 0x1_0000_0000) >>> 0, 0, 0])
    for (const part of path) {
      const [kind, low, high] =
        typeof part === "string"
          ? [1, hashText(part), part.length]
          : [2, part >>> 0, Math.floor(part / 0x1_0000_0000) >>> 0]
      state[2] = state[2]! ^ low
      state[3] = state[3]! ^ high
      philox(state, kind, 0x636f6e76)
    }
    this.#key0 = state[0]!
    this.#key1 = state[1]!
  }

  /** A whole number, uniform in [0, 2^32). */
  uint32(): number {
    if (this.#next === 4) {
      this.#block[0] = this.#count++
      this.#block[1] = 0
      this.#block[2] = 0
      this.#block[3] = 0
      philox(this.#block, this.#key0, this.#key1)
      this.#next = 0
    }
    return this.#block[this.#next++]!
  }

  /** A number, uniform in [low, high), with 53 random bits. */
  uniform(low = 0, high = 1): number {
    const unit = ((this.uint32() >>> 5) * 0x4000000 + (this.uint32() >>> 6)) / 0x20000000000000
    return low + (high - low) * unit
  }

  /** A whole number, uniform in [0, bound), without bias. Throws a RangeError unless 1 <= bound <= 2^32. */
  integer(bound: number): number {
    if (!(Number.isInteger(bound) && bound >= 1 && bound <= 0x1_0000_0000)) {
      throw new RangeError(`Random.integer: bound must be a whole number from 1 to 2^32, got ${bound}`)
    }
    const limit = 0x1_0000_0000 - (0x1_0000_0000 % bound)
    let draw = this.uint32()
    while (draw >= limit) draw = this.uint32()
    return draw % bound
  }

  /** A normal deviate (Box and Muller 1958). */
  normal(mean = 0, std = 1): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()))
    return mean + std * radius * Math.cos(2 * Math.PI * this.uniform())
  }

  /**
   * Fills an array with normal deviates, two from each pair of 32-bit draws: four times as fast as `normal`, and fine
   * enough for float32.
   */
  fillNormal(values: Float32Array, mean = 0, std = 1): void {
    const unit = 2 ** -32
    for (let i = 0; i < values.length; i += 2) {
      const radius = std * Math.sqrt(-2 * Math.log((this.uint32() + 1) * unit))
      const angle = 2 * Math.PI * unit * this.uint32()
      values[i] = mean + radius * Math.cos(angle)
      if (i + 1 < values.length) values[i + 1] = mean + radius * Math.sin(angle)
    }
  }

  /** A shuffled list of 0 .. length - 1 (Fisher and Yates). */
  permutation(length: number): Uint32Array {
    const order = Uint32Array.from({ length }, (_, i) => i)
    for (let i = length - 1; i > 0; i--) {
      const j = this.integer(i + 1)
      const swapped = order[i]!
      order[i] = order[j]!
      order[j] = swapped
    }
    return order
  }
}
