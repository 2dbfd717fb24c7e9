/** Losses, of logits wherever there is a form that cannot overflow. */

import { expectOneOf } from "../checks.ts"
import type { Shape } from "../dim.ts"
import { defineOp, expectShape, named, type Op, type Operand, type Tensor } from "../tensor.ts"
import { sigmoid, softplus } from "./activation.ts"
import { cast } from "./cast.ts"
import { equal, less, logicalNot, where } from "./compare.ts"
import { abs, add, div, mul, neg, pow, square, sub } from "./elementwise.ts"
import { gather, gatherElements } from "./indexing.ts"
import { mean, sum } from "./reduce.ts"
import { fixedSize, reshape } from "./shape.ts"
import { logSoftmax } from "./softmax.ts"

export interface LossOptions {
  /** What becomes of the losses of the elements: their mean, their sum, or themselves. Default "mean". */
  reduction?: "mean" | "sum" | "none"
}

function reduceLosses(loss: string, losses: Tensor, { reduction = "mean" }: LossOptions): Tensor {
  named(loss, () => expectOneOf("reduction", reduction, ["mean", "sum", "none"]))
  if (reduction === "none") return losses
  return reduction === "sum" ? sum(losses) : mean(losses)
}

function expectTargets(loss: string, targets: Tensor, shape: Shape): void {
  named(loss, () => {
    expectShape("targets", targets, shape)
    if (targets.dtype !== "float32") throw new RangeError(`targets must be float32, got ${targets}`)
  })
}

export interface CrossEntropyOptions extends LossOptions {
  /** Share of each target that goes to all classes evenly. Szegedy et al. 2016, section 7. Default 0. */
  labelSmoothing?: number
  /** float32 [K]: how much each class counts. Default 1 each. */
  classWeights?: Tensor
  /** Targets of this class count for nothing, and it need not be a class. Only where targets are classes. Default none. */
  ignoreIndex?: number
}

/**
 * -sum(target log softmax(logits)) over the last axis, as torch.nn.functional.cross_entropy. logits are [..., K]; targets
 * are classes (int32 or int64 [...]) or the share of each class (float32 [..., K], a row sums to 1). The mean is over all
 * rows; where targets are classes it is weighted by theirs and leaves out the ignored, and is 0 if no row counts. A target
 * that is no class fails when the graph runs.
 * Throws a RangeError if the shapes do not fit, for a smoothing outside of 0 to 1, and for shares with an ignored class.
 */
export function crossEntropy(logits: Tensor, targets: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { labelSmoothing = 0, classWeights, ignoreIndex } = options
  named("crossEntropy", () => {
    if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
      throw new RangeError(`labelSmoothing must be from 0 to 1, got ${labelSmoothing}`)
    }
    if (classWeights) expectShape("classWeights", classWeights, [logits.dim(-1)])
  })
  if (targets.dtype !== "float32") return classCrossEntropy(logits, targets, options)
  expectTargets("crossEntropy", targets, logits.shape)
  if (ignoreIndex !== undefined) throw new RangeError("crossEntropy: ignoreIndex needs targets that are classes")
  const logs = weighted(logSoftmax(logits), classWeights)
  const shares = labelSmoothing === 0 ? targets : smooth(targets, labelSmoothing, logits.dim(-1) as number)
  return reduceLosses("crossEntropy", neg(sum(mul(shares, logs), [-1])), options)
}

const weighted = (x: Tensor, weights: Tensor | undefined): Tensor => (weights ? mul(x, weights) : x)

const smooth = (shares: Tensor, smoothing: number, classes: number): Tensor =>
  add(mul(shares, 1 - smoothing), smoothing / classes)

