/** The memory that training keeps for the backward pass. */

import { keptActivations } from "../autodiff/kept.ts"
import { Network } from "../models/network.ts"
import { describeModel } from "../models/registry.ts"
import { gradientName } from "../optim/graph.ts"
import { buildStepGraph, LOSS } from "../train/step-graph.ts"

export interface ActivationOptions {
  /** Side of the image, in pixels. */
  imageSize: number
  /** Images of a step, whose activations are shared out evenly. Default 1; statistics over a batch may need more. */
  batchSize?: number
  /** What differs from the registered config. */
  config?: Readonly<Record<string, unknown>>
}

/** Bytes of the activations of one image that a training step keeps, with nothing dropped or computed again. */
export function activationBytes(model: string, { imageSize, batchSize = 1, config }: ActivationOptions): number {
  const network = new Network(describeModel(model, config, imageSize))
  const trained = [...network.parameters.keys()]
  const { config: described } = network.description
  const images = [batchSize, imageSize, imageSize, described.inChannels] as const
  const { graph, maxima } = buildStepGraph(network, { images, trained, recompute: "none" })
  const gradients = trained.map((name) => graph[gradientName(name)]!)
  const kept = keptActivations(gradients, graph[LOSS]!, network.parameters.values())
  return kept.reduce((sum, activation) => sum + activation.bytes(maxima), 0) / batchSize
}
