/** Which registered model weights belong to. */

import { Network } from "../models/network.ts"
import { describeModel, modelNames } from "../models/registry.ts"
import { isCounter } from "../models/state.ts"

type Shapes = Readonly<Record<string, { readonly shape: readonly number[] }>>

/**
 * Registered models that have exactly these tensors, whatever the number of classes and of the images' channels.
 * @param tensors values by timm's names; only names and shapes are looked at
 * @param families families that come into question. Default: all
 */
export function fittingModels(tensors: Shapes, families?: readonly string[]): string[] {
  return modelNames().filter((name) => {
    const description = describeModel(name)
    return (families?.includes(description.family) ?? true) && fits(tensors, new Network(description))
  })
}

/** Parameters whose size follows from that of the images: they are resampled. */
const isPositional = (name: string): boolean => /(^|\.)(pos_embed|relative_position_bias_table)$/.test(name)

/**
 * Whether weights of one network can be loaded into the other, whatever the number of classes, the channels and the size of
 * the images.
 */
export function isSameArchitecture(source: Network, target: Network): boolean {
  const shapes: Record<string, { shape: readonly number[] }> = {}
  for (const [name, { size }] of source.state) {
    const own = isPositional(name) ? target.state.get(name)?.size : undefined
    shapes[name] = { shape: own ?? size }
  }
  return fits(shapes, target)
}

function fits(tensors: Shapes, network: Network): boolean {
  const counts = (name: string) => !isCounter(name) && !network.isClassifier(name)
  const firstConv = `${network.root.firstConv}.weight`
  if (!Object.keys(tensors).every((name) => !counts(name) || network.state.has(name))) return false
  return [...network.state].every(([name, { size }]) => {
    if (!counts(name)) return true
    if (!Object.hasOwn(tensors, name)) return false
    return comparable(tensors[name]!.shape, name === firstConv) === comparable(size, name === firstConv)
  })
}

/** A shape as text, without what makes no difference: axes of length 1 at the end, channels of the images. */
function comparable(shape: readonly number[], isFirstConv: boolean): string {
  const axes = isFirstConv ? shape.filter((_, axis) => axis !== 1) : shape
  return axes.join().replace(/(,1)+$/, "")
}
