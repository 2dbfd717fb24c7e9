/** The named sizes of ConvNeXt and ConvNeXt V2, and what their configs must fulfil. */

import { checkCount, isCount } from "../tensor/errors.ts"
import type { NdArray } from "../tensor/ndarray.ts"
import { withShape } from "../tensor/stored.ts"
import { ConvNeXt, type ConvNeXtConfig, stageResolutions, stemTypes } from "./convnext.ts"
import { activations, type BlockConfig, norms } from "./convnext-block.ts"
import { check, checkRate, type ModelFamily, type Preprocessing } from "./family.ts"

interface NamedModel {
  config: Partial<ConvNeXtConfig>
  preprocessing?: Partial<Preprocessing>
}

/** Stages whose width doubles from each to the next. */
const doubling = (width: number, depths: readonly number[]): Pick<ConvNeXtConfig, "depths" | "dims"> => ({
  depths,
  dims: depths.map((_, stage) => width * 2 ** stage),
})

const zepto = doubling(32, [2, 2, 4, 2])
const atto = doubling(40, [2, 2, 6, 2])
const femto = doubling(48, [2, 2, 6, 2])
const pico = doubling(64, [2, 2, 6, 2])
const nano = doubling(80, [2, 2, 8, 2])
const tiny = doubling(96, [3, 3, 9, 3])
const small = doubling(96, [3, 3, 27, 3])
const base = doubling(128, [3, 3, 27, 3])
const large = doubling(192, [3, 3, 27, 3])
const xlarge = doubling(256, [3, 3, 27, 3])

/** What makes a block one of V2. */
const v2 = { useGrn: true, lsInitValue: null } as const

const half = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }

/** CLIP's normalisation, whose weights these models have by default. */
const clip = {
  cropPct: 1,
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
}

/**
 * Sizes of the papers (Liu et al. 2022, section 3; Woo et al. 2023, section 4), those of timm, and one of ours for images
 * of 28 to 64 pixels. Preprocessing is that of timm's default weights.
 */
const models: Record<string, NamedModel> = {
  convnext_mini: {
    config: { depths: [1, 2, 2], dims: [32, 64, 128], patchSize: 2 },
    preprocessing: { inputSize: 32, cropPct: 1 },
  },
  convnext_zepto_rms: { config: { ...zepto, convMlp: true, normLayer: "simplenorm" }, preprocessing: half },
  convnext_zepto_rms_ols: {
    config: { ...zepto, convMlp: true, normLayer: "simplenorm", stemType: "overlap_act" },
    preprocessing: { ...half, cropPct: 0.9 },
  },
  convnext_atto: { config: { ...atto, convMlp: true } },
  convnext_atto_ols: { config: { ...atto, convMlp: true, stemType: "overlap_tiered" } },
  convnext_atto_rms: { config: { ...atto, convMlp: true, normLayer: "rmsnorm2d" } },
  convnext_femto: { config: { ...femto, convMlp: true } },
  convnext_femto_ols: { config: { ...femto, convMlp: true, stemType: "overlap_tiered" } },
  convnext_pico: { config: { ...pico, convMlp: true } },
  convnext_pico_ols: {
    config: { ...pico, convMlp: true, stemType: "overlap_tiered" },
    preprocessing: { cropPct: 0.95 },
  },
  convnext_nano: { config: { ...nano, convMlp: true }, preprocessing: { cropPct: 0.95 } },
  convnext_nano_ols: { config: { ...nano, convMlp: true, stemType: "overlap" }, preprocessing: { cropPct: 0.95 } },
  convnext_tiny_hnf: { config: { ...tiny, convMlp: true, headNormFirst: true }, preprocessing: { cropPct: 0.95 } },
  convnext_tiny: { config: tiny, preprocessing: { cropPct: 0.95 } },
  convnext_small: { config: small, preprocessing: { cropPct: 0.95 } },
  convnext_base: { config: base },
  convnext_large: { config: large },
  convnext_large_mlp: { config: { ...large, headHiddenSize: 1536 }, preprocessing: { ...clip, inputSize: 320 } },
  convnext_xlarge: { config: xlarge },
  convnext_xxlarge: {
    config: { ...doubling(384, [3, 4, 30, 3]), normEps: 1e-5 },
    preprocessing: { ...clip, inputSize: 256 },
  },
  convnextv2_atto: { config: { ...atto, ...v2, convMlp: true } },
  convnextv2_femto: { config: { ...femto, ...v2, convMlp: true } },
  convnextv2_pico: { config: { ...pico, ...v2, convMlp: true } },
  convnextv2_nano: { config: { ...nano, ...v2, convMlp: true } },
  convnextv2_tiny: { config: { ...tiny, ...v2 } },
  convnextv2_small: { config: { ...small, ...v2 } },
  convnextv2_base: { config: { ...base, ...v2 } },
  convnextv2_large: { config: { ...large, ...v2 } },
  convnextv2_huge: {
    config: { ...doubling(352, [3, 3, 27, 3]), ...v2 },
    preprocessing: { inputSize: 384, cropPct: 1, cropMode: "squash" },
  },
}

