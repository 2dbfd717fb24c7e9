/** The update of AdamW in WebAssembly, over arrays that lie anywhere: see `space.ts` for where they do best. */

import bytes from "./adamw.wasm.ts"
import { kernelOf } from "./instances.ts"
import { CHUNK, chunksOf, memoryOf, scratchMemory } from "./space.ts"

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

const kernel = kernelOf<{ update(...numbers: number[]): void }>(bytes)

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
  const { clipScale, beta1, beta2, decay, stepSize, rootScale, eps, emaDecay } = coefficients
  const scalars = [clipScale, 1 - beta1, 1 - beta2, decay, stepSize, rootScale, eps, emaDecay]
  // In the order of the kernel's arguments; the gradient is only read.
  const arrays = [parameter, gradient, ...moments, ...(average ? [average] : [])]
  const memory = memoryOf(gradient) ?? scratchMemory()
  const { update } = kernel(memory)
  const chunks = chunksOf(memory)
  const isInside = arrays.map(({ buffer }) => buffer === memory.buffer)
  for (let start = 0; start < parameter.length; start += CHUNK) {
    const end = Math.min(start + CHUNK, parameter.length)
    const addresses = arrays.map((array, i) => {
      if (isInside[i]) return array.byteOffset + 4 * start
      chunks[i]!.set(array.subarray(start, end))
      return chunks[i]!.byteOffset
    })
    // Elements beyond the end lie in the room behind an array, or are of an earlier chunk: nobody reads them.
    update(4 * Math.ceil((end - start) / 4), ...addresses, ...(average ? [] : [0]), ...scalars)
    for (const [i, array] of arrays.entries()) {
      if (!isInside[i] && array !== gradient) array.set(chunks[i]!.subarray(0, end - start), start)
    }
  }
}
