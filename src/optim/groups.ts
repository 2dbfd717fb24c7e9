/** Which parameters decay, and how fast each layer learns. */

import { sizeOf } from "../tensor/ndarray.ts"

/** A parameter as a model declares it. */
export interface ParameterInfo {
  /** Its path in the model, for example `stages.0.blocks.0.conv_dw.weight`. */
  name: string
  shape: readonly number[]
  /** Distance from the input in layers, 0 for the stem. A parameter without one counts as part of the last layer. */
  layerGroup?: number
}

/** What an optimizer needs to know about one parameter. */
export interface ParameterGroup {
  name: string
  shape: readonly number[]
  /** Number of elements. */
  size: number
  /** Factor on the learning rate of the step. */
  lrScale: number
  weightDecay: number
}

export interface GroupOptions {
  weightDecay: number
  /** Each layer learns this much slower than the next one: 1 or undefined trains all alike. */
  layerDecay?: number
  /** Full names that do not decay, besides those that the rule exempts. */
  noDecay?: readonly string[]
}

/**
 * Learning-rate scale and weight decay of each parameter, in the given order.
 *
 * Parameters of one dimension or none (norms, biases, layer scale), names ending in `.bias` and those in `noDecay` get
 * no weight decay. With layer decay d and last layer L, layer l learns at d^(L - l) times the rate: 1 for the head.
 * Follows timm's `param_groups_weight_decay` and `param_groups_layer_decay`.
 */
export function parameterGroups(parameters: readonly ParameterInfo[], options: GroupOptions): ParameterGroup[] {
  const { weightDecay, layerDecay = 1, noDecay = [] } = options
  const exempt = new Set(noDecay)
  const lastLayer = parameters.reduce((last, { layerGroup = 0 }) => Math.max(last, layerGroup), 0)
  return parameters.map(({ name, shape, layerGroup = lastLayer }) => ({
    name,
    shape,
    size: sizeOf(shape),
    lrScale: layerDecay ** (lastLayer - layerGroup),
    weightDecay: shape.length <= 1 || name.endsWith(".bias") || exempt.has(name) ? 0 : weightDecay,
  }))
}
