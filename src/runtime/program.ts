/** A graph that is ready to run on a device. */

import { compile, type PassOptions, type Target } from "../compile/compile.ts"
import type { EncodeOptions } from "../compile/onnx/encode.ts"
import { matchShape } from "../tensor/dim.ts"
import { type Graph, graphInputs } from "../tensor/graph.ts"
import type { NdArray } from "../tensor/ndarray.ts"
import type { Tensor } from "../tensor/tensor.ts"
import type { Backend, ResidentResult, Session, Value } from "./backend.ts"

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
  readonly inputs: ReadonlyMap<string, Tensor>
  readonly #session: Session

  private constructor(session: Session, inputs: ReadonlyMap<string, Tensor>) {
    this.#session = session
    this.inputs = inputs
  }

  /** Compiles a graph for a backend. */
  static async create(graph: Graph, options: ProgramOptions): Promise<Program> {
    const { name, backend, threads, constants = {}, maxima, anonymousDims, optimize, rewrite, resident } = options
    const model = compile(graph, {
      name,
      initializers: constants,
      externalFrom: EXTERNAL_FROM,
      linkFiles: backend.readsFiles,
      device: backend.device,
      block: backend.block,
      maxima,
      // Unless the runtime rewrites the graph, it computes at each run what depends on constants alone.
      constants: rewrite === false ? undefined : new Set(Object.keys(constants)),
      anonymousDims,
      optimize,
    })
    const inputs = new Map([...graphInputs(graph)].filter(([input]) => constants[input] === undefined))
    return new Program(await backend.createSession(model, { threads, rewrite, resident }), inputs)
  }

  /**
   * Runs the graph. Outputs that are given are filled in place, the others are new.
   * Throws a RangeError that names the input if one is missing or does not fit.
   */
  async run(
    feeds: Readonly<Record<string, Value>>,
    outputs?: Readonly<Record<string, NdArray>>,
  ): Promise<Record<string, NdArray>> {
    return this.#session.run(this.#check(feeds), outputs)
  }

  /**
   * Runs the graph; the outputs that the program was made to keep on the device stay there, and the caller disposes of
   * them. Throws as `run` does.
   */
  async runResident(feeds: Readonly<Record<string, Value>>): Promise<ResidentResult> {
    return this.#session.runResident(this.#check(feeds))
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