/** Throws a UsageError for what the blocks cannot take. */
export function checkBlockConfig(config: BlockConfig): void {
  const { lsInitValue, normEps } = config
  check(
    lsInitValue === null || Number.isFinite(lsInitValue),
    `lsInitValue must be a number or null, got ${lsInitValue}`,
  )
  check(Number.isFinite(normEps) && normEps > 0, `normEps must be a number above 0, got ${normEps}`)
  checkChoice("actLayer", config.actLayer, Object.keys(activations))
  checkChoice("normLayer", config.normLayer, Object.keys(norms))
  checkFlags(config, ["useGrn", "convMlp", "convBias"])
}

function checkChoice(field: string, value: string, choices: readonly string[]): void {
  check(choices.includes(value), `${field} must be one of ${choices.join(", ")}, got ${value}`)
}

function checkFlags<C>(config: C, fields: readonly (keyof C & string)[]): void {
  for (const field of fields) {
    check(typeof config[field] === "boolean", `${field} must be true or false, got ${config[field]}`)
  }
}

/** Throws a UsageError for rates and factors of a head that cannot be. */
export function checkHeadConfig({ headInitScale, dropRate }: Pick<ConvNeXtConfig, "headInitScale" | "dropRate">): void {
  check(Number.isFinite(headInitScale), `headInitScale must be a number, got ${headInitScale}`)
  checkRate("dropRate", dropRate)
}

function checkStages({ depths, dims, kernelSizes }: ConvNeXtConfig): void {
  const kernels = typeof kernelSizes === "number" ? [kernelSizes] : kernelSizes
  for (const [field, list] of Object.entries({ depths, dims, kernelSizes: kernels })) {
    check(Array.isArray(list), `${field} must be a list of whole numbers, got ${list}`)
  }
  const stages = depths.length
  const counts = stages > 0 && depths.every((depth) => isCount(depth))
  check(counts, `depths must be whole numbers of at least 1, got [${depths}]`)
  const widths = dims.every((dim) => isCount(dim))
  check(widths, `dims must be whole numbers of at least 1, got [${dims}]`)
  check(dims.length === stages, `depths and dims must be equally long, got [${depths}] and [${dims}]`)
  const odd = kernels.every((size) => isCount(size) && size % 2 === 1)
  check(odd, `kernelSizes must be odd, got [${kernels}]`)
  const perStage = typeof kernelSizes === "number" || kernels.length === stages
  check(perStage, `kernelSizes must be one number or one for each of ${stages} stages, got [${kernels}]`)
}

/** A linear layer of a block. */
const pointwiseWeight = /\.mlp\.fc[12]\.weight$/

/** Weights of linear layers as those of 1x1 convolutions, or the reverse: the values are the same. */
function reshapePointwise(weights: Readonly<Record<string, NdArray>>, convMlp: boolean): Record<string, NdArray> {
  return Object.fromEntries(
    Object.entries(weights).map(([name, value]) => {
      const [outputs, inputs, height = 1, width = 1] = value.shape as [number, number, number?, number?]
      if (!pointwiseWeight.test(name) || height * width !== 1) return [name, value]
      return [name, withShape(value, convMlp ? [outputs, inputs, 1, 1] : [outputs, inputs])]
    }),
  )
}

export const convnext: ModelFamily<ConvNeXtConfig> = {
  name: "convnext",
  defaults: {
    ...tiny,
    kernelSizes: 7,
    stemType: "patch",
    patchSize: 4,
    outputStride: 32,
    lsInitValue: 1e-6,
    useGrn: false,
    convMlp: false,
    convBias: true,
    actLayer: "gelu",
    normLayer: "layernorm",
    normEps: 1e-6,
    headNormFirst: false,
    headHiddenSize: null,
    headInitScale: 1,
    dropRate: 0,
    dropPathRate: 0,
    inChannels: 3,
    numClasses: 1000,
  },
  models,
  validate(config) {
    checkStages(config)
    checkBlockConfig(config)
    checkHeadConfig(config)
    const { headHiddenSize, outputStride } = config
    checkChoice("stemType", config.stemType, stemTypes)
    checkCount("patchSize", config.patchSize)
    check([8, 16, 32].includes(outputStride), `outputStride must be 8, 16 or 32, got ${outputStride}`)
    checkFlags(config, ["headNormFirst"])
    if (headHiddenSize !== null) checkCount("headHiddenSize", headHiddenSize)
    const fits = headHiddenSize === null || !config.headNormFirst
    check(fits, "headHiddenSize and headNormFirst exclude each other: a head with its norm first has no hidden layer")
  },
  build: (config) => new ConvNeXt(config),
  minimumSize: (config) => {
    const resolutions = stageResolutions(config)
    const halvings = resolutions.reduce((product, { step }) => product * step, 1)
    // Two 3x3 convolutions of stride 2 and padding 1 make ceil(size / 4) positions.
    return config.stemType === "patch" ? config.patchSize * halvings : 4 * halvings - 3
  },
  adapt: (weights, { convMlp }) => reshapePointwise(weights, convMlp),
}
