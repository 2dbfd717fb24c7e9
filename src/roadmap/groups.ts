/** The chapters of the paper's section 2, by which its figure 2 groups the steps. */

import type { RoadmapStepId } from "./steps.ts"

export interface RoadmapGroup {
  title: string
  steps: readonly RoadmapStepId[]
}

/** In the order of the paper. */
export const roadmapGroups: readonly RoadmapGroup[] = [
  { title: "Start", steps: ["resnet"] },
  { title: "Macro design", steps: ["stage-ratio", "patchify"] },
  { title: "ResNeXt", steps: ["depthwise", "width"] },
  { title: "Inverted bottleneck", steps: ["inverted"] },
  { title: "Large kernel", steps: ["move-up", "kernel-5", "kernel-7", "kernel-9", "kernel-11"] },
  { title: "Micro design", steps: ["gelu", "fewer-activations", "fewer-norms", "layer-norm", "separate-downsampling"] },
]
