/** Random graphs, for passes that must keep what a graph computes. */

import type { Graph } from "../../src/tensor/graph.ts"
import { type NdArray, ndarray } from "../../src/tensor/ndarray.ts"
import {
  add,
  div,
  erf,
  gelu,
  layerNorm,
  linear,
  logSoftmax,
  mean,
  mul,
  neg,
  reshape,
  softmax,
  sub,
  sum,
  transpose,
} from "../../src/tensor/ops/index.ts"
import { Random } from "../../src/tensor/random.ts"
import { constant, input, type Tensor } from "../../src/tensor/tensor.ts"
import { randomArray } from "./arrays.ts"

export interface RandomGraph {
  graph: Graph
  feeds: Record<string, NdArray>
}

/** Scalars that identities look for, and some that they must leave alone. */
const scalars = [0, 1, -1, 2, 0.5, 3, -0.25]
const CHANNELS = 4

/**
 * A graph of about `size` operators on a map of features [N, 4], drawn from `seed`. It holds what passes look for:
 * scalar factors, sums with negatives, the same term twice, linear layers with GELU and layer scale, some of them with
 * a second use.
 */
export function randomGraph(seed: number, size = 12): RandomGraph {
  const random = new Random(seed, "graph")
  const feeds: Record<string, NdArray> = {}
  const leaf = (shape: number[], symbolic: readonly (number | string)[] = shape): Tensor => {
    const name = `x${Object.keys(feeds).length}`
    feeds[name] = randomArray(shape, `${seed} ${name}`)
    return input(name, symbolic)
  }
  const pool = [leaf([3, CHANNELS], ["N", CHANNELS]), leaf([3, CHANNELS], ["N", CHANNELS])]
  const pick = () => pool[random.integer(pool.length)]!
  const scalar = () => scalars[random.integer(scalars.length)]!
  const layer = (x: Tensor, inputs: number, outputs: number) =>
    linear(x, leaf([outputs, inputs]), random.integer(2) === 0 ? leaf([outputs]) : undefined)

  const steps: (() => Tensor)[] = [
    () => add(pick(), pick()),
    () => sub(pick(), pick()),
    () => mul(pick(), pick()),
    () => mul(pick(), scalar()),
    () => mul(scalar(), pick()),
    () => add(pick(), scalar()),
    () => sub(pick(), scalar()),
    () => div(pick(), scalar() || 4),
    () => mul(pick(), mul(constant(scalar()), scalar())),
    () => mul(pick(), constant(ndarray([1, 0, 2, -1]))),
    () => neg(pick()),
    () => add(neg(pick()), pick()),
    () => add(pick(), neg(pick())),
    () => erf(pick()),
    () => gelu(pick()),
    () => softmax(pick()),
    () => logSoftmax(pick()),
    () => add(pick(), mean(pick(), [1], { keepDims: true })),
    () => sub(pick(), sum(pick(), [0])),
    () => layerNorm(pick(), leaf([CHANNELS]), leaf([CHANNELS]), 1e-6),
    () => transpose(transpose(reshape(pick(), [-1, 2, 2]), [0, 2, 1]), [1, 2, 0]),
    () => layer(pick(), CHANNELS, CHANNELS),
    () => mul(layer(pick(), CHANNELS, CHANNELS), leaf([CHANNELS])),
    () => mul(scalar(), layer(pick(), CHANNELS, CHANNELS)),
    () => layer(gelu(layer(pick(), CHANNELS, 6)), 6, CHANNELS),
    () => mul(layer(gelu(layer(pick(), CHANNELS, 6)), 6, CHANNELS), leaf([CHANNELS])),
    () => {
      const hidden = layer(pick(), CHANNELS, CHANNELS)
      return add(layer(gelu(hidden), CHANNELS, CHANNELS), hidden)
    },
  ]
  for (let i = 0; i < size; i++) {
    const y = steps[random.integer(steps.length)]!()
    // Values of other shapes go out and are not built upon.
    if (y.rank === 2) pool.push(mul(y, constant(0.5)))
    else pool.push(reshape(transpose(y, [2, 0, 1]), [-1, CHANNELS]))
  }
  const outputs = pool.slice(-3).map((x, i) => [`y${i}`, x] as const)
  return { graph: { ...Object.fromEntries(outputs), loss: sum(mul(pool.at(-1)!, pool.at(-2)!)) }, feeds }
}
