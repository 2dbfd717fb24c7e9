/** The block at a step of the roadmap as rows of a drawing, from the input of its branch to its output. */

import { blockChannels, blockLayers } from "../models/roadmap-block.ts"
import { architectureOf, type Regime, type RoadmapArchitecture, type RoadmapChange } from "../models/roadmap-steps.ts"

/** One operator of a block. The addition is that of the block's input. */
export type BlockRow =
  | { kind: "convolution"; kernelSize: number; depthwise: boolean; inChannels: number; outChannels: number }
  | { kind: "norm"; norm: RoadmapArchitecture["norm"]; channels: number }
  | { kind: "activation"; activation: RoadmapArchitecture["activation"]; channels: number }
  | { kind: "layer-scale"; channels: number }
  | { kind: "add"; channels: number }

/** A network of the roadmap. */
export interface BlockSource {
  regime: Regime
  /** All changes of the network, in any order. */
  steps: readonly RoadmapChange[]
}

/** The block inside of the first stage, whose input and output have the same shape. Liu et al. 2022, figures 3 and 4. */
export function describeBlock({ regime, steps }: BlockSource): { rows: BlockRow[] } {
  const architecture = architectureOf(regime, steps)
  const { width, inverted, depthwise, kernelSize, norm, activation, fewerActivations, lsInitValue } = architecture
  const channels = blockChannels(width, inverted)
  const layers = blockLayers(architecture, { inChannels: channels, width, stride: 1 })
  const branch = layers.flatMap((layer): BlockRow[] => {
    const { inChannels, outChannels } = layer
    const isSpatial = layer.role === "spatial"
    return [
      {
        kind: "convolution",
        kernelSize: isSpatial ? kernelSize : 1,
        depthwise: isSpatial && depthwise,
        inChannels,
        outChannels,
      },
      ...(layer.norm ? [{ kind: "norm", norm, channels: outChannels } as const] : []),
      ...(layer.activation ? [{ kind: "activation", activation, channels: outChannels } as const] : []),
    ]
  })
  return {
    rows: [
      ...branch,
      ...(lsInitValue === null ? [] : [{ kind: "layer-scale", channels } as const]),
      { kind: "add", channels },
      ...(fewerActivations ? [] : [{ kind: "activation", activation, channels } as const]),
    ],
  }
}
