/** From a graph to a model for one device: which passes run, and in which order. */

import type { Graph } from "../tensor/graph.ts"
import { lowerBlockedChains } from "./lower/blocked-chains.ts"
import { lowerDense } from "./lower/blocked-dense.ts"
import { lowerDepthwise } from "./lower/blocked-depthwise.ts"
import { lowerFilterGradients } from "./lower/filter-gradient.ts"
import { lowerFusedProducts } from "./lower/fused-products.ts"
import { lowerPatches } from "./lower/patches.ts"
import { lowerPointwise } from "./lower/pointwise.ts"
import { lowerTransposedProducts } from "./lower/transposed-products.ts"
import { lowerForWebGpu } from "./lower/webgpu.ts"
import { type EncodedModel, type EncodeOptions, encodeOnnx } from "./onnx/encode.ts"
import { mergeCommonSubexpressions } from "./passes/common-subexpressions.ts"
import { decompose } from "./passes/decompose.ts"
import { foldConstants } from "./passes/fold-constants.ts"
import { foldGeluScales, foldOutputScales } from "./passes/fold-scales.ts"
import { foldProductScales } from "./passes/product-scales.ts"
import { simplify } from "./passes/simplify.ts"

/** What passes know of the device and the graph. */
export interface Target {
  /** Name of the device, as `--device` takes it. Default: a graph that any device can be given. */
  device?: string
  /** Channels in a block of the device's blocked convolutions; 0 where it has none. Default 0. */
  block?: number
  /** Inputs whose values never change, so that what is computed of them alone is computed once. Default: none. */
  constants?: ReadonlySet<string>
  /** Inputs that get a gradient. Default: none. */
  trained?: ReadonlySet<string>
  /** Largest values of symbolic dimensions, where they are known. */
  maxima?: Readonly<Record<string, number>>
}

/** A pure function from graph to graph. The results are the same but for rounding. */
export type Pass = (graph: Graph, target: Target) => Graph

const blockedChains: Pass = (graph, { block = 0, constants, trained }) =>
  block > 0 && constants?.size ? lowerBlockedChains(graph, block, constants, trained) : graph

/** Passes over a forward graph that is to be differentiated, in order: their gradients are cheaper than the original's. */
export const trainingPasses = {
  frozenChains: blockedChains,
  pointwise: lowerPointwise,
  patches: lowerPatches,
  outputScales: foldOutputScales,
  geluScales: foldGeluScales,
} satisfies Record<string, Pass>

/** Passes over the whole graph, in order. */
export const passes = {
  blockedChains,
  depthwise: (graph, { block = 0, maxima }) => (block > 0 ? lowerDepthwise(graph, block, maxima) : graph),
  dense: (graph, { block = 0, constants }) => (block > 0 ? lowerDense(graph, block, constants) : graph),
  filterGradients: lowerFilterGradients,
  webgpu: (graph, { device }) => (device === "webgpu" ? lowerForWebGpu(graph) : graph),
  decompose,
  constants: foldConstants,
  simplify,
  productScales: foldProductScales,
  transposedProducts: (graph, { device }) => (device === "cpu" ? lowerTransposedProducts(graph) : graph),
  fusedProducts: (graph, { device }) => (device === "cpu" ? lowerFusedProducts(graph) : graph),
  commonSubexpressions: mergeCommonSubexpressions,
} satisfies Record<string, Pass>

/** Passes without which a graph does not run, or not right; the others make it faster. */
const needed: ReadonlySet<string> = new Set<keyof typeof passes>(["webgpu", "decompose"])

export type PassName = keyof typeof trainingPasses | keyof typeof passes

export interface PassOptions {
  /** Passes that are left out, unless they are needed: all (`false`), or some by name. Default: none is. */
  optimize?: boolean | Partial<Record<PassName, boolean>>
}

export interface CompileOptions extends EncodeOptions, Target, PassOptions {}

/** Prepares a forward graph for differentiation. */
export function prepareForTraining(graph: Graph, { optimize, ...target }: Target & PassOptions = {}): Graph {
  return run(trainingPasses, graph, target, optimize)
}

/** Lowers a graph and encodes it. */
export function compile(
  graph: Graph,
  { device, block, maxima, constants, optimize, ...options }: CompileOptions,
): EncodedModel {
  return encodeOnnx(lower(graph, { device, block, maxima, constants, optimize }), options)
}

/** The graph as it is encoded. */
export function lower(graph: Graph, { optimize, ...target }: Target & PassOptions = {}): Graph {
  return run(passes, graph, target, optimize)
}

function run(
  table: Record<string, Pass>,
  graph: Graph,
  target: Target,
  optimize: PassOptions["optimize"] = true,
): Graph {
  const chosen = Object.entries(table).filter(([name]) => {
    if (needed.has(name)) return true
    return typeof optimize === "boolean" ? optimize : (optimize[name as PassName] ?? true)
  })
  return chosen.reduce((result, [, pass]) => pass(result, target), graph)
}
