/**
 * Names of the code that the authors of ConvNeXt submitted with their paper (github.com/anonymous20222022/convnext,
 * models/modeling_resnet.py): the networks of every step of the roadmap. Layers are numbered by their places, so that the
 * same name is another layer once the spatial convolution has moved to the start of the block; shapes tell which it is.
 */

import type { Layout, NameTable, Rule, ShapeOf } from "./table.ts"
import { convnext, roadmap } from "./timm.ts"

/** [out, in] in timm's ConvNeXt, a 1x1 convolution [out, in, 1, 1] there. */
const pointwise: Layout = { fromTimm: (shape) => [...shape, 1, 1], toTimm: (shape) => shape.slice(0, 2) }

const spatial = { layer: "conv_dw", norm: "norm" }
const first = { layer: "mlp.fc1", norm: "mlp.norm1", layout: pointwise }
const second = { layer: "mlp.fc2", norm: "mlp.norm2", layout: pointwise }

/** The layers of a block by their places. */
const orders = {
  spatialBetween: [first, spatial, second],
  spatialFirst: [spatial, first, second],
} as const

const stems = {
  overlap: [
    ["stem.0.weight", "stem.0.weight"],
    ["stem.1.*", "stem.1.*"],
  ],
  patchify: [["stem.0.*", "stem.*"]],
} as const satisfies Record<string, readonly Rule[]>

function rules(stem: keyof typeof stems, order: keyof typeof orders): Rule[] {
  const [block, submitted] = ["stages.{s}.blocks.{b}", "layer{s+1}.{b}"]
  const layers = orders[order].flatMap(({ layer, norm, ...rest }, i): Rule[] => [
    [`${block}.${layer}.weight`, `${submitted}.conv${i + 1}.weight`, "layout" in rest ? rest.layout : undefined],
    [`${block}.${layer}.bias`, `${submitted}.conv${i + 1}.bias`],
    [`${block}.${norm}.*`, `${submitted}.bn${i + 1}.*`],
  ])
  return [
    ...stems[stem],
    ["stages.{s+1}.downsample.1.*", "ds{s+1}.*"],
    ...layers,
    [`${block}.gamma`, `${submitted}.gamma_1`],
    [`${block}.shortcut.{i}.*`, `${submitted}.downsample.{i}.*`],
    ["head.norm.*", "norm.*"],
    ["head.fc.*", "fc.*"],
  ]
}

/** Whether the spatial convolution is one, and as wide as the first pointwise layer's output. */
function isBetween(shapeOf: ShapeOf): boolean | undefined {
  const [channels, , kernelSize = 1] = shapeOf("stages.0.blocks.0.conv_dw.weight") ?? []
  return kernelSize > 1 ? channels === shapeOf("stages.0.blocks.0.mlp.fc1.weight")?.[0] : undefined
}

const spatialBetween = (shapeOf: ShapeOf) => isBetween(shapeOf) === true
const spatialFirst = (shapeOf: ShapeOf) => isBetween(shapeOf) === false

export const convnextSubmission: readonly NameTable[] = [
  { architecture: roadmap, rules: rules("overlap", "spatialBetween"), fits: spatialBetween },
  { architecture: roadmap, rules: rules("patchify", "spatialBetween"), fits: spatialBetween },
  { architecture: roadmap, rules: rules("overlap", "spatialFirst"), fits: spatialFirst },
  { architecture: roadmap, rules: rules("patchify", "spatialFirst"), fits: spatialFirst },
  // The last step has no names but ConvNeXt's.
  { architecture: convnext, rules: rules("patchify", "spatialFirst"), fits: spatialFirst },
]
