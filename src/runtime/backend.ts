/** What runs compiled models. Each platform brings its own backends; the rest of the library knows this interface only. */

import type { EncodedModel } from "../compile/onnx/encode.ts"
import type { DType, NdArray } from "../tensor/ndarray.ts"

/** A value in the memory of a device. The garbage collector does not free it: call `dispose`. */
export interface DeviceTensor {
  readonly shape: readonly number[]
  readonly dtype: DType
  /** A copy in host memory. */
  read(): Promise<NdArray>
  dispose(): void
}

/** What a session is fed: a value in host memory, which goes to the device at each run, or one that is there already. */
export type Value = NdArray | DeviceTensor

export interface SessionOptions {
  /** Threads for one run. Default: the cores there are. */
  threads?: number
  /**
   * Let the runtime rewrite the graph as it likes. Default true. Without, the same operators on the same values give the
   * same bits whatever else is in the graph.
   */
  rewrite?: boolean
  /** Outputs that stay on the device: see {@link Session.runResident}. Default: none. */
  resident?: readonly string[]
}

/** What a run with resident outputs gives. */
export interface ResidentResult {
  host: Record<string, NdArray>
  /** To be disposed of by the caller. */
  resident: Record<string, DeviceTensor>
}

/** One model, ready to run. */
export interface Session {
  /**
   * Runs the model. Outputs that are given are filled in place, the others are new.
   * Throws an Error if an input is missing or has the wrong shape or type.
   */
  run(
    feeds: Readonly<Record<string, Value>>,
    outputs?: Readonly<Record<string, NdArray>>,
  ): Promise<Record<string, NdArray>>
  /** Runs the model; the outputs that the session was made to keep on the device stay there. Throws as `run` does. */
  runResident(feeds: Readonly<Record<string, Value>>): Promise<ResidentResult>
  dispose(): Promise<void>
}

export interface Backend {
  /** Name of the device, as `--device` takes it. */
  readonly device: string
  /** Why it is this one and how it runs, in a few words for people: "no GPU was found". */
  readonly reason: string
  /** Channels in a block of the device's blocked convolutions; 0 where it has none. */
  readonly block: number
  /** True if the device has a memory of its own, so that what is used again is better kept there. */
  readonly ownMemory: boolean
  /** True if sessions read initializers from the files that a model names: see `EncodeOptions.linkFiles`. */
  readonly readsFiles: boolean
  createSession(model: EncodedModel, options?: SessionOptions): Promise<Session>
  /** Copies a value to the device. */
  upload(value: NdArray): Promise<DeviceTensor>
}

/** True for a value in the memory of a device. */
export function isDeviceTensor(value: Value): value is DeviceTensor {
  return "dispose" in value
}

type BackendFactory = (device: string) => Promise<Backend>

let factory: BackendFactory | undefined
const backends = new Map<string, Promise<Backend>>()

/** Says how backends are made on this platform. The entry points of the package call it. */
export function registerBackends(create: BackendFactory): void {
  factory = create
  backends.clear()
}

/** The backend of a device, made at first use. Throws a UsageError if the device is not there. */
export function backendFor(device: string): Promise<Backend> {
  if (!factory) throw new Error("no backend is registered: import the package through one of its entry points")
  let backend = backends.get(device)
  if (!backend) {
    backend = factory(device)
    backends.set(device, backend)
  }
  return backend
}
