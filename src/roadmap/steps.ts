/**
 * The steps from ResNet to ConvNeXt as data: what each changes, why, and what the paper measured. Liu et al. 2022, "A
 * ConvNet for the 2020s" (arXiv 2201.03545): section 2, tables 10 (ResNet-50) and 11 (ResNet-200).
 */

import { Network } from "../models/network.ts"
import { describeModel } from "../models/registry.ts"
import {
  changedFields,
  changesUpTo,
  isSideBranch,
  type Regime,
  type RoadmapArchitecture,
  type RoadmapChange,
  regimes,
} from "../models/roadmap-steps.ts"
import { UsageError } from "../tensor/errors.ts"
import { paperCosts } from "./paper-costs.ts"

/** Side of the images for which the paper counts, in pixels. */
export const PLAN_IMAGE_SIZE = 224

/** What the paper reports of a network on ImageNet-1k. */
export interface PaperResult {
  /** Percent of the validation images whose class comes first. */
  top1: number
  /** Standard deviation of `top1` over three seeds, where there were three. */
  top1Deviation?: number
  /** 10^9 multiply-accumulates of one image of 224 pixels, which the paper calls FLOPs. */
  gflops: number
  /** Table of the paper. */
  source: string
  /** Why `gflops` cannot be what the network does, where it cannot. */
  misprint?: string
}

/** A network and what it costs. */
export interface RoadmapNetwork {
  regime: Regime
  title: string
  /** Name for `createModel`. */
  model: string
  parameters: number
  /** Multiply-accumulates of one image. */
  macs: number
  paper: PaperResult
}

/** A step of the roadmap, and the network that it leads to. */
export interface RoadmapStep extends RoadmapNetwork {
  id: RoadmapStepId
  /** What the step does and what for. */
  summary: string
  /** The fields of the architecture that it sets. */
  changes: Partial<RoadmapArchitecture>
  /** All changes of the network up to here, this one last. */
  steps: readonly RoadmapChange[]
  /** Whether the paper tries the step and goes on without it. */
  sideBranch: boolean
}

interface StepText {
  title: string
  summary: string
}

/** In the order of the paper. */
const texts = {
  resnet: {
    title: "ResNet",
    summary: "Where the road begins: the plain residual network, trained as its rivals of today are.",
  },
  "stage-ratio": {
    title: "Stage ratio",
    summary: "Blocks are shared out over the stages as in Swin, with most of them in the third.",
  },
  patchify: {
    title: "Patchify stem",
    summary: "Images are cut into patches of 4x4 pixels that do not overlap, as transformers do.",
  },
  depthwise: {
    title: "Depthwise convolution",
    summary:
      "Spatial convolutions mix positions within each channel only, as the weighted sums of attention do; mixing channels is left to the pointwise layers.",
  },
  width: {
    title: "Wider network",
    summary: "The channels that depthwise convolutions save are spent on width, up to that of the Swin of this size.",
  },
  inverted: {
    title: "Inverted bottleneck",
    summary:
      "Blocks widen to four times their channels inside and are thin outside, as the MLP of a transformer block.",
  },
  "move-up": {
    title: "Depthwise convolution first",
    summary:
      "The depthwise convolution moves to the start of the block, where there are few channels: as attention stands before the MLP, and so that a large kernel is affordable.",
  },
  "kernel-5": { title: "Kernel 5x5", summary: "The depthwise kernel grows from 3x3 to 5x5." },
  "kernel-7": {
    title: "Kernel 7x7",
    summary: "The depthwise kernel grows to 7x7, the window of Swin; larger ones bring nothing more.",
  },
  "kernel-9": { title: "Kernel 9x9", summary: "The depthwise kernel grows to 9x9." },
  "kernel-11": { title: "Kernel 11x11", summary: "The depthwise kernel grows to 11x11." },
  gelu: { title: "GELU for ReLU", summary: "The smoother activation of transformers takes the place of ReLU." },
  "fewer-activations": {
    title: "Fewer activations",
    summary: "One activation is left in each block, between the two pointwise layers, as in a transformer's MLP.",
  },
  "fewer-norms": {
    title: "Fewer norms",
    summary: "One norm is left in each block, before the pointwise layers: fewer than a transformer block has.",
  },
  "layer-norm": {
    title: "LayerNorm for BatchNorm",
    summary:
      "Each position is normalised over its channels, no longer each channel over the batch; also before the classifier.",
  },
  "separate-downsampling": {
    title: "Separate downsampling",
    summary:
      "2x2 convolutions between the stages halve the map instead of strides inside of blocks; norms wherever the resolution changes keep training stable. This is ConvNeXt.",
  },
} as const satisfies Partial<Record<RoadmapChange, StepText>>

/** A step of the paper: a change that it tried. */
export type RoadmapStepId = keyof typeof texts

/** The ids of all steps, in the order of the paper. */
export const roadmapStepIds = Object.keys(texts) as readonly RoadmapStepId[]

type Row = readonly [top1: number, gflops: number, deviation?: number]

