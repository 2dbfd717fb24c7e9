/** What runs compiled models. Each platform brings its own backends; the rest of the library knows this interface only. */

import type { EncodedModel } from "../compile/onnx/encode.ts"
import type { NdArray } from "../tensor/ndarray.ts"

export interface SessionOptions {
  /** Threads for one run. Default: the cores there are. */
  threads?: number
}

/** One model, ready to run. */
export interface Session {
  /**
   * Runs the model. Outputs that are given are filled in place, the others are new.
   * Throws an Error if an input is missing or has the wrong shape or type.
   */
  run(
    feeds: Readonly<Record<string, NdArray>>,
    outputs?: Readonly<Record<string, NdArray>>,
  ): Promise<Record<string, NdArray>>
  dispose(): Promise<void>
}

export interface Backend {
  /** Name of the device, as `--device` takes it. */
  readonly device: string
  /** Channels in a block of the device's blocked convolutions; 0 where it has none. */
  readonly block: number
  createSession(model: EncodedModel, options?: SessionOptions): Promise<Session>
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
