/** From a graph to a model for one device: which passes run, and in which order. */

import type { Graph } from "../tensor/graph.ts"
import { lowerDepthwise } from "./lower/blocked.ts"
import { lowerPatches } from "./lower/patches.ts"
import { lowerPointwise } from "./lower/pointwise.ts"
import { type EncodedModel, type EncodeOptions, encodeOnnx } from "./onnx/encode.ts"
import { mergeCommonSubexpressions } from "./passes/common-subexpressions.ts"
import { decompose } from "./passes/decompose.ts"
import { foldGeluScales, foldOutputScales } from "./passes/fold-scales.ts"
import { simplify } from "./passes/simplify.ts"

export interface CompileOptions extends EncodeOptions {
  /** Channels in a block of the device's blocked convolutions; 0 where it has none. */
  block?: number
  /** Run the passes that make a graph faster. Default true. Without them the result is the same but for rounding. */
  optimize?: boolean
}

/** Passes over a forward graph that is to be differentiated: their gradients are cheaper than those of the original. */
export function prepareForTraining(graph: Graph): Graph {
  return foldGeluScales(foldOutputScales(lowerPatches(lowerPointwise(graph))))
}

/** Lowers a graph and encodes it. */
export function compile(graph: Graph, { block = 0, optimize = true, ...options }: CompileOptions): EncodedModel {
  return encodeOnnx(lower(graph, block, optimize), options)
}

/** The graph as it is encoded. */
export function lower(graph: Graph, block: number, optimize: boolean): Graph {
  if (!optimize) return decompose(graph)
  const blocked = block > 0 ? lowerDepthwise(graph, block) : graph
  return mergeCommonSubexpressions(simplify(decompose(blocked)))
}
