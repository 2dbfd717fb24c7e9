/** Sessions of ONNX Runtime, whose packages for Node and for the browser have the same interface. */

import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-common"
import type { EncodedModel } from "../compile/onnx/encode.ts"
import type { NdArray } from "../tensor/ndarray.ts"
import {
  type Backend,
  type DeviceTensor,
  isDeviceTensor,
  type ResidentResult,
  type Session,
  type SessionOptions,
  type Value,
} from "./backend.ts"
import { Transfer } from "./transfer.ts"

/** What both packages of ONNX Runtime export. */
export type Ort = Pick<typeof import("onnxruntime-common"), "InferenceSession" | "Tensor">

/** One device of ONNX Runtime. */
export interface OrtDevice extends Pick<Backend, "device" | "reason" | "block" | "readsFiles"> {
  ort: Ort
  /** The options of this device, without the outputs' location and the external data. */
  sessionOptions(options: SessionOptions): InferenceSession.SessionOptions
  /** Where outputs stay that are kept on the device: "cpu" if that has no memory of its own. */
  memory: "cpu" | "gpu-buffer"
  /** True if outputs that are given are filled in place; otherwise results are copied into them. */
  fillsOutputs: boolean
  /** Frees what earlier runs with given outputs left behind. Default: nothing is done. */
  collectGarbage?: () => void
  /** Runs a piece of work that uses the engine, after what it must not meet. Default: at once. */
  enqueue?: <T>(work: () => Promise<T>) => Promise<T>
}

/** The backend of a device of ONNX Runtime. */
export function createOrtBackend(device: OrtDevice): Backend {
  const createSession = async (
    { model, external, folder }: EncodedModel,
    options: SessionOptions = {},
  ): Promise<OrtSession> => {
    const { resident = [] } = options
    const sessionOptions: InferenceSession.SessionOptions = {
      ...inFolder(device.sessionOptions(options), folder),
      externalData: Object.entries(external).map(([path, data]) => ({ path, data })),
    }
    if (resident.length > 0 && device.memory !== "cpu") {
      // What is not named goes to the host.
      sessionOptions.preferredOutputLocation = Object.fromEntries(resident.map((name) => [name, device.memory]))
    }
    const create = () => device.ort.InferenceSession.create(model, sessionOptions)
    return new OrtSession(device, await enqueue(device, create), new Set(resident), transfer)
  }
  const transfer = new Transfer(createSession)
  return {
    device: device.device,
    reason: device.reason,
    block: device.block,
    readsFiles: device.readsFiles,
    ownMemory: device.memory !== "cpu",
    createSession,
    upload: (value) => transfer.upload(value),
  }
}

/** Session options under which the locations that a model names are looked for in a folder. */
function inFolder(
  options: InferenceSession.SessionOptions,
  folder: string | undefined,
): InferenceSession.SessionOptions {
  if (folder === undefined) return options
  const session = { ...(options.extra?.session as object), model_external_initializers_file_folder_path: folder }
  return { ...options, extra: { ...options.extra, session } }
}

function enqueue<T>(device: OrtDevice, work: () => Promise<T>): Promise<T> {
  return device.enqueue ? device.enqueue(work) : work()
}

class OrtSession implements Session {
  readonly #device: OrtDevice
  readonly #session: InferenceSession
  readonly #resident: ReadonlySet<string>
  readonly #transfer: Transfer

  constructor(device: OrtDevice, session: InferenceSession, resident: ReadonlySet<string>, transfer: Transfer) {
    this.#device = device
    this.#session = session
    this.#resident = resident
    this.#transfer = transfer
  }

  async run(feeds: Readonly<Record<string, Value>>, outputs: Readonly<Record<string, NdArray>> = {}) {
    if (isLarge(outputs)) this.#device.collectGarbage?.()
    const results = await this.#run(feeds, this.#device.fillsOutputs ? outputs : {})
    const values: Record<string, NdArray> = {}
    for (const name of this.#session.outputNames) values[name] = this.#deliver(results[name]!, outputs[name])
    return values
  }

  async runResident(feeds: Readonly<Record<string, Value>>): Promise<ResidentResult> {
    const results = await this.#run(feeds, {})
    const values: ResidentResult = { host: {}, resident: {} }
    for (const name of this.#session.outputNames) {
      const result = results[name]!
      if (this.#resident.has(name)) values.resident[name] = new OrtDeviceTensor(result, this.#transfer)
      else values.host[name] = unwrap(result)
    }
    return values
  }

  async dispose(): Promise<void> {
    await enqueue(this.#device, () => this.#session.release())
  }

  #run(
    feeds: Readonly<Record<string, Value>>,
    outputs: Readonly<Record<string, NdArray>>,
  ): Promise<InferenceSession.ReturnType> {
    const inputs: Record<string, OrtTensor> = {}
    for (const [name, value] of Object.entries(feeds)) inputs[name] = this.#wrap(value)
    const fetches: Record<string, OrtTensor | null> = {}
    for (const name of this.#session.outputNames) fetches[name] = outputs[name] ? this.#wrap(outputs[name]) : null
    return enqueue(this.#device, () => this.#session.run(inputs, fetches))
  }

  /** A result as an array of the host: the given one, if there is one. */
  #deliver(result: OrtTensor, output: NdArray | undefined): NdArray {
    const value = unwrap(result)
    if (!output) return value
    if (!this.#device.fillsOutputs) (output.data as Float32Array).set(value.data as Float32Array)
    return output
  }

  /** An ORT tensor over the same memory. */
  #wrap(value: Value): OrtTensor {
    if (value instanceof OrtDeviceTensor) return value.tensor
    if (isDeviceTensor(value)) throw new Error("this value lies on another device")
    const { dtype, data, shape } = value
    return new this.#device.ort.Tensor(dtype as "float32", data as Float32Array, shape)
  }
}

/** Outputs whose copies are worth a collection. */
const LARGE_BYTES = 16 << 20

function isLarge(outputs: Readonly<Record<string, NdArray>>): boolean {
  return Object.values(outputs).reduce((bytes, { data }) => bytes + data.byteLength, 0) >= LARGE_BYTES
}

/** A tensor of ORT as a {@link DeviceTensor}; on a device without a memory of its own it lies in that of the host. */
class OrtDeviceTensor implements DeviceTensor {
  readonly tensor: OrtTensor
  readonly #transfer: Transfer

  constructor(tensor: OrtTensor, transfer: Transfer) {
    this.tensor = tensor
    this.#transfer = transfer
  }

  get shape(): readonly number[] {
    return this.tensor.dims
  }

  get dtype(): NdArray["dtype"] {
    return this.tensor.type as NdArray["dtype"]
  }

  read(): Promise<NdArray> {
    return this.#transfer.download(this)
  }

  dispose(): void {
    this.tensor.dispose()
  }
}

function unwrap(tensor: OrtTensor): NdArray {
  return { shape: [...tensor.dims], dtype: tensor.type as NdArray["dtype"], data: tensor.data as NdArray["data"] }
}
