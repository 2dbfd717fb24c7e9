/** Running graphs of one's own on a device. */

import { backendFor } from "../runtime/backend.ts"
import { Program } from "../runtime/program.ts"
import type { NdArray } from "../tensor/ndarray.ts"
import type { Tensor } from "../tensor/tensor.ts"

export interface CompileOptions {
  /** A device's name, as `createModel` takes it. Default "auto". */
  device?: string
  /** Threads of one run. Default: the cores there are. */
  threads?: number
  /** Values of inputs that never change: faster to read than what is fed at each run. */
  constants?: Readonly<Record<string, NdArray>>
}

/** A graph that is ready to run. */
export interface CompiledGraph<Name extends string> {
  /**
   * Computes the outputs from the values of the inputs that are no constants; a parameter is an input by its name.
   * Throws a RangeError that names the input if one is missing or does not fit.
   */
  run(feeds: Readonly<Record<string, NdArray>>): Promise<Record<Name, NdArray>>
  /** Frees what the device holds. */
  dispose(): Promise<void>
}

/**
 * Compiles a graph for a device: what `evaluate` computes, as fast as the device can. The devices come with the entry
 * points `convnext` (Node) and `convnext/web` (browsers), one of which has to be imported too.
 * @example
 * const x = input("x", ["N", 3])
 * const program = await compile({ y: relu(x) })
 * const { y } = await program.run({ x: ndarray(new Float32Array([-1, 0, 1]), [1, 3]) })
 * await program.dispose()
 *
 * Throws a UsageError if the device is not there.
 */
export async function compile<Name extends string>(
  graph: Readonly<Record<Name, Tensor>>,
  { device = "auto", threads, constants }: CompileOptions = {},
): Promise<CompiledGraph<Name>> {
  const backend = await backendFor(device)
  const program = await Program.create(graph, { name: "graph", backend, threads, constants })
  return {
    run: (feeds) => program.run(feeds) as Promise<Record<Name, NdArray>>,
    dispose: () => program.dispose(),
  }
}
