/**
 * Operators that ONNX Runtime's WebGPU provider (1.30) computes wrongly, loosely or not at all, in forms that it computes
 * right. If a rule is left out, the tests on WebGPU (`test/full/webgpu.test.ts`) fail.
 */

import { type Graph, type Rule, rewrite } from "../../tensor/graph.ts"
import { LARGEST_FLOAT32 } from "../../tensor/ndarray.ts"
import { type Conv2dAttributes, conv2dInputGradientOp } from "../../tensor/ops/conv.ts"
import { add, clip, exp, log, max, mean, reshape, sub, sum } from "../../tensor/ops/index.ts"
import { layerNormOp } from "../../tensor/ops/norm.ts"
import { maxPool2dGradientOp } from "../../tensor/ops/pool.ts"
import { type Axes, logSumExpOp } from "../../tensor/ops/reduce.ts"
import { type Along, logSoftmaxOp } from "../../tensor/ops/softmax.ts"
import { applies, type Op, type Tensor } from "../../tensor/tensor.ts"
import { maxPoolGradient } from "./max-pool.ts"

/** Rewrites what the WebGPU provider cannot be given as it is. */
export function lowerForWebGpu(graph: Graph): Graph {
  return rewrite(graph, (node, inputs) => {
    for (const rule of rules) {
      const result = rule(node, inputs)
      if (result !== undefined) return result
    }
    return undefined
  })
}

type Rewrite<A> = (inputs: readonly Tensor[], attributes: A) => ReturnType<Rule>

function rule<A>(op: Op<A>, form: Rewrite<A>): Rule {
  return (node, inputs) => (applies(node, op) ? form(inputs, node.attributes) : undefined)
}

/**
 * `ConvTranspose` takes every weight with one output for each group for a depthwise one, and reads one input for each
 * group only. With groups of one channel it is right, and what they give is added up.
 */
function oneOutputPerGroup(
  [dy, weight]: readonly Tensor[],
  attributes: Conv2dAttributes & { inputSize: readonly [number, number] },
): Tensor | undefined {
  const { groups } = attributes
  const [outputs, perGroup] = weight!.shape as [number, number]
  if (groups === 1 || perGroup !== 1 || outputs === groups) return undefined
  const apart = conv2dInputGradientOp([dy!, weight!], { ...attributes, groups: outputs })
  return sum(reshape(apart, [...apart.shape.slice(0, 3), groups, outputs / groups]), [-1])
}

/** `ReduceLogSumExp` overflows: the largest element is taken out first, unless it is infinite: it would leave NaN. */
function shiftedLogSumExp([x]: readonly Tensor[], { axes, keepDims }: Axes): Tensor {
  const largest = clip(max(x!, axes, { keepDims: true }), -LARGEST_FLOAT32, LARGEST_FLOAT32)
  const total = add(log(sum(exp(sub(x!, largest)), axes, { keepDims: true })), largest)
  return keepDims
    ? total
    : reshape(
        total,
        x!.shape.filter((_, axis) => !axes.includes(axis)),
      )
}

/** There is no `LogSoftmax`: the logits would go to the CPU and back. */
function shiftedLogSoftmax([x]: readonly Tensor[], { axis }: Along): Tensor {
  const shifted = sub(x!, max(x!, [axis], { keepDims: true }))
  return sub(shifted, log(sum(exp(shifted), [axis], { keepDims: true })))
}

/**
 * `LayerNormalization` takes the variance as the mean square less the squared mean, of which little is left where the mean
 * is large. Without its mean x has the same result.
 */
function centredLayerNorm([x, weight, bias]: readonly Tensor[], attributes: { epsilon: number }): readonly Tensor[] {
  const average = mean(x!, [-1], { keepDims: true })
  const [y, rest, inverseStd] = layerNormOp.apply([sub(x!, average), weight!, bias!], attributes) as [
    Tensor,
    Tensor,
    Tensor,
  ]
  return [y, add(average, rest), inverseStd]
}

const rules: readonly Rule[] = [
  rule(conv2dInputGradientOp, oneOutputPerGroup),
  // `MaxPool` does not tell where it found the maxima.
  rule(maxPool2dGradientOp, ([x, dy], attributes) => maxPoolGradient(x!, dy!, attributes)),
  rule(logSumExpOp, shiftedLogSumExp),
  rule(logSoftmaxOp, shiftedLogSoftmax),
  rule(layerNormOp, centredLayerNorm),
]
