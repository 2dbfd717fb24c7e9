/** The graph of one training step: the loss, the gradients of all parameters that train, and the new running statistics. */

import { gradients } from "../autodiff/gradients.ts"
import type { Recompute } from "../autodiff/recompute.ts"
import { prepareForTraining } from "../compile/compile.ts"
import type { Network } from "../models/network.ts"
import { type DropoutInput, type DropPathInput, TrainingContext } from "../nn/context.ts"
import { gradientName } from "../optim/graph.ts"
import type { Graph } from "../tensor/graph.ts"
import { crossEntropy } from "../tensor/ops/index.ts"
import { input } from "../tensor/tensor.ts"

export const LOSS = "loss"
/** Output that holds the next value of a buffer. */
export const bufferName = (buffer: string) => `buffer/${buffer}`

export interface StepGraphOptions {
  /** Shape of the images: [N, H, W, C]. */
  images: readonly [number, number, number, number]
  /** Parameters that get a gradient; the others are frozen. */
  trained: readonly string[]
  recompute: Recompute
}

export interface StepGraph {
  graph: Graph
  /** What the step must be fed with, besides the state, `images` and `targets` [N, K]. */
  dropPaths: readonly DropPathInput[]
  dropouts: readonly DropoutInput[]
  /** Buffers that the step gives a new value. */
  buffers: readonly string[]
  /** Largest values of symbolic dimensions. */
  maxima: Readonly<Record<string, number>>
  /** Compile it without names of symbolic dimensions. */
  anonymousDims: boolean
}

export function buildStepGraph(
  network: Network,
  { images: [batch, height, width], trained, recompute }: StepGraphOptions,
): StepGraph {
  const training = new Set(trained)
  const frozen = new Set([...network.parameters].flatMap(([name, x]) => (training.has(name) ? [] : [x])))
  // Whole blocks are computed again to save memory: a symbolic batch lets ONNX Runtime free each value at once.
  const anonymousDims = recompute === "block"
  const rows = anonymousDims ? "N" : batch
  const context = new TrainingContext(rows, frozen)
  const { logits: traced } = network.trace(rows, height, width, context)
  const updates = [...context.updates].map(([buffer, value]) => [bufferName(buffer.name), value] as const)
  const { logits, ...buffers } = prepareForTraining({ logits: traced, ...Object.fromEntries(updates) })
  const loss = crossEntropy(logits!, input("targets", [rows, network.description.config.numClasses]))
  const wrt = trained.map((name) => network.parameters.get(name)!)
  const graph: Record<string, Graph[string]> = { [LOSS]: loss, ...buffers }
  gradients(loss, wrt, { recompute, blocks: network.blocks }).forEach((gradient, i) => {
    graph[gradientName(trained[i]!)] = gradient
  })
  return {
    graph,
    dropPaths: context.dropPaths,
    dropouts: context.dropouts,
    buffers: [...context.updates.keys()].map(({ name }) => name),
    maxima: { ...context.maxima(batch), N: batch },
    anonymousDims,
  }
}
