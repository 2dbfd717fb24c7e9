/** How the tables of published weights are written: only what differs from the most common case. */

import type { Preprocessing } from "../family.ts"

/** Licences as the hub names them; null where the publisher states none. */
export type License =
  | "apache-2.0"
  | "bsd-3-clause"
  | "mit"
  | "cc-by-nc-4.0"
  | "dinov3-license"
  | "fair-noncommercial-research-license"
  | null

/** Size and crop of an evaluation; all else is as in training. */
export type EvaluationSize = Pick<Preprocessing, "inputSize" | "cropPct">

/** Top-1 in percent, and top-5 where it is published. */
export type Accuracy = readonly [top1: number, top5?: number]

/** What of a weight differs from ImageNet-1k at 224 pixels under the Apache License. */
export interface TableEntry extends Partial<Preprocessing> {
  /** Default apache-2.0. */
  license?: License
  /** Outputs of the classifier; 0 where there is none. Default 1000. */
  numClasses?: number
  /** Where a larger evaluation than the training size is published too. */
  test?: EvaluationSize
  /** On the validation images of ImageNet-1k, by the side of the input. */
  accuracy?: Readonly<Record<number, Accuracy>>
}

/** Entries by the full name, `model.tag`. The first of a model is its default. */
export type WeightsTable = Readonly<Record<string, TableEntry>>

/** Colours scaled to -1..1. */
export const half = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } satisfies TableEntry

/** Mean and deviation of CLIP's training images (Radford et al. 2021). */
export const clip = {
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
} satisfies TableEntry
