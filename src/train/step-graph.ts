/** The graph of one training step: the loss, the gradients of all parameters that train, and the new running statistics. */

import { gradients } from "../autodiff/gradients.ts"
import type { Recompute } from "../autodiff/recompute.ts"
import { prepareForTraining } from "../compile/compile.ts"
import type { Network } from "../models/network.ts"
import { BATCH, type DropoutInput, type DropPathInput, TrainingContext } from "../nn/context.ts"
import type { Parameter } from "../nn/module.ts"
import { gradientName } from "../optim/graph.ts"
import { type Graph, inputName } from "../tensor/graph.ts"
import { crossEntropy } from "../tensor/ops/index.ts"
import { input } from "../tensor/tensor.ts"

export const LOSS = "loss"
/** Output that holds the next value of a buffer. */
export const bufferName = (buffer: string) => `buffer/${buffer}`

export interface StepGraphOptions {
  /** Shape of the images: [N, H, W, C]. The graph serves any batch of at most N samples. */
  images: readonly [number, number, number, number]
  /** Parameters that get a gradient; the others are frozen. */
  trained: readonly string[]
  recompute: Recompute
  /** Channels in a block of the device's blocked convolutions, 0 where it has none. Default 0. */
  block?: number
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
  { images: [batch, height, width], trained, recompute, block }: StepGraphOptions,
): StepGraph {
  const frozen = frozenParameters(network, trained)
  const context = new TrainingContext(BATCH, frozen)
  const { logits: traced } = network.trace(BATCH, height, width, context)
  const updates = [...context.updates].map(([buffer, value]) => [bufferName(buffer.name), value] as const)
  const { logits, ...buffers } = prepareForTraining(
    { logits: traced, ...Object.fromEntries(updates) },
    { block, trained: new Set(trained), constants: new Set([...frozen].map((x) => inputName(x)!)) },
  )
  const loss = crossEntropy(logits!, input("targets", [BATCH, network.description.config.numClasses]))
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
    maxima: { ...context.maxima(batch), [BATCH]: batch },
    // ONNX Runtime keeps the memory of a value for the next one whose dimensions have the same names. Where these are far
    // apart, it shall be freed at once: whole blocks are computed again to save memory, the rows that stochastic depth keeps
    // of a block return in its backward pass alone, and normalisation by batch has many temporaries.
    anonymousDims: recompute === "block" || context.dropPaths.length > 0 || updates.length > 0,
  }
}

/** Parameters that get no gradient. */
export function frozenParameters(network: Network, trained: readonly string[]): Set<Parameter> {
  const training = new Set(trained)
  return new Set([...network.parameters].flatMap(([name, x]) => (training.has(name) ? [] : [x])))
}
