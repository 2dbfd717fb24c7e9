/**
 * What the networks of other codebases can be: which configs their classes have, and the Python that makes such a network.
 * Names alone do not tell: the weights of a ConvNeXt with kernels of 5x5 have names in torchvision, and no network that
 * takes them. Written after torchvision 0.29, transformers 5.24, and facebookresearch/ConvNeXt and ConvNeXt-V2.
 */

import type { BaseConfig } from "../models/family.ts"
import { UsageError } from "../tensor/errors.ts"

/** A model's full config, in timm's names, camelCase. */
type Config = BaseConfig & Readonly<Record<string, unknown>>

/** A network class. */
export interface NetworkClass {
  /** Whether it can be as the config says, by field of the config. */
  requires: Readonly<Record<string, (value: unknown, config: Config) => boolean>>
  /** Lines that import what `make` needs, and the expression that makes the network. */
  python?(config: Config): { imports: string[]; make: string }
}

/** A field that must have one of these values; a list of them, one for each stage, is as good. */
const only =
  (...values: readonly unknown[]) =>
  (value: unknown): boolean =>
    Array.isArray(value) ? value.every((one) => values.includes(one)) : values.includes(value)

const positive = (value: unknown): boolean => (value as number) > 0
const isNull = (value: unknown): boolean => value === null
const isSet = (value: unknown): boolean => value !== null

/** Whether every stage but the first halves the map, as all others than timm do it: neither fewer nor more of them. */
const halvesBetweenStages = (patchSize: unknown, { depths, outputStride }: Config): boolean => {
  const stages = (depths as unknown[]).length
  return !(patchSize === 2 && stages === 4) && (patchSize as number) * 2 ** (stages - 1) <= (outputStride as number)
}

/** Whether the maps of all stages have room for a whole window: timm alone has smaller tables where they have not. */
const roomForWindows = (windowSize: unknown, { imgSize, patchSize, depths }: Config): boolean => {
  const side = Math.floor(Math.min(...[imgSize as number].flat()) / (patchSize as number))
  return Math.ceil(side / 2 ** ((depths as unknown[]).length - 1)) >= (windowSize as number)
}

/** Blocks and head of the papers. */
const plainConvNeXt: NetworkClass["requires"] = {
  numClasses: positive,
  patchSize: only(4),
  kernelSizes: only(7),
  stemType: only("patch"),
  outputStride: only(32),
  convBias: only(true),
  actLayer: only("gelu"),
  normLayer: only("layernorm", "layernorm2d"),
  normEps: only(1e-6),
  headNormFirst: only(false),
  headHiddenSize: isNull,
}

const torchvisionConvNeXt: NetworkClass = {
  requires: {
    ...plainConvNeXt,
    inChannels: only(3),
    useGrn: only(false),
    lsInitValue: isSet,
    depths: (depths) => (depths as number[]).length <= 4,
  },
  python({ depths, dims, numClasses }) {
    const widths = dims as number[]
    const stages = (depths as number[]).map(
      (depth, i) => `CNBlockConfig(${widths[i]}, ${widths[i + 1] ?? "None"}, ${depth})`,
    )
    return {
      imports: ["from torchvision.models.convnext import CNBlockConfig, ConvNeXt"],
      make: `ConvNeXt([${stages.join(", ")}], num_classes=${numClasses})`,
    }
  },
}

/** torchvision's classes by the names that a config may have. */
const resnetBlocks: Readonly<Record<string, string>> = {
  basic: "BasicBlock",
  BasicBlock: "BasicBlock",
  bottleneck: "Bottleneck",
  Bottleneck: "Bottleneck",
}

const torchvisionResNet: NetworkClass = {
  requires: {
    numClasses: positive,
    inChannels: only(3),
    channels: (channels) => String(channels) === "64,128,256,512",
    stemType: only(""),
    avgDown: only(false),
  },
  python({ block, layers, cardinality, baseWidth, numClasses }) {
    const name = resnetBlocks[block as string]
    return {
      imports: [`from torchvision.models.resnet import ${name}, ResNet`],
      make: `ResNet(${name}, [${layers}], groups=${cardinality}, width_per_group=${baseWidth}, num_classes=${numClasses})`,
    }
  },
}

const torchvisionSwin: NetworkClass = {
  requires: { numClasses: positive, inChannels: only(3), qkvBias: only(true), windowSize: roomForWindows },
  python({ patchSize, embedDim, depths, numHeads, windowSize, mlpRatio, numClasses }) {
    const [patch, window] = [patchSize, windowSize].map((side) => `[${side}, ${side}]`)
    return {
      imports: ["from torchvision.models.swin_transformer import SwinTransformer"],
      make:
        `SwinTransformer(${patch}, ${embedDim}, [${depths}], [${numHeads}], ${window}, ` +
        `mlp_ratio=${mlpRatio}, num_classes=${numClasses})`,
    }
  },
}

