/** A graph that is ready to run on a device. */

import { lower, type PassOptions, type Target } from "../compile/compile.ts"
import { preparePacked } from "../compile/lower/packed-weights.ts"
import { type EncodedModel, type EncodeOptions, encodeOnnx } from "../compile/onnx/encode.ts"
import { matchShape } from "../tensor/dim.ts"
import { type Graph, graphInputs } from "../tensor/graph.ts"
import type { NdArray } from "../tensor/ndarray.ts"
import type { Tensor } from "../tensor/tensor.ts"
import type { Backend, ResidentResult, Session, SessionOptions, Value } from "./backend.ts"

export interface ProgramOptions extends Pick<Target, "maxima">, PassOptions, Pick<EncodeOptions, "anonymousDims"> {
  name: string
  backend: Backend
  threads?: number
  /** Values that become part of the model: faster to read, but fixed. The other inputs are fed at each run. */
  constants?: Readonly<Record<string, NdArray>>
  /** Let the runtime rewrite the graph: see {@link SessionOptions.rewrite}. Default true. */
  rewrite?: boolean
  /** Outputs that stay on the device: see {@link Program.runResident}. Default: none. */
  resident?: readonly string[]
}

/** Constants from this size on are handed over as they are, not copied into the model. */
const EXTERNAL_FROM = 1024

export class Program {
  /** What is fed at each run. */
  readonly inputs: ReadonlyMap<string, Tensor>
  readonly #session: Session
  /** Constants in another order, which are fed too. */
  readonly #packed: Readonly<Record<string, NdArray>>

  private constructor(
    session: Session,
    inputs: ReadonlyMap<string, Tensor>,
    packed: Readonly<Record<string, NdArray>>,
  ) {
    this.#session = session
    this.inputs = inputs
    this.#packed = packed
  }

  /** Compiles a graph for a backend. */
  static async create(graph: Graph, options: ProgramOptions): Promise<Program> {
    const { name, backend, threads, constants = {}, maxima, anonymousDims, optimize, rewrite, resident } = options
    const { device, block } = backend
    const lowered = lower(graph, {
      device,
      block,
      maxima,
      // Unless the runtime rewrites the graph, it computes at each run what depends on constants alone.
      constants: rewrite === false ? undefined : new Set(Object.keys(constants)),
      optimize,
    })
    const { graph: prepared, packed } = preparePacked(lowered, constants)
    const encode = (linkFiles: boolean) =>
      encodeOnnx(prepared, { name, initializers: constants, externalFrom: EXTERNAL_FROM, linkFiles, anonymousDims })
    const session = await createSession(backend, encode, { threads, rewrite, resident })
    const inputs = new Map([...graphInputs(graph)].filter(([input]) => constants[input] === undefined))
    return new Program(session, inputs, packed)
  }

  /**
   * Runs the graph. Outputs that are given are filled in place, the others are new.
   * Throws a RangeError that names the input if one is missing or does not fit.
   */
  async run(
    feeds: Readonly<Record<string, Value>>,
    outputs?: Readonly<Record<string, NdArray>>,
  ): Promise<Record<string, NdArray>> {
    return this.#session.run({ ...this.#check(feeds), ...this.#packed }, outputs)
  }

  /**
   * Runs the graph; the outputs that the program was made to keep on the device stay there, and the caller disposes of
   * them. Throws as `run` does.
   */
  async runResident(feeds: Readonly<Record<string, Value>>): Promise<ResidentResult> {
    return this.#session.runResident({ ...this.#check(feeds), ...this.#packed })
  }

  /** The feeds that the graph reads. */
  #check(feeds: Readonly<Record<string, Value>>): Record<string, Value> {
    const symbols: Record<string, number> = {}
    const used: Record<string, Value> = {}
    for (const [name, x] of this.inputs) {
      const value = feeds[name]
      if (!value) throw new RangeError(`input ${name} ${x} has no value`)
      if (value.dtype !== x.dtype) throw new RangeError(`input ${name} must be ${x.dtype}, got ${value.dtype}`)
      try {
        matchShape(x.shape, value.shape, symbols)
      } catch (error) {
        throw new RangeError(`input ${name}: ${(error as Error).message}`)
      }
      used[name] = value
    }
    return used
  }

  dispose(): Promise<void> {
    return this.#session.dispose()
  }
}

/**
 * A session that reads weights from the files that they lie in, where it can. If one of these is changed or goes away
 * meanwhile, nobody knows what was read: it is made anew from what the open file holds.
 */
async function createSession(
  backend: Backend,
  encode: (linkFiles: boolean) => EncodedModel,
  options: SessionOptions,
): Promise<Session> {
  const model = encode(backend.readsFiles)
  if (model.folder === undefined) return backend.createSession(model, options)
  const session = await backend.createSession(model, options).catch((error: unknown) => {
    if (model.isCurrent()) throw error
  })
  if (session && model.isCurrent()) return session
  await session?.dispose()
  return backend.createSession(encode(false), options)
}
