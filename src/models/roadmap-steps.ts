/**
 * What each step from ResNet to ConvNeXt changes: Liu et al. 2022, "A ConvNet for the 2020s" (arXiv 2201.03545), section 2
 * and appendix C. Exact definitions are those of the authors' submitted code (github.com/anonymous20222022/convnext);
 * the last step is the released ConvNeXt.
 */

import { suggestion, UsageError } from "../tensor/errors.ts"
import { check } from "./family.ts"

/** The two roads: from ResNet-50 to ConvNeXt-T, and from ResNet-200 to ConvNeXt-B. */
export const regimes = [50, 200] as const
export type Regime = (typeof regimes)[number]

/** Everything in which the networks of the roadmap differ. */
export interface RoadmapArchitecture {
  /** Blocks of each stage. */
  depths: readonly number[]
  /** Channels of the stem and of the first stage's inner layers; each stage doubles them. */
  width: number
  /** "overlap": 7x7 convolution of stride 2, norm, ReLU, 3x3 max-pooling. "patchify": 4x4 convolution of stride 4. */
  stem: "overlap" | "patchify"
  /** The spatial convolutions treat each channel by itself. */
  depthwise: boolean
  /** Blocks are thin outside and four times as wide inside; otherwise the reverse. Figure 3 (a) and (b). */
  inverted: boolean
  /** The spatial convolution comes first in its block, not between the two pointwise layers. Figure 3 (c). */
  spatialFirst: boolean
  /** Side of the spatial convolutions' kernel. */
  kernelSize: number
  activation: "relu" | "gelu"
  /** One activation in each block, before its last layer. */
  fewerActivations: boolean
  /** One norm in each block, after its spatial convolution. */
  fewerNorms: boolean
  norm: "batch" | "layer"
  /** A norm between the pooling and the classifier. */
  finalNorm: boolean
  /** 2x2 convolutions between the stages halve the map, instead of a stride in each stage's first block. */
  separateDownsampling: boolean
  /** A norm after a patchify stem and before each separate downsampling. */
  resolutionNorms: boolean
  /** First value of the layer scale; null for none. */
  lsInitValue: number | null
}

type Changes = Partial<RoadmapArchitecture>

const resnet: Omit<RoadmapArchitecture, "depths"> = {
  width: 64,
  stem: "overlap",
  depthwise: false,
  inverted: false,
  spatialFirst: false,
  kernelSize: 3,
  activation: "relu",
  fewerActivations: false,
  fewerNorms: false,
  norm: "batch",
  finalNorm: false,
  separateDownsampling: false,
  resolutionNorms: false,
  lsInitValue: null,
}

const starts: Readonly<Record<Regime, RoadmapArchitecture>> = {
  50: { ...resnet, depths: [3, 4, 6, 3] },
  200: { ...resnet, depths: [3, 24, 36, 3] },
}

/** What each change does in both regimes, in the order of the paper. */
const changes = {
  resnet: {},
  "stage-ratio": {},
  patchify: { stem: "patchify" },
  depthwise: { depthwise: true },
  width: {},
  inverted: { inverted: true },
  "move-up": { spatialFirst: true },
  "kernel-5": { kernelSize: 5 },
  "kernel-7": { kernelSize: 7 },
  "kernel-9": { kernelSize: 9 },
  "kernel-11": { kernelSize: 11 },
  gelu: { activation: "gelu" },
  "fewer-activations": { fewerActivations: true },
  "fewer-norms": { fewerNorms: true },
  "layer-norm": { norm: "layer", finalNorm: true },
  "separate-downsampling": {
    separateDownsampling: true,
    resolutionNorms: true,
    finalNorm: true,
    lsInitValue: 1e-6,
  },
  // The submitted code has neither norms around the downsampling nor a layer scale.
  "separate-downsampling-as-submitted": { separateDownsampling: true },
} as const satisfies Record<string, Changes>

export type RoadmapChange = keyof typeof changes

