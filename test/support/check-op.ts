/**
 * One harness for every operator, and for any graph: what each device computes against the reference evaluation, and the
 * gradients against finite differences.
 */

import { expect } from "vitest"
import "../../src/index.ts"
import { gradients } from "../../src/autodiff/gradients.ts"
import { backendFor } from "../../src/runtime/backend.ts"
import { Program, type ProgramOptions } from "../../src/runtime/program.ts"
import type { Dim } from "../../src/tensor/dim.ts"
import { evaluate } from "../../src/tensor/evaluate.ts"
import type { Graph } from "../../src/tensor/graph.ts"
import { type NdArray, ndarray, sizeOf } from "../../src/tensor/ndarray.ts"
import { mul, sum } from "../../src/tensor/ops/index.ts"
import { Random } from "../../src/tensor/random.ts"
import { input, type Tensor } from "../../src/tensor/tensor.ts"
import { expectClose, largest, numbers, randomArray } from "./arrays.ts"
import { testDevices } from "./devices.ts"

export interface OpCase {
  /** Values of the inputs, in the order in which `build` takes them. */
  inputs: readonly NdArray[]
  /** An output that is no float32 has no gradients, and is compared alone. */
  build(...inputs: Tensor[]): Tensor
  /** Inputs whose first axis is the batch: checked with a fixed size and with the symbol N. Default none. */
  batched?: readonly number[]
  /** Inputs that get a gradient. Default all that are float32. */
  differentiated?: readonly number[]
  /** Largest difference between device and reference, as a share of the largest element. Default 1e-5. */
  tolerance?: number
}

/** Largest error of a gradient against central differences, as a share of the largest gradient. */
const GRADIENT_TOLERANCE = 1e-5
/** Elements of each input that are moved for finite differences. */
const PROBES = 16
const STEP = 1e-5
/** Values below this count as zero: the terms that cancel in them are of the order of 1. */
const FLOOR = 1e-2

/**
 * Checks, with a fixed and a symbolic batch and with passes on and off, that each device agrees with the reference in the
 * output, its shape and the gradients of a random weighted sum of it, and that these gradients agree with central differences.
 */
export async function checkOp({
  inputs,
  build,
  batched = [],
  differentiated = inputs.flatMap(({ dtype }, i) => (dtype === "float32" ? [i] : [])),
  tolerance = 1e-5,
}: OpCase): Promise<void> {
  const values = Object.fromEntries(inputs.map((value, i) => [`x${i}`, value]))
  const symbols = batched.length > 0 ? [undefined, "N"] : [undefined]
  for (const batch of symbols) {
    const { graph, loss } = buildGraph({ inputs, build, batched, differentiated }, batch)
    const feeds = { ...values, weights: randomArray(shapeOf(graph.y!, inputs, batched), "weights") }
    const expected = evaluate(graph, feeds)
    for (const device of testDevices) {
      for (const [name, value] of Object.entries(await runBothWays(graph, feeds, device))) {
        const what = `${name} with batch ${batch ?? "fixed"} on ${device}`
        expectClose(what, value, expected[name.split(" ")[0]!]!, tolerance, FLOOR)
      }
    }
    if (batch === undefined && loss) {
      for (const i of differentiated) checkGradient(loss, feeds, `x${i}`, expected[`d${i}`]!)
    }
  }
}

/** A graph with the output `y` and, of a loss that is a weighted sum of y, the gradients `d0`, `d1`, .. for the inputs. */
function buildGraph(
  { inputs, build, batched, differentiated }: Required<Omit<OpCase, "tolerance">>,
  batch: string | undefined,
): { graph: Graph; loss?: Tensor } {
  const leaves = inputs.map(({ shape, dtype }, i) => {
    const symbolic: Dim[] = batch !== undefined && batched.includes(i) ? [batch, ...shape.slice(1)] : shape
    return input(`x${i}`, symbolic, dtype)
  })
  const y = build(...leaves)
  if (y.dtype !== "float32") return { graph: { y } }
  const loss = sum(mul(y, input("weights", y.shape)))
  const wrt = differentiated.map((i) => leaves[i]!)
  const named = gradients(loss, wrt).map((gradient, i) => [`d${differentiated[i]}`, gradient] as const)
  return { graph: { y, ...Object.fromEntries(named) }, loss }
}

/** The shape that the operator's rule gives to its output, with the batch bound. */
function shapeOf(y: Tensor, inputs: OpCase["inputs"], batched: readonly number[]): number[] {
  const batch = inputs[batched[0] ?? 0]?.shape[0] ?? 1
  return y.shape.map((dim) => {
    if (typeof dim === "number") return dim
    return dim.includes("*") ? batch * Number(dim.slice(0, dim.indexOf("*"))) : batch
  })
}

/** What a device computes, as `NAME optimized` and `NAME plain`. Its shapes are its own, not those of the rules. */
async function runBothWays(
  graph: Graph,
  feeds: Record<string, NdArray>,
  device: string,
): Promise<Record<string, NdArray>> {
  const results: Record<string, NdArray> = {}
  for (const optimize of [true, false]) {
    const values = await runGraph(graph, feeds, { optimize, device })
    for (const [name, value] of Object.entries(values)) {
      expect(value.dtype, `type of ${name}`).toBe(graph[name]!.dtype)
      results[`${name} ${optimize ? "optimized" : "plain"}`] = value
    }
  }
  return results
}

interface RunOptions extends Pick<ProgramOptions, "optimize" | "maxima"> {
  /** Overrides the block of channels of the backend. */
  block?: number
  /** Default "cpu". */
  device?: string
}

/** Runs a graph with one thread. */
export async function runGraph(
  graph: Graph,
  feeds: Readonly<Record<string, NdArray>>,
  { optimize = true, block, maxima, device = "cpu" }: RunOptions = {},
): Promise<Record<string, NdArray>> {
  const there = await backendFor(device)
  const backend = { ...there, block: block ?? there.block }
  const program = await Program.create(graph, { name: "test", backend, threads: 1, optimize, maxima })
  try {
    return await program.run(feeds)
  } finally {
    await program.dispose()
  }
}

/** Compares a gradient with central differences of the loss, in float64. */
function checkGradient(loss: Tensor, feeds: Record<string, NdArray>, name: string, gradient: NdArray): void {
  const { shape, data } = feeds[name]!
  const moved = ndarray(Float64Array.from(data as Float32Array), shape, "float64")
  const lossAt = (i: number, value: number) => {
    const old = moved.data[i]!
    moved.data[i] = value
    const result = Number(evaluate({ loss }, { ...feeds, [name]: moved }).loss!.data[0])
    moved.data[i] = old
    return result
  }
  expect(gradient.shape, `shape of the gradient for ${name}`).toEqual(shape)
  const scale = Math.max(largest(gradient), FLOOR)
  for (const i of probedElements(sizeOf(shape))) {
    const [above, below] = [moved.data[i]! + STEP, moved.data[i]! - STEP]
    const slope = (lossAt(i, above) - lossAt(i, below)) / (above - below)
    const error = Math.abs(slope - numbers(gradient)[i]!)
    expect(error, `gradient for ${name} at ${i}: ${numbers(gradient)[i]}, by differences ${slope}`).toBeLessThanOrEqual(
      GRADIENT_TOLERANCE * scale,
    )
  }
}

function probedElements(size: number): number[] {
  if (size <= PROBES) return Array.from({ length: size }, (_, i) => i)
  return [...new Random(0, "probe", size).permutation(size)].slice(0, PROBES)
}
