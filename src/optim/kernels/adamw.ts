/** The update of AdamW in WebAssembly, over arrays that lie anywhere. */

import bytes from "./adamw.wasm.ts"

/** What is the same for all elements of a parameter. */
export interface AdamWCoefficients {
  /** Factor on the gradient. */
  clipScale: number
  beta1: number
  beta2: number
  /** Learning rate times weight decay. */
  decay: number
  /** Learning rate over the first moment's bias correction. */
  stepSize: number
  /** One over the root of the second moment's bias correction. */
  rootScale: number
  eps: number
  emaDecay: number
}

interface Kernel {
  memory: WebAssembly.Memory
  update(...numbers: number[]): void
}

/** Elements that are moved into the kernel's memory at a time: all five arrays fit in the cache of a core. */
const CHUNK = 16_384

let loaded: { update: Kernel["update"]; places: Float32Array[] } | undefined

function load(): NonNullable<typeof loaded> {
  if (loaded) return loaded
  const module = new WebAssembly.Module(Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0)))
  const { memory, update } = new WebAssembly.Instance(module).exports as unknown as Kernel
  const places = Array.from({ length: 5 }, (_, i) => new Float32Array(memory.buffer, 4 * CHUNK * i, CHUNK))
  loaded = { update, places }
  return loaded
}

/**
 * Updates a parameter, both moments, and the average where there is one, in one pass over memory.
 * All arrays have the same length.
 */
export function updateAdamW(
  parameter: Float32Array,
  gradient: Float32Array,
  moments: readonly [first: Float32Array, second: Float32Array],
  average: Float32Array | undefined,
  coefficients: AdamWCoefficients,
): void {
  const { update, places } = load()
  const { clipScale, beta1, beta2, decay, stepSize, rootScale, eps, emaDecay } = coefficients
  // In the order of the kernel's arguments; the gradient is only read.
  const arrays = [parameter, gradient, ...moments, ...(average ? [average] : [])]
  const starts = places.map(({ byteOffset }, i) => (i < arrays.length ? byteOffset : 0))
  const scalars = [clipScale, 1 - beta1, 1 - beta2, decay, stepSize, rootScale, eps, emaDecay]
  for (let start = 0; start < parameter.length; start += CHUNK) {
    const end = Math.min(start + CHUNK, parameter.length)
    for (const [i, array] of arrays.entries()) places[i]!.set(array.subarray(start, end))
    // The last elements beyond the end are of an earlier chunk, and go nowhere.
    update(4 * Math.ceil((end - start) / 4), ...starts, ...scalars)
    for (const [i, array] of arrays.entries()) {
      if (array !== gradient) array.set(places[i]!.subarray(0, end - start), start)
    }
  }
}
