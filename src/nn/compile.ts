/** Running graphs of one's own on a device. */

import { backendFor } from "../runtime/backend.ts"
import { Program } from "../runtime/program.ts"
import { matchShape } from "../tensor/dim.ts"
import { checkCount, suggestion, UsageError } from "../tensor/errors.ts"
import { graphInputs } from "../tensor/graph.ts"
import type { NdArray } from "../tensor/ndarray.ts"
import { Tensor } from "../tensor/tensor.ts"

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
  /** The device that it runs on: what "auto" chose. */
  readonly device: string
  /** Why it is this one and how it runs, in a few words for people. */
  readonly reason: string
  /**
   * Computes the outputs from the values of the inputs that are no constants; a parameter is an input by its name.
   * Throws a RangeError that names the input if one is missing or does not fit.
   */
  run(feeds: Readonly<Record<string, NdArray>>): Promise<Record<Name, NdArray>>
  /** Frees what the device holds. A second call does nothing. */
  dispose(): Promise<void>
}

/**
 * Compiles a graph for a device: what `evaluate` computes, as fast as the device can. In Node `convnext/nn` brings the
 * devices; in a browser `convnext/web` does, and has to be imported too.
 * @example
 * const x = input("x", ["N", 3])
 * const program = await compile({ y: relu(x) })
 * const { y } = await program.run({ x: ndarray(new Float32Array([-1, 0, 1]), [1, 3]) })
 * await program.dispose()
 *
 * Throws a UsageError if the device is not there, the graph has no outputs, threads is no whole number of at least 1, or a
 * constant is no input of the graph or does not fit it.
 */
export async function compile<Name extends string>(
  graph: Readonly<Record<Name, Tensor>>,
  { device = "auto", threads, constants }: CompileOptions = {},
): Promise<CompiledGraph<Name>> {
  checkOutputs(graph)
  checkConstants(graph, constants ?? {})
  if (threads !== undefined) checkCount("threads", threads)
  const backend = await backendFor(device)
  const program = await Program.create(graph, { name: "graph", backend, threads, constants })
  let disposed: Promise<void> | undefined
  return {
    device: backend.device,
    reason: backend.reason,
    run: (feeds) => program.run(feeds) as Promise<Record<Name, NdArray>>,
    dispose: () => {
      disposed ??= program.dispose()
      return disposed
    },
  }
}

function checkOutputs(graph: Readonly<Record<string, Tensor>>): void {
  const outputs = Object.entries(graph)
  if (outputs.length === 0) throw new UsageError("compile: the graph has no outputs: name at least one, as { y }")
  for (const [name, y] of outputs) {
    if (!(y instanceof Tensor)) throw new UsageError(`compile: output ${name} must be a tensor, got ${y}`)
  }
}

function checkConstants(graph: Readonly<Record<string, Tensor>>, constants: Readonly<Record<string, NdArray>>): void {
  const inputs = graphInputs(graph)
  const symbols: Record<string, number> = {}
  for (const [name, value] of Object.entries(constants)) {
    const x = inputs.get(name)
    if (!x) {
      throw new UsageError(`compile: constant ${name} is no input of the graph${suggestion(name, [...inputs.keys()])}`)
    }
    if (value.dtype !== x.dtype)
      throw new UsageError(`compile: constant ${name} must be ${x.dtype}, got ${value.dtype}`)
    try {
      matchShape(x.shape, value.shape, symbols)
    } catch (error) {
      throw new UsageError(`compile: constant ${name}: ${(error as Error).message}`)
    }
  }
}
