/** One graph for each operator of src/tensor/ops, of the smallest tensors that it takes. */

import type { DType } from "../../src/tensor/ndarray.ts"
import * as ops from "../../src/tensor/ops/index.ts"
import { input, type Tensor } from "../../src/tensor/tensor.ts"

let inputs = 0

/** A value that is fed; a batch of any size where the first axis is "N". */
function fed(shape: readonly (number | string)[], dtype: DType = "float32"): Tensor {
  return input(`x${inputs++}`, shape, dtype)
}

const rows = () => fed(["N", 6])
const maps = () => fed(["N", 6, 6, 4])
const channels = (count = 4) => fed([count])
const bools = () => ops.greater(rows(), 0)

/** Operators of one operand. */
const unary = {
  abs: ops.abs,
  erf: ops.erf,
  exp: ops.exp,
  gelu: ops.gelu,
  geluTanh: ops.geluTanh,
  hardSigmoid: ops.hardSigmoid,
  hardSwish: ops.hardSwish,
  log: ops.log,
  logSoftmax: ops.logSoftmax,
  logSumExp: ops.logSumExp,
  max: ops.max,
  mean: ops.mean,
  min: ops.min,
  neg: ops.neg,
  relu: ops.relu,
  relu6: ops.relu6,
  rsqrt: ops.rsqrt,
  sigmoid: ops.sigmoid,
  sign: ops.sign,
  silu: ops.silu,
  softmax: ops.softmax,
  softplus: ops.softplus,
  sqrt: ops.sqrt,
  square: ops.square,
  stopGradient: ops.stopGradient,
  sum: ops.sum,
  tanh: ops.tanh,
  transpose: ops.transpose,
  variance: ops.variance,
}
/** Operators of two that broadcast, or must be alike. */
const binary = {
  add: ops.add,
  div: ops.div,
  equal: ops.equal,
  greater: ops.greater,
  greaterOrEqual: ops.greaterOrEqual,
  less: ops.less,
  lessOrEqual: ops.lessOrEqual,
  maximum: ops.maximum,
  minimum: ops.minimum,
  mul: ops.mul,
  sub: ops.sub,
  bceWithLogits: ops.bceWithLogits,
  l1Loss: ops.l1Loss,
  mseLoss: ops.mseLoss,
  sigmoidFocalLoss: ops.sigmoidFocalLoss,
  smoothL1Loss: ops.smoothL1Loss,
}

type Build = () => Tensor | readonly Tensor[]

/** How each operator is applied. */
export const operators: Readonly<Record<string, Build>> = {
  ...Object.fromEntries(Object.entries(unary).map(([name, op]): [string, Build] => [name, () => op(rows())])),
  ...Object.fromEntries(Object.entries(binary).map(([name, op]): [string, Build] => [name, () => op(rows(), rows())])),
  adaptiveAvgPool2d: () => ops.adaptiveAvgPool2d(maps(), 4),
  addRows: () => ops.addRows(rows(), fed(["K"], "int64"), fed(["K", 6])),
  after: () => ops.after(rows(), rows()),
  argMax: () => ops.argMax(rows(), 1),
  avgPool2d: () => ops.avgPool2d(maps(), { kernelSize: 3, stride: 2, padding: 1 }),
  batchNorm: () => ops.batchNorm(maps(), channels(), channels(), channels(), channels(), 1e-5),
  batchNormTraining: () => ops.batchNormTraining(maps(), channels(), channels(), 1e-5).y,
  broadcastTo: () => ops.broadcastTo(fed([6]), rows()),
  cast: () => ops.cast(rows(), "float64"),
  clip: () => ops.clip(rows(), 0, 1),
  concat: () => ops.concat([rows(), rows()], 1),
  conv2d: () => ops.conv2d(maps(), fed([8, 2, 3, 3]), channels(8), { stride: 2, padding: 1, groups: 2 }),
  convTranspose2d: () => ops.convTranspose2d(maps(), fed([4, 8, 2, 2]), channels(8), { stride: 2 }),
  crossEntropy: () => ops.crossEntropy(rows(), fed(["N"], "int32"), { labelSmoothing: 0.1 }),
  cumulativeSum: () => ops.cumulativeSum(rows(), 1),
  diceLoss: () => ops.diceLoss(ops.sigmoid(maps()), maps()),
  flip: () => ops.flip(rows(), 1),
  gather: () => ops.gather(rows(), fed([3], "int32"), 1),
  gatherElements: () => ops.gatherElements(rows(), fed(["N", 2], "int32"), 1),
  globalAvgPool: () => ops.globalAvgPool(maps()),
  globalMaxPool: () => ops.globalMaxPool(maps()),
  globalResponseNorm: () => ops.globalResponseNorm(maps(), channels(), channels()),
  groupNorm: () => ops.groupNorm(maps(), 2, channels(), channels(), 1e-5),
  interpolate: () => [
    ops.interpolate(maps(), { size: [9, 5], mode: "nearest" }),
    ops.interpolate(maps(), { size: [9, 5], mode: "bilinear" }),
    ops.interpolate(maps(), { size: [9, 5], mode: "bicubic", alignCorners: true }),
  ],
  layerNorm: () => ops.layerNorm(maps(), channels(), channels(), 1e-6),
  linear: () => [ops.linear(maps(), fed([8, 4]), channels(8)), ops.linear(rows(), fed([8, 6]))],
  logicalAnd: () => ops.logicalAnd(bools(), bools()),
  logicalNot: () => ops.logicalNot(bools()),
  logicalOr: () => ops.logicalOr(bools(), bools()),
  matmul: () => ops.matmul(fed(["N", 2, 3, 4]), fed(["N", 2, 5, 4]), { transposeB: true }),
  maxPool2d: () => ops.maxPool2d(maps(), { kernelSize: 3, stride: 2, padding: 1 }),
  oneHot: () => ops.oneHot(fed(["N"], "int32"), 5),
  pad: () => [ops.pad(maps(), 1, 1, 2), ops.pad(maps(), 2, 1, 1, "reflect"), ops.pad(maps(), 2, 1, 1, "edge")],
  padRows: () => ops.padRows(fed(["K", 6]), 8),
  pow: () => ops.pow(rows(), 3),
  reshape: () => ops.reshape(maps(), ["N", 36, 4]),
  rmsNorm: () => ops.rmsNorm(maps(), channels(), 1e-6),
  roiAlign: () => ops.roiAlign(maps(), fed(["K", 5]), { size: [2, 2], samplingRatio: 2 }),
  roll: () => ops.roll(maps(), 1, 2),
  scaledDotProductAttention: () => {
    const heads = () => fed(["N", 2, 9, 4])
    return ops.scaledDotProductAttention(heads(), heads(), heads(), { bias: fed([2, 9, 9]) })
  },
  scatterAdd: () => ops.scatterAdd(rows(), fed([3], "int32"), fed(["N", 3]), 1),
  scatterAddElements: () => ops.scatterAddElements(rows(), fed(["N", 2], "int32"), fed(["N", 2]), 1),
  slice: () => ops.slice(rows(), 1, 1, 4),
  split: () => ops.split(rows(), 1, [2, 4]),
  squeeze: () => ops.squeeze(fed(["N", 1, 6]), 1),
  stack: () => ops.stack([rows(), rows()], 1),
  takeRows: () => ops.takeRows(rows(), fed(["K"], "int64")),
  topK: () => Object.values(ops.topK(rows(), 2)),
  unsqueeze: () => ops.unsqueeze(rows(), 1),
  where: () => ops.where(bools(), rows(), 0),
}