/** What the change of depths and widths is in each regime. The larger network grows wider in two steps. */
const sizeChanges: Readonly<Record<Regime, Partial<Record<RoadmapChange, Changes>>>> = {
  50: { "stage-ratio": { depths: [3, 3, 9, 3] }, width: { width: 96 } },
  200: { "stage-ratio": { depths: [3, 3, 27, 3], width: 84 }, width: { width: 128 } },
}

/** Changes of which a network can have one. The paper goes on with the first. */
const alternatives: readonly (readonly RoadmapChange[])[] = [
  ["kernel-7", "kernel-5", "kernel-9", "kernel-11"],
  ["separate-downsampling", "separate-downsampling-as-submitted"],
]

/** What a change builds on, and why. */
const requirements: Partial<Record<RoadmapChange, { needs: RoadmapChange; because: string }>> = {
  "move-up": { needs: "inverted", because: "only an inverted block is thin where it begins" },
  "fewer-norms": {
    needs: "move-up",
    because: "the norm that stays is that of the spatial convolution, which must come first",
  },
}

/** Names of all changes, in the order of the paper. */
export const roadmapChanges = Object.keys(changes) as readonly RoadmapChange[]

/** The fields that a change sets. */
export function changedFields(regime: Regime, change: RoadmapChange): Partial<RoadmapArchitecture> {
  return { ...changes[change], ...sizeChanges[regime][change] }
}

/** Whether the paper tries a change and goes on without it. */
export function isSideBranch(change: RoadmapChange): boolean {
  return alternatives.some((group) => group.indexOf(change) > 0)
}

/** All changes of the network at a step: those that the paper keeps up to there, and the step's own. */
export function changesUpTo(step: RoadmapChange): RoadmapChange[] {
  const rivals = alternatives.find((group) => group.includes(step)) ?? []
  const before = roadmapChanges.slice(0, roadmapChanges.indexOf(step))
  return [...before.filter((change) => !isSideBranch(change) && !rivals.includes(change)), step]
}

/** Throws a UsageError that names what does not fit unless the changes, in any order, make a network. */
export function checkChanges(given: unknown): asserts given is readonly RoadmapChange[] {
  check(Array.isArray(given), `steps must be a list of the roadmap's steps, got ${JSON.stringify(given)}`)
  const steps = given as RoadmapChange[]
  for (const [i, step] of steps.entries()) {
    if (!roadmapChanges.includes(step)) {
      const hint = suggestion(String(step), roadmapChanges) || `; there are ${roadmapChanges.join(", ")}`
      throw new UsageError(`the roadmap has no step ${step}${hint}`)
    }
    check(steps.indexOf(step) === i, `the step ${step} is given twice`)
    const rival = alternatives
      .find((group) => group.includes(step))
      ?.find((other) => other !== step && steps.includes(other))
    check(rival === undefined, `the steps ${step} and ${rival} exclude each other: leave one out`)
    const { needs, because } = requirements[step] ?? {}
    check(needs === undefined || steps.includes(needs), `the step ${step} needs the step ${needs}: ${because}`)
  }
}

/**
 * The architecture of a regime's ResNet after these changes, in whatever order they are given.
 * @param scale factor on all widths and depths. Depths are rounded up, so that every stage keeps a block
 */
export function architectureOf(regime: Regime, steps: readonly RoadmapChange[], scale = 1): RoadmapArchitecture {
  const inOrder = roadmapChanges.filter((change) => steps.includes(change))
  const full: RoadmapArchitecture = Object.assign({}, starts[regime], ...inOrder.map((c) => changedFields(regime, c)))
  return { ...full, width: Math.round(full.width * scale), depths: full.depths.map((depth) => scaledUp(depth, scale)) }
}

/** The product rounded up, where it is more than a rounding error above a whole number. */
const scaledUp = (count: number, scale: number) => Math.max(1, Math.ceil(count * scale - 1e-9))
