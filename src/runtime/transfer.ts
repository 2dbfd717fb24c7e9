/**
 * Copies between host and device. ONNX Runtime's own `getData` ends the process where the engine is native, so a value
 * goes through a graph that only hands it on, with its output on the side where it is wanted.
 */

import { type EncodedModel, encodeOnnx } from "../compile/onnx/encode.ts"
import type { DType, NdArray } from "../tensor/ndarray.ts"
import { defineOp, input } from "../tensor/tensor.ts"
import type { DeviceTensor, Session, SessionOptions } from "./backend.ts"

const identityOp = defineOp<Record<never, never>>({
  name: "identity",
  shape: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  onnx: (builder, inputs) => builder.node("Identity", inputs),
  reference: ([x], _, [y]) => {
    for (let i = 0; i < y!.data.length; i++) y!.data[i] = x!.data[i]!
  },
})

export class Transfer {
  readonly #createSession: (model: EncodedModel, options: SessionOptions) => Promise<Session>
  /** By direction, element type and rank; made at first use. */
  readonly #sessions = new Map<string, Promise<Session>>()

  constructor(createSession: (model: EncodedModel, options: SessionOptions) => Promise<Session>) {
    this.#createSession = createSession
  }

  /** A copy of a value of the host, on the device. */
  async upload(value: NdArray): Promise<DeviceTensor> {
    const session = await this.#session("up", value.dtype, value.shape.length)
    return (await session.runResident({ x: value })).resident.y!
  }

  /** A copy of a value of the device, on the host. */
  async download(value: DeviceTensor): Promise<NdArray> {
    const session = await this.#session("down", value.dtype, value.shape.length)
    return (await session.run({ x: value })).y!
  }

  #session(direction: "up" | "down", dtype: DType, rank: number): Promise<Session> {
    const key = `${direction} ${dtype} ${rank}`
    let session = this.#sessions.get(key)
    if (!session) {
      const shape = Array.from({ length: rank }, (_, axis) => `D${axis}`)
      const model = encodeOnnx({ y: identityOp([input("x", shape, dtype)], {}) }, { name: `copy ${direction}` })
      session = this.#createSession(model, { threads: 1, resident: direction === "up" ? ["y"] : [] })
      this.#sessions.set(key, session)
    }
    return session
  }
}
