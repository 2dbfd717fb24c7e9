/** A network of two layers with a running mean, small enough to be trained a thousand times on any device. */

import { gradients } from "../../src/autodiff/gradients.ts"
import { gradientName } from "../../src/optim/graph.ts"
import { type ParameterGroup, parameterGroups } from "../../src/optim/index.ts"
import type { Graph } from "../../src/tensor/graph.ts"
import { type NdArray, ndarray } from "../../src/tensor/ndarray.ts"
import { add, crossEntropy, gelu, linear, mean, mul, stopGradient, sub } from "../../src/tensor/ops/index.ts"
import { input } from "../../src/tensor/tensor.ts"
import type { ResidentBatch } from "../../src/train/resident.ts"
import { bufferName, LOSS } from "../../src/train/step-graph.ts"
import { randomArray } from "./arrays.ts"

const INPUTS = 6
const CLASSES = 3

/** Shapes of the parameters of a network with `hidden` units. */
const shapes = (hidden: number): Record<string, number[]> => ({
  "fc1.weight": [hidden, INPUTS],
  "fc1.bias": [hidden],
  "fc2.weight": [CLASSES, hidden],
})

export const runningMean = "norm.running_mean"

/** First weights, and the running mean that every batch moves. */
export function smallWeights(hidden = 8): Record<string, NdArray> {
  const parameters = Object.entries(shapes(hidden)).map(([name, shape]) => [
    name,
    randomArray(shape, name, { std: 0.5 }),
  ])
  return { ...Object.fromEntries(parameters), [runningMean]: ndarray(new Float32Array(INPUTS)) }
}

export function smallGroups(hidden = 8): ParameterGroup[] {
  const infos = Object.entries(shapes(hidden)).map(([name, shape]) => ({ name, shape }))
  return parameterGroups(infos, { weightDecay: 0.05 })
}

/** Loss, gradients and the new running mean for a batch of a fixed size. */
export function smallGraph(size: number, hidden = 8): Graph {
  const x = input("x", [size, INPUTS])
  const running = input(runningMean, [INPUTS])
  const parameters = Object.entries(shapes(hidden)).map(([name, shape]) => input(name, shape))
  const [weight1, bias1, weight2] = parameters
  const centred = sub(x, stopGradient(running))
  const loss = crossEntropy(linear(gelu(linear(centred, weight1!, bias1)), weight2!), input("targets", [size, CLASSES]))
  const named = gradients(loss, parameters).map((gradient, i) => [
    gradientName(Object.keys(shapes(hidden))[i]!),
    gradient,
  ])
  return {
    [LOSS]: loss,
    ...Object.fromEntries(named),
    [bufferName(runningMean)]: add(mul(running, 0.9), mul(mean(x, [0]), 0.1)),
  }
}

/** Batch number k. */
export function smallBatch(k: number, size = 4, hidden = 8): Omit<ResidentBatch, "lr"> {
  const targets = new Float32Array(size * CLASSES)
  for (let i = 0; i < size; i++) targets[i * CLASSES + ((i + k) % CLASSES)] = 1
  return {
    key: String(size),
    trace: () => ({ graph: smallGraph(size, hidden), maxima: {} }),
    feeds: { x: randomArray([size, INPUTS], `x ${k}`), targets: ndarray(targets, [size, CLASSES]) },
  }
}
