/** Small graphs that show what a device can do. */

import { encodeOnnx, NCHWC_DOMAIN } from "../compile/onnx/encode.ts"
import { ndarray, sizeOf } from "../tensor/ndarray.ts"
import { add } from "../tensor/ops/index.ts"
import { defineOp, input } from "../tensor/tensor.ts"
import type { Backend } from "./backend.ts"

/** Computes a sum on the device. Throws what the engine throws, or an Error if the result is wrong. */
export async function probeSum({ device, createSession }: Backend): Promise<void> {
  const session = await createSession(encodeOnnx({ y: add(input("x", [2]), 1) }, { name: "probe" }), { threads: 1 })
  try {
    const { y } = await session.run({ x: ndarray([1, -3]) })
    if (y!.data[0] !== 2 || y!.data[1] !== -2) throw new Error(`${device} computes [1, -3] + 1 as [${y!.data}]`)
  } finally {
    await session.dispose()
  }
}

/**
 * Channels in a block of the blocked convolutions: 16 with AVX-512, 8 with AVX2, 0 where there are none. Found by
 * looking at the order in which a ramp over channels comes back.
 */
export async function probeBlock(createSession: Backend["createSession"]): Promise<number> {
  const channels = 32
  const reorder = defineOp<Record<never, never>>({
    name: "reorder",
    shape: ([x]) => ({ shape: [1, x!.dim(3), x!.dim(1), x!.dim(2)], dtype: x!.dtype }),
    onnx: (builder, inputs) => builder.node("ReorderInput", inputs, { channels_last: 1 }, NCHWC_DOMAIN),
    reference: () => undefined,
  })
  const shape = [1, 1, 2, channels]
  const ramp = ndarray(
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => i),
    shape,
  )
  try {
    const session = await createSession(encodeOnnx({ y: reorder([input("x", shape)], {}) }, { name: "probe" }), {
      threads: 1,
    })
    const { y } = await session.run({ x: ramp })
    await session.dispose()
    // The second pixel's first channel follows the first block of the first pixel.
    return Array.from(y!.data as Float32Array).indexOf(channels)
  } catch {
    return 0
  }
}
