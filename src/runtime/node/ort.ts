/** ONNX Runtime in Node. */

import { availableParallelism } from "node:os"
import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node"
import { type EncodedModel, encodeOnnx, NCHWC_DOMAIN } from "../../compile/onnx/encode.ts"
import { UsageError } from "../../tensor/errors.ts"
import { type NdArray, ndarray, sizeOf } from "../../tensor/ndarray.ts"
import { defineOp, input } from "../../tensor/tensor.ts"
import type { Backend, Session, SessionOptions } from "../backend.ts"

type Ort = typeof import("onnxruntime-node")

/** Makes the backend of a device. Throws a UsageError if this build has no such device. */
export async function createNodeBackend(device: string): Promise<Backend> {
  if (device !== "cpu" && device !== "auto") {
    throw new UsageError(`device ${device} is not supported yet: use --device cpu or auto`)
  }
  // ONNX Runtime would keep a device id and a queue of events in the home folder. Whoever wants that sets it to 0.
  process.env.ORT_DISABLE_TELEMETRY ??= "1"
  const ort = (await import("onnxruntime-node")).default as Ort
  const createSession = (model: EncodedModel, options?: SessionOptions) => createOrtSession(ort, model, options)
  return { device: "cpu", block: await probeBlock(createSession), createSession }
}

async function createOrtSession(
  ort: Ort,
  { model, external }: EncodedModel,
  options: SessionOptions = {},
): Promise<Session> {
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ["cpu"],
    intraOpNumThreads: options.threads ?? availableParallelism(),
    interOpNumThreads: 1,
    graphOptimizationLevel: "all",
    logSeverityLevel: 3,
    externalData: Object.entries(external).map(([path, data]) => ({ path, data })),
    extra: {
      // Threads that spin while they wait slow a step several times when another process wants the cores.
      session: { intra_op: { allow_spinning: "0" } },
      // Gemm with a transposed first operand is slower than a transposed copy and a plain Gemm.
      optimization: { disable_specified_optimizers: "MatmulTransposeFusion" },
    },
  })
  return new OrtSession(ort, session)
}

class OrtSession implements Session {
  readonly #ort: Ort
  readonly #session: InferenceSession

  constructor(ort: Ort, session: InferenceSession) {
    this.#ort = ort
    this.#session = session
  }

  async run(feeds: Readonly<Record<string, NdArray>>, outputs: Readonly<Record<string, NdArray>> = {}) {
    const fetches: Record<string, OrtTensor | null> = {}
    for (const name of this.#session.outputNames) fetches[name] = outputs[name] ? this.#wrap(outputs[name]) : null
    const results = await this.#session.run(this.#wrapAll(feeds), fetches)
    const values: Record<string, NdArray> = {}
    for (const name of this.#session.outputNames) values[name] = outputs[name] ?? unwrap(results[name]!)
    return values
  }

  async dispose(): Promise<void> {
    await this.#session.release()
  }

  #wrapAll(arrays: Readonly<Record<string, NdArray>>): Record<string, OrtTensor> {
    return Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, this.#wrap(array)]))
  }

  /** An ORT tensor over the same memory. */
  #wrap({ dtype, data, shape }: NdArray): OrtTensor {
    return new this.#ort.Tensor(dtype as "float32", data as Float32Array, shape)
  }
}

function unwrap(tensor: OrtTensor): NdArray {
  return { shape: [...tensor.dims], dtype: tensor.type as NdArray["dtype"], data: tensor.data as NdArray["data"] }
}

/**
 * Channels in a block of the blocked convolutions: 16 with AVX-512, 8 with AVX2, 0 where there are none. Found by
 * looking at the order in which a ramp over channels comes back.
 */
async function probeBlock(createSession: Backend["createSession"]): Promise<number> {
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
