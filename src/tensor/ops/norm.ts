/** Normalisation. */

import { expectWhole } from "../checks.ts"
import { printShape, productOf } from "../dim.ts"
import { defineOp, expectRank, expectShape, named, type Op, type Tensor } from "../tensor.ts"
import { maximum } from "./compare.ts"
import { add, div, mul, rsqrt, sqrt, square, sub } from "./elementwise.ts"
import { dotLast, mean, perChannel, sizeAlong, sum } from "./reduce.ts"
import { broadcastTo, reshape } from "./shape.ts"

export const layerNormOp: Op<{ epsilon: number }> = defineOp<{ epsilon: number }>({
  name: "layerNorm",
  shape: ([x, weight, bias]) => {
    const channels = x!.dim(-1)
    expectShape("weight", weight!, [channels])
    expectShape("bias", bias!, [channels])
    const statistics = { shape: [...x!.shape.slice(0, -1), 1], dtype: x!.dtype }
    return [{ shape: x!.shape, dtype: x!.dtype }, statistics, statistics]
  },
  gradient: ([x, weight], [, average, inverseStd], [dy, ...statistics]) => {
    if (!dy || statistics.some((gradient) => gradient)) {
      throw new Error("layerNorm: its mean and deviation cannot be differentiated, only its result, and that once")
    }
    const normalised = mul(sub(x!, average!), inverseStd!)
    const scaled = mul(dy, weight!)
    const channels = x!.dim(-1) as number
    const centred = sub(
      sub(scaled, mean(scaled, [-1], { keepDims: true })),
      mul(normalised, mul(dotLast(scaled, normalised), 1 / channels)),
    )
    return [mul(centred, inverseStd!), perChannel(sum, mul(dy, normalised)), perChannel(sum, dy)]
  },
  onnx: (builder, inputs, { epsilon }) =>
    builder.nodes("LayerNormalization", inputs, { axis: -1, epsilon: { float: epsilon } }, 3),
  reference: ([x, weight, bias], { epsilon }, [y, average, inverseStd]) => {
    const channels = x!.shape.at(-1)!
    for (let row = 0; row < average!.data.length; row++) {
      const at = row * channels
      let total = 0
      for (let c = 0; c < channels; c++) total += Number(x!.data[at + c])
      const m = total / channels
      let squares = 0
      for (let c = 0; c < channels; c++) squares += (Number(x!.data[at + c]) - m) ** 2
      const inverse = 1 / Math.sqrt(squares / channels + epsilon)
      average!.data[row] = m
      inverseStd!.data[row] = inverse
      for (let c = 0; c < channels; c++) {
        y!.data[at + c] = (Number(x!.data[at + c]) - m) * inverse * Number(weight!.data[c]) + Number(bias!.data[c])
      }
    }
  },
})

/**
 * Layer normalisation over the last axis, with the biased variance. Ba et al. 2016, "Layer Normalization", equation 4.
 * x [..., C], weight and bias [C].
 */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, epsilon: number): Tensor {
  return layerNormOp([x, weight, bias], { epsilon })
}

/**
 * x / sqrt(mean(x^2) + epsilon) times the weight, over the last axis. x [..., C], weight [C]. Zhang and Sennrich 2019,
 * "Root Mean Square Layer Normalization", equation 4, with epsilon under the root as in timm.
 */
export function rmsNorm(x: Tensor, weight: Tensor, epsilon: number): Tensor {
  named("rmsNorm", () => expectShape("weight", weight, [x.dim(-1)]))
  return mul(mul(x, rsqrt(add(mean(square(x), [-1], { keepDims: true }), epsilon))), weight)
}

/** Values of each channel in the batch. */
const batchSize = (x: Tensor) =>
  sizeAlong(
    x,
    Array.from({ length: x.rank - 1 }, (_, axis) => axis),
  )

function expectPerChannel(x: Tensor, parameters: Readonly<Record<string, Tensor>>): void {
  for (const [name, parameter] of Object.entries(parameters)) expectShape(name, parameter, [x.dim(-1)])
}

/** Outputs: the normalised x, the mean and the biased variance of each channel. */
const batchNormTrainingOp: Op<{ epsilon: number }> = defineOp<{ epsilon: number }>({
  name: "batchNormTraining",
  shape: ([x, weight, bias]) => {
    expectPerChannel(x!, { weight: weight!, bias: bias! })
    const count = productOf(x!.shape.slice(0, -1))
    if (x!.rank < 2 || count === 1) {
      throw new RangeError(`a batch needs more than one value of each channel, got ${printShape(x!.shape)}`)
    }
    const statistics = { shape: [x!.dim(-1)], dtype: x!.dtype }
    return [{ shape: x!.shape, dtype: x!.dtype }, statistics, statistics]
  },
  // Ioffe and Szegedy 2015, section 3, with the sums over the batch collected per channel.
  gradient: ([x, weight], [, average, variance], [dy, ...statistics], { epsilon }) => {
    if (!dy || statistics.some((gradient) => gradient)) {
      throw new Error("batchNormTraining: its mean and variance cannot be differentiated, only its result")
    }
    const count = batchSize(x!)
    const centred = sub(x!, average!)
    const inverseStd = rsqrt(add(variance!, epsilon))
    const dBias = perChannel(sum, dy)
    const dWeight = mul(perChannel(sum, mul(dy, centred)), inverseStd)
    const alongX = mul(centred, mul(div(dWeight, count), inverseStd))
    return [mul(sub(sub(dy, alongX), div(dBias, count)), mul(weight!, inverseStd)), dWeight, dBias]
  },
  decompose: ([x, weight, bias], { epsilon }) => {
    const average = perChannel(mean, x!)
    const centred = sub(x!, average)
    const variance = perChannel(mean, square(centred))
    const scale = mul(weight!, rsqrt(add(variance, epsilon)))
    return [add(mul(centred, scale), bias!), average, variance]
  },
  reference: ([x, weight, bias], { epsilon }, [y, average, variance]) => {
    const channels = weight!.data.length
    const count = x!.data.length / channels
    for (let c = 0; c < channels; c++) {
      let total = 0
      for (let i = c; i < x!.data.length; i += channels) total += Number(x!.data[i])
      const m = total / count
      let squares = 0
      for (let i = c; i < x!.data.length; i += channels) squares += (Number(x!.data[i]) - m) ** 2
      average!.data[c] = m
      variance!.data[c] = squares / count
      const scale = Number(weight!.data[c]) / Math.sqrt(squares / count + epsilon)
      for (let i = c; i < x!.data.length; i += channels) {
        y!.data[i] = (Number(x!.data[i]) - m) * scale + Number(bias!.data[c])
      }
    }
  },
})