const torchvisionVit: NetworkClass = {
  requires: {
    numClasses: positive,
    inChannels: only(3),
    qkvBias: only(true),
    globalPool: only("token"),
    initValues: isNull,
    classToken: only(true),
    distilled: only(false),
    regTokens: only(0),
    noEmbedClass: only(false),
    preNorm: only(false),
    fcNorm: only(null, false),
    normEps: only(1e-6),
  },
  python({ imgSize, patchSize, depth, numHeads, embedDim, mlpRatio, numClasses }) {
    const mlpDim = Math.floor((embedDim as number) * (mlpRatio as number))
    return {
      imports: ["from torchvision.models import VisionTransformer"],
      make: `VisionTransformer(${imgSize}, ${patchSize}, ${depth}, ${numHeads}, ${embedDim}, ${mlpDim}, num_classes=${numClasses})`,
    }
  },
}

const fourStages = (depths: unknown): boolean => (depths as number[]).length === 4

const facebookConvNeXt: NetworkClass = {
  requires: { ...plainConvNeXt, depths: fourStages, useGrn: only(false) },
  python: ({ inChannels, numClasses, depths, dims, lsInitValue }) => ({
    imports: ["from models.convnext import ConvNeXt  # of github.com/facebookresearch/ConvNeXt"],
    make: `ConvNeXt(${inChannels}, ${numClasses}, [${depths}], [${dims}], layer_scale_init_value=${lsInitValue ?? 0})`,
  }),
}

const facebookConvNeXtV2: NetworkClass = {
  requires: { ...plainConvNeXt, depths: fourStages, useGrn: only(true), lsInitValue: isNull },
  python: ({ inChannels, numClasses, depths, dims }) => ({
    imports: ["from models.convnextv2 import ConvNeXtV2  # of github.com/facebookresearch/ConvNeXt-V2"],
    make: `ConvNeXtV2(${inChannels}, ${numClasses}, [${depths}], [${dims}])`,
  }),
}

const facebookIsotropic: NetworkClass = {
  requires: { numClasses: positive },
  python: ({ inChannels, numClasses, depth, dim, lsInitValue }) => ({
    imports: ["from models.convnext_isotropic import ConvNeXtIsotropic  # of github.com/facebookresearch/ConvNeXt"],
    make: `ConvNeXtIsotropic(${inChannels}, ${numClasses}, ${depth}, ${dim}, layer_scale_init_value=${lsInitValue ?? 0})`,
  }),
}

/** By codebase and family. What else transformers asks for, `configToHuggingFace` knows. */
const codebases = {
  torchvision: {
    convnext: [torchvisionConvNeXt],
    resnet: [torchvisionResNet],
    swin: [torchvisionSwin],
    vit: [torchvisionVit],
    deit: [torchvisionVit],
  },
  facebook: { convnext: [facebookConvNeXt, facebookConvNeXtV2], convnext_iso: [facebookIsotropic] },
  huggingface: {
    convnext: [{ requires: { patchSize: halvesBetweenStages } }],
    resnet: [{ requires: {} }],
    swin: [{ requires: { windowSize: roomForWindows } }],
    vit: [{ requires: {} }],
    deit: [{ requires: {} }],
  },
} as const satisfies Record<string, Record<string, readonly NetworkClass[]>>

/** A codebase that has networks of its own for some families. */
export type Codebase = keyof typeof codebases

/**
 * The class that a model is one of in a codebase.
 * Throws a UsageError that lists the families which the codebase has, or says what it cannot do of the config.
 */
export function findNetworkClass(codebase: Codebase, family: string, config: Config): NetworkClass {
  const families: Readonly<Record<string, readonly NetworkClass[]>> = codebases[codebase]
  const classes = Object.hasOwn(families, family) ? families[family]! : []
  if (classes.length === 0) {
    throw new UsageError(
      `${codebase} has no ${family} that could be exported to; it has ${Object.keys(families).join(", ")}`,
    )
  }
  const unmet = classes.map(({ requires }) =>
    Object.keys(requires).filter((field) => !requires[field]!(config[field], config)),
  )
  const fitting = classes[unmet.findIndex((fields) => fields.length === 0)]
  if (fitting) return fitting
  // Of two as near the later one, which differs from the first by what the model has.
  const [fewest] = unmet.reverse().sort((a, b) => a.length - b.length)
  const why = fewest!.map((field) => `${field} ${JSON.stringify(config[field])}`).join(", ")
  throw new UsageError(`${codebase} has no ${family} with ${why}`)
}
