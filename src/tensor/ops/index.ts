/** All operators. */

export {
  gelu,
  geluTanh,
  hardSigmoid,
  hardSwish,
  relu,
  relu6,
  sigmoid,
  silu,
  softplus,
  tanh,
} from "./activation.ts"
export { after } from "./after.ts"
export { type AttentionOptions, scaledDotProductAttention } from "./attention.ts"
export { cast, stopGradient } from "./cast.ts"
export {
  clip,
  equal,
  greater,
  greaterOrEqual,
  less,
  lessOrEqual,
  logicalAnd,
  logicalNot,
  logicalOr,
  maximum,
  minimum,
  where,
} from "./compare.ts"
export { type Conv2dOptions, type ConvTranspose2dOptions, conv2d, convTranspose2d } from "./conv.ts"
export { abs, add, div, erf, exp, log, mul, neg, pow, rsqrt, sign, sqrt, square, sub } from "./elementwise.ts"
export {
  argMax,
  cumulativeSum,
  gather,
  gatherElements,
  oneHot,
  scatterAdd,
  scatterAddElements,
  topK,
} from "./indexing.ts"
export {
  type BceOptions,
  bceWithLogits,
  type CrossEntropyOptions,
  crossEntropy,
  type DiceOptions,
  diceLoss,
  type FocalOptions,
  type LossOptions,
  l1Loss,
  mseLoss,
  type SmoothL1Options,
  sigmoidFocalLoss,
  smoothL1Loss,
} from "./losses.ts"
export { linear, type MatmulOptions, matmul } from "./matmul.ts"
export {
  type BatchStatistics,
  batchNorm,
  batchNormTraining,
  globalResponseNorm,
  groupNorm,
  layerNorm,
  rmsNorm,
} from "./norm.ts"
export { concat, type PadMode, pad, roll, slice, split, stack } from "./parts.ts"
export {
  type AvgPool2dOptions,
  adaptiveAvgPool2d,
  avgPool2d,
  globalAvgPool,
  globalMaxPool,
  maxPool2d,
  type Pool2dOptions,
} from "./pool.ts"
export { logSumExp, max, mean, min, type ReduceOptions, sum, type VarianceOptions, variance } from "./reduce.ts"
export { type InterpolateOptions, type InterpolationMode, interpolate } from "./resize.ts"
export { type RoiAlignOptions, roiAlign } from "./roi-align.ts"
export { addRows, padRows, takeRows } from "./rows.ts"
export { broadcastTo, flip, reshape, squeeze, transpose, unsqueeze } from "./shape.ts"
export { logSoftmax, softmax } from "./softmax.ts"