export interface BatchStatistics {
  /** The normalised x. */
  y: Tensor
  /** Mean of each channel over the batch: [C]. */
  mean: Tensor
  /** Unbiased variance of each channel over the batch, which running averages take: [C]. */
  variance: Tensor
}

/**
 * Batch normalisation in training: over all axes but the last, with the mean and the biased variance of the batch. Ioffe
 * and Szegedy 2015, "Batch Normalization", algorithm 1. x [..., C], weight and bias [C].
 * Throws a RangeError if the batch is known to have a single value of each channel; one that turns out to have when the
 * graph runs gives the bias, and variance 0. The statistics have no gradient of their own.
 */
export function batchNormTraining(x: Tensor, weight: Tensor, bias: Tensor, epsilon: number): BatchStatistics {
  const [y, average, biased] = batchNormTrainingOp.apply([x, weight, bias], { epsilon })
  const count = batchSize(x)
  // A batch whose size shows only when the graph runs may have a single value, whose biased variance is 0 already.
  const others = typeof count === "number" ? count - 1 : maximum(sub(count, 1), 1)
  return { y: y!, mean: average!, variance: mul(biased!, div(count, others)) }
}

/**
 * Batch normalisation with given statistics, as in evaluation. x [..., C]; weight, bias, mean and variance [C].
 * One factor and one summand for each channel, as PyTorch computes it.
 */
export function batchNorm(
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  average: Tensor,
  variance: Tensor,
  epsilon: number,
): Tensor {
  named("batchNorm", () => expectPerChannel(x, { weight, bias, mean: average, variance }))
  const scale = mul(weight, rsqrt(add(variance, epsilon)))
  return add(mul(x, scale), sub(bias, mul(average, scale)))
}

/**
 * Group normalisation: over all positions of a sample and the channels of a group, with the biased variance. Wu and He
 * 2018, "Group Normalization". x [N, ..., C] with C a multiple of `groups`, weight and bias [C].
 */
export function groupNorm(x: Tensor, groups: number, weight: Tensor, bias: Tensor, epsilon: number): Tensor {
  return named("groupNorm", () => {
    expectWhole("groups", groups, 1)
    expectPerChannel(x, { weight, bias })
    const [batch, channels] = [x.dim(0), x.dim(-1) as number]
    if (x.rank < 2 || channels % groups !== 0) {
      throw new RangeError(`${groups} groups do not divide the channels of ${printShape(x.shape)}`)
    }
    const positions = reshape(x, [batch, productOf(x.shape.slice(1, -1)), channels])
    /** Mean over all positions, then over the channels of a group, repeated for each of them: [N, 1, C]. */
    const groupMean = (t: Tensor): Tensor => {
      const grouped = reshape(mean(t, [1]), [batch, groups, channels / groups])
      return reshape(broadcastTo(mean(grouped, [2], { keepDims: true }), grouped), [batch, 1, channels])
    }
    const centred = sub(positions, groupMean(positions))
    const scale = mul(rsqrt(add(groupMean(square(centred)), epsilon)), weight)
    return reshape(add(mul(centred, scale), bias), x.shape)
  })
}

/** Keeps the gradient of a norm of 0 finite, as PyTorch's is, and is lost in rounding where a norm is above 1e-8. */
const NORM_FLOOR = 1e-24

/**
 * Global response normalisation: x + weight (x n) + bias, where n is the norm of a channel over all positions divided by
 * the mean of these norms over the channels (+ epsilon). Woo et al. 2023, "ConvNeXt V2", equations 1 to 3, as in timm.
 * x [N, H, W, C], weight and bias [C].
 */
export function globalResponseNorm(x: Tensor, weight: Tensor, bias: Tensor, epsilon = 1e-6): Tensor {
  return named("globalResponseNorm", () => {
    expectRank("x", x, 4)
    expectPerChannel(x, { weight, bias })
    const norms = sqrt(add(sum(square(x), [1, 2], { keepDims: true }), NORM_FLOOR))
    const responses = div(norms, add(mean(norms, [-1], { keepDims: true }), epsilon))
    return add(mul(x, add(mul(responses, weight), 1)), bias)
  })
}
