/** What is a mistake nearly always, though it can be done: it is said, not refused. */

import type { Model } from "../models/model.ts"
import { pretrainedFor } from "../models/pretrained/index.ts"
import { VisionTransformer } from "../models/vit.ts"
import { batchesPerEpoch } from "./settings.ts"
import type { RunSetup } from "./setup.ts"

/** Sentences on a run that begins, or goes on. */
export function describeDoubts(
  { settings, splits, model, modelGiven, saved }: RunSetup,
  trainedParameters: number,
): string[] {
  const { weights, epochs, accumulate } = settings
  const doubts: string[] = []
  // What a program gives may have any weights; a run that goes on has said it when it began.
  const fresh = weights === undefined && !modelGiven && !saved
  if (fresh && trainedParameters < model.parameterCount) {
    const known = pretrainedFor(model.name).length > 0 ? "pretrained, a checkpoint or a run" : "a checkpoint or a run"
    doubts.push(`the frozen layers have random weights, and keep them: set \`weights\` to ${known}`)
  }
  const batches = epochs * batchesPerEpoch(splits.train.length, settings)
  if (batches < accumulate) {
    doubts.push(`no step will be made: accumulate is ${accumulate}, and the run has fewer batches (${batches})`)
  }
  return [...doubts, ...describeUnseen(model)]
}

/** A vision transformer cuts images into whole patches, as in timm: what is left over at the edges it does not see. */
export function describeUnseen({ name, network, dataConfig: { inputSize }, featureInfo }: Model): string[] {
  if (!(network.root instanceof VisionTransformer)) return []
  const patch = featureInfo[0]!.stride
  const seen = inputSize - (inputSize % patch)
  if (seen === inputSize) return []
  return [`${name} has patches of ${patch} px: of ${inputSize} x ${inputSize} px it sees ${seen} x ${seen}`]
}