const papers: Readonly<Record<Regime, { source: string; rows: Readonly<Record<RoadmapStepId, Row>> }>> = {
  50: {
    source: "table 10",
    rows: {
      resnet: [78.82, 4.09, 0.07],
      "stage-ratio": [79.36, 4.53, 0.07],
      patchify: [79.51, 4.42, 0.18],
      depthwise: [78.28, 2.35, 0.08],
      width: [80.5, 5.27, 0.02],
      inverted: [80.64, 4.64, 0.03],
      "move-up": [79.92, 4.07, 0.08],
      "kernel-5": [80.35, 4.1, 0.08],
      "kernel-7": [80.57, 4.15, 0.14],
      "kernel-9": [80.57, 4.21, 0.06],
      "kernel-11": [80.47, 4.29, 0.11],
      gelu: [80.62, 4.15, 0.14],
      "fewer-activations": [81.27, 4.15, 0.06],
      "fewer-norms": [81.41, 4.15, 0.09],
      "layer-norm": [81.47, 4.46, 0.09],
      "separate-downsampling": [81.97, 4.49, 0.06],
    },
  },
  200: {
    source: "table 11",
    rows: {
      resnet: [81.14, 15.01],
      "stage-ratio": [81.33, 14.52],
      patchify: [81.59, 14.38],
      depthwise: [80.54, 7.23],
      width: [81.85, 16.76],
      inverted: [82.64, 15.68],
      "move-up": [82.04, 14.63],
      "kernel-5": [82.32, 14.7],
      "kernel-7": [82.3, 14.81],
      "kernel-9": [82.27, 14.95],
      "kernel-11": [82.18, 15.13],
      gelu: [82.19, 14.81],
      "fewer-activations": [82.71, 14.81],
      "fewer-norms": [83.17, 14.81],
      "layer-norm": [83.35, 14.81],
      "separate-downsampling": [83.6, 15.35],
    },
  },
}

/** Figures of the paper that its own architecture does not bear out. */
const misprints: Readonly<Partial<Record<Regime, Partial<Record<RoadmapStepId, string>>>>> = {
  50: {
    "layer-norm":
      "another kind of norm adds no multiply-accumulates: it must be 4.15 as in the row before, and 4.46 is what the next step has",
    "separate-downsampling":
      "the network that was released has 4.456, which stands in the row before; with the norms counted it has 4.470",
  },
}

/** Networks that the roadmap is measured against. */
const references: Readonly<Record<Regime, readonly (readonly [title: string, model: string, PaperResult])[]>> = {
  50: [
    ["ResNet-50, as first trained", "resnet50", { top1: 76.13, gflops: 4.09, source: "table 10" }],
    ["Swin-T", "swin_tiny_patch4_window7_224", { top1: 81.3, gflops: 4.5, source: "table 10" }],
    ["ViT-S", "vit_small_patch16_224", { top1: 79.8, gflops: 4.6, source: "table 2" }],
  ],
  200: [
    ["ResNet-200, as first trained", "resnet200", { top1: 78.2, gflops: 15.01, source: "table 11" }],
    ["Swin-B", "swin_base_patch4_window7_224", { top1: 83.5, gflops: 15.43, source: "table 11" }],
    ["ViT-B", "vit_base_patch16_224", { top1: 81.8, gflops: 17.6, source: "table 2" }],
  ],
}

/**
 * The paper's steps in their order, each with the exact costs of its network for images of 224 pixels and 1,000 classes.
 * @param scale factor on all widths and depths; the paper's results belong to 1
 * @example
 * for (const { id, parameters, paper } of roadmapSteps(50)) console.log(id, parameters, paper.top1)
 *
 * Throws a UsageError for another regime than 50 and 200, or a scale that leaves no channel.
 */
export function roadmapSteps(regime: Regime, { scale = 1 }: { scale?: number } = {}): RoadmapStep[] {
  checkRegime(regime)
  return roadmapStepIds.map((id) => {
    const { source, rows } = papers[regime]
    const [top1, gflops, top1Deviation] = rows[id]
    const misprint = misprints[regime]?.[id]
    const model = `roadmap/${regime}/${id}`
    return {
      id,
      regime,
      ...texts[id],
      model,
      changes: changedFields(regime, id),
      steps: changesUpTo(id),
      sideBranch: isSideBranch(id),
      ...costsOf(model, scale),
      paper: { top1, ...(top1Deviation && { top1Deviation }), gflops, source, ...(misprint && { misprint }) },
    }
  })
}

/** The networks that a regime is measured against. Throws a UsageError for another regime than 50 and 200. */
export function roadmapReferences(regime: Regime): RoadmapNetwork[] {
  checkRegime(regime)
  return references[regime].map(([title, model, paper]) => {
    return { regime, title, model, ...costsOf(model, 1), paper }
  })
}

function checkRegime(regime: Regime): void {
  if (!regimes.includes(regime))
    throw new UsageError(`the roadmap has the regimes ${regimes.join(" and ")}, got ${regime}`)
}

/** Of the full networks by heart: a list of them need not build each. */
function costsOf(model: string, scale: number): { parameters: number; macs: number } {
  const known = scale === 1 ? paperCosts[model] : undefined
  if (known === undefined) return countCosts(model, { scale })
  const [parameters, macs] = known
  return { parameters, macs }
}

/** Builds a network without its weights, and counts its parameters and the multiply-accumulates of one image. */
export function countCosts(
  model: string,
  config?: Readonly<Record<string, unknown>>,
): { parameters: number; macs: number } {
  const network = new Network(describeModel(model, config))
  return { parameters: network.parameterCount, macs: network.macs(PLAN_IMAGE_SIZE, PLAN_IMAGE_SIZE) }
}