/** Classes as positions that fail on every device where they are none: a negative one would count from the end. */
const targetClassOp: Op<{ classes: number }> = defineOp<{ classes: number }>({
  name: "targetClass",
  shape: ([targets]) => ({ shape: targets!.shape, dtype: targets!.dtype }),
  decompose: ([targets], { classes }) => where(less(targets!, 0), classes, targets!),
  reference: ([targets], { classes }, [y]) => {
    targets!.data.forEach((target: number | bigint, i: number) => {
      if (target >= classes || target < 0) {
        throw new RangeError(
          `crossEntropy: target ${target} at position ${i} is no class: they are 0 to ${classes - 1}`,
        )
      }
      y!.data[i] = target
    })
  },
})

function classCrossEntropy(logits: Tensor, targets: Tensor, options: CrossEntropyOptions): Tensor {
  const { labelSmoothing = 0, classWeights, ignoreIndex } = options
  named("crossEntropy", () => expectShape("targets", targets, logits.shape.slice(0, -1)))
  const ignored = ignoreIndex === undefined ? undefined : equal(targets, ignoreIndex)
  const without = (x: Tensor) => (ignored ? where(ignored, 0, x) : x)
  const kept = ignored ? where(ignored, 0, targets) : targets
  const classes = named("crossEntropy", () => targetClassOp([kept], { classes: fixedSize(logits, logits.rank - 1) }))
  const logs = weighted(logSoftmax(logits), classWeights)
  const ofClass = reshape(gatherElements(logs, reshape(classes, [...classes.shape, 1]), -1), classes.shape)
  const ofAll = mean(logs, [-1])
  const mixed = labelSmoothing === 0 ? ofClass : add(mul(ofClass, 1 - labelSmoothing), mul(ofAll, labelSmoothing))
  const losses = without(neg(mixed))
  if ((options.reduction ?? "mean") !== "mean" || !(ignored || classWeights))
    return reduceLosses("crossEntropy", losses, options)
  const counts = classWeights ? without(gather(classWeights, classes)) : cast(logicalNot(ignored!), "float32")
  const total = sum(counts)
  return div(sum(losses), where(equal(total, 0), 1, total))
}

export interface BceOptions extends LossOptions {
  /** Factor on the loss of positive targets: one number, or [K] for the last axis. Default 1. */
  posWeight?: Operand
}

/** -w t log(sigmoid(x)) - (1 - t) log(1 - sigmoid(x)), elementwise. */
function binaryCrossEntropy(x: Tensor, t: Tensor, w: Operand): Tensor {
  const positive = w === 1 ? softplus(neg(x)) : mul(softplus(neg(x)), add(mul(t, sub(w, 1)), 1))
  return add(mul(sub(1, t), x), positive)
}

/**
 * Binary cross-entropy of each logit with a target from 0 to 1, as torch.nn.functional.binary_cross_entropy_with_logits.
 * logits and targets have the same shape. Throws a RangeError if they do not, or if posWeight does not fit.
 */
export function bceWithLogits(logits: Tensor, targets: Tensor, { posWeight = 1, ...options }: BceOptions = {}): Tensor {
  expectTargets("bceWithLogits", targets, logits.shape)
  if (typeof posWeight !== "number") {
    named("bceWithLogits", () => expectShape("posWeight", posWeight, [logits.dim(-1)]))
  }
  return reduceLosses("bceWithLogits", binaryCrossEntropy(logits, targets, posWeight), options)
}

/** |predictions - targets|. Both have the same shape. Throws a RangeError if they do not. */
export function l1Loss(predictions: Tensor, targets: Tensor, options: LossOptions = {}): Tensor {
  expectTargets("l1Loss", targets, predictions.shape)
  return reduceLosses("l1Loss", abs(sub(predictions, targets)), options)
}

/** (predictions - targets)^2. Both have the same shape. Throws a RangeError if they do not. */
export function mseLoss(predictions: Tensor, targets: Tensor, options: LossOptions = {}): Tensor {
  expectTargets("mseLoss", targets, predictions.shape)
  return reduceLosses("mseLoss", square(sub(predictions, targets)), options)
}

