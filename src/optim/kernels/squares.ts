/** The sum of squares in WebAssembly, over an array in the kernels' memory: see `space.ts`. */

import { kernelOf } from "./instances.ts"
import { memoryOf } from "./space.ts"
import bytes from "./squares.wasm.ts"

const kernel = kernelOf<{ sumOfSquares(values: number, count: number): number }>(bytes)

/**
 * Sum of squares in float64, or undefined for an array of another place.
 * @param values a multiple of four of them
 */
export function sumOfSquaresInside(values: Float32Array): number | undefined {
  if (values.length === 0) return 0
  const memory = memoryOf(values)
  return memory && kernel(memory).sumOfSquares(values.byteOffset, values.length)
}