export interface SmoothL1Options extends LossOptions {
  /** Distance at which the square becomes a line. Default 1. */
  beta?: number
}

/**
 * With the distance d = |predictions - targets|: d^2 / (2 beta) below beta, d - beta / 2 from there on. Girshick 2015,
 * "Fast R-CNN", equation 3. Both have the same shape. Throws a RangeError if they do not, or for a beta that is not positive.
 */
export function smoothL1Loss(
  predictions: Tensor,
  targets: Tensor,
  { beta = 1, ...options }: SmoothL1Options = {},
): Tensor {
  expectTargets("smoothL1Loss", targets, predictions.shape)
  if (!(beta > 0)) throw new RangeError(`smoothL1Loss: beta must be positive, got ${beta}`)
  const distance = abs(sub(predictions, targets))
  const losses = where(less(distance, beta), mul(square(distance), 0.5 / beta), sub(distance, beta / 2))
  return reduceLosses("smoothL1Loss", losses, options)
}

export interface FocalOptions extends LossOptions {
  /** Weight of positive targets, from 0 to 1; negative ones get the rest. Default 0.25. */
  alpha?: number
  /** How much easy examples are played down; 0: not at all. Default 2. */
  gamma?: number
}

/**
 * Focal loss -alpha_t (1 - p_t)^gamma log(p_t) with p = sigmoid(logits), as torchvision.ops.sigmoid_focal_loss. Lin et al.
 * 2017, "Focal Loss for Dense Object Detection", equation 5. logits and targets (0 or 1) have the same shape.
 * Throws a RangeError if they do not, for an alpha outside of 0 to 1, and for a negative gamma.
 */
export function sigmoidFocalLoss(
  logits: Tensor,
  targets: Tensor,
  { alpha = 0.25, gamma = 2, ...options }: FocalOptions = {},
): Tensor {
  expectTargets("sigmoidFocalLoss", targets, logits.shape)
  if (!(alpha >= 0 && alpha <= 1)) throw new RangeError(`sigmoidFocalLoss: alpha must be from 0 to 1, got ${alpha}`)
  if (!(gamma >= 0)) throw new RangeError(`sigmoidFocalLoss: gamma must not be negative, got ${gamma}`)
  const p = sigmoid(logits)
  const missed = add(mul(targets, sub(1, p)), mul(sub(1, targets), p))
  const alphas = add(mul(targets, 2 * alpha - 1), 1 - alpha)
  const losses = mul(binaryCrossEntropy(logits, targets, 1), mul(alphas, pow(missed, gamma)))
  return reduceLosses("sigmoidFocalLoss", losses, options)
}

export interface DiceOptions extends LossOptions {
  /** Added to both sides of the fraction, so that an empty mask that is predicted empty has loss 0. Default 1. */
  smoothing?: number
}

/**
 * 1 - (2 sum(p t) + s) / (sum(p) + sum(t) + s) for each image and class, where the sums are over all positions. Milletari
 * et al. 2016, "V-Net", without its squares, as in Sudre et al. 2017. Probabilities and targets (0 to 1) are [N, ..., K];
 * without reduction the result is [N, K]. Throws a RangeError if their shapes differ or have no positions.
 */
export function diceLoss(
  probabilities: Tensor,
  targets: Tensor,
  { smoothing = 1, ...options }: DiceOptions = {},
): Tensor {
  expectTargets("diceLoss", targets, probabilities.shape)
  const positions = probabilities.shape.slice(2).map((_, i) => i + 1)
  if (positions.length === 0) throw new RangeError(`diceLoss: expected [N, ..., K], got ${probabilities}`)
  const overlap = sum(mul(probabilities, targets), positions)
  const sizes = add(sum(probabilities, positions), sum(targets, positions))
  const losses = sub(1, div(add(mul(overlap, 2), smoothing), add(sizes, smoothing)))
  return reduceLosses("diceLoss", losses, options)
}
