/**
 * Chains of linear layers in the blocked layout of ONNX Runtime's CPU provider, for inference and for the frozen layers
 * before those that train: expand, activate, project and add to the residual stream. As 1 x 1 convolutions on blocks they
 * are faster than matrix products, take the sum with the stream for nothing, and leave the stream as the next depthwise
 * convolution wants it.
 *
 * Their weights have to be brought into block order, which is done once where they are constant.
 */

import { sameShape } from "../../tensor/dim.ts"
import { type Graph, inputName, rewrite, topologicalOrder } from "../../tensor/graph.ts"
import { geluOp, reluOp } from "../../tensor/ops/activation.ts"
import { arithmetic } from "../../tensor/ops/elementwise.ts"
import { mul } from "../../tensor/ops/index.ts"
import { linearOp } from "../../tensor/ops/matmul.ts"
import { applies, type Node, type Tensor } from "../../tensor/tensor.ts"
import { countUses, dependents } from "../passes/uses.ts"
import { blockedDense, pointwiseConv } from "./blocked-conv.ts"
import { blockedForm, fromBlocked, toBlocked } from "./blocked-layout.ts"
import { packWeightOp } from "./packed-weights.ts"

/** Done to each element, in whatever order they lie. */
const isActivation = (node: Node) => applies(node, geluOp) || applies(node, reluOp)

/**
 * Brings chains of linear layers with constant weights into the blocked layout, with the activations and residual sums
 * between and after them. A layer by itself stays: to reorder what it reads and gives would cost what it gains.
 * @param block channels in a block
 * @param constants names of the inputs that are constant
 * @param trained names of the inputs that get a gradient: layers that read what depends on them stay
 */
export function lowerBlockedChains(
  graph: Graph,
  block: number,
  constants: ReadonlySet<string>,
  trained: ReadonlySet<string> = new Set(),
): Graph {
  const uses = countUses(graph)
  const order = topologicalOrder(Object.values(graph))
  const differentiated = dependents(order, (name) => trained.has(name))
  const eligible = new Set(
    order.filter((node) => applies(node, linearOp) && !differentiated.has(node) && isEligible(node, block, constants)),
  )
  const first = firstOfChains(order, new Set(Object.values(graph)), eligible)
  return rewrite(graph, (node, inputs) => {
    // What is differentiated may read the end of a chain, but be no part of it.
    if (differentiated.has(node)) return undefined
    if (applies(node, linearOp)) {
      const continues = blockedForm(inputs[0]!) !== undefined && eligible.has(node)
      return continues || first.has(node) ? pointwise(inputs, block) : undefined
    }
    if (applies(node, arithmetic.mul)) return layerScale(node, inputs as [Tensor, Tensor], block, { uses, constants })
    if (isActivation(node)) return onBlocks(node, inputs[0]!, block)
    if (applies(node, arithmetic.add)) return sum(node, inputs as [Tensor, Tensor], block, uses)
    return undefined
  })
}

/** Whether the weight is constant and fills blocks, and x is a map or a sequence. */
function isEligible(node: Node, block: number, constants: ReadonlySet<string>): boolean {
  const [x, weight] = node.inputs as [Tensor, Tensor]
  const positions = x.shape.slice(1, -1)
  return (
    isConstant(weight, constants) &&
    (x.rank === 3 || x.rank === 4) &&
    positions.every((dim) => typeof dim === "number") &&
    weight.shape.every((dim) => (dim as number) % block === 0) &&
    (node.attributes as { alpha?: number }).alpha === undefined
  )
}

/** Whether it is an input that is constant. */
function isConstant(x: Tensor, constants: ReadonlySet<string>): boolean {
  const name = inputName(x)
  return name !== undefined && constants.has(name)
}

/** Eligible layers whose output goes through activations to other ones, and nowhere else. */
function firstOfChains(
  order: readonly Node[],
  outputs: ReadonlySet<Tensor>,
  eligible: ReadonlySet<Node>,
): ReadonlySet<Node> {
  const readers = new Map<Tensor, Node[]>()
  for (const node of order) for (const x of node.inputs) readers.set(x, [...(readers.get(x) ?? []), node])
  const leadsOn = (x: Tensor): boolean => {
    const next = readers.get(x) ?? []
    return (
      !outputs.has(x) &&
      next.length > 0 &&
      next.every((node) =>
        isActivation(node) ? leadsOn(node.outputs[0]!) : eligible.has(node) && node.inputs[0] === x,
      )
    )
  }
  return new Set([...eligible].filter((node) => leadsOn(node.outputs[0]!)))
}

function pointwise([x, weight, ...bias]: readonly Tensor[], block: number): Tensor {
  const y = blockedDense([toBlocked(x!, block), packWeightOp([weight!], { block }), ...bias], pointwiseConv(block))
  return fromBlocked(y, block, x!.rank)
}

function onBlocks(node: Node, x: Tensor, block: number): Tensor | undefined {
  const blocked = blockedForm(x)
  return blocked && fromBlocked(node.op.apply([blocked], node.attributes)[0]!, block, x.rank)
}

/** A constant factor for each channel of what a layer of a chain gives: it goes into the layer's weight and bias. */
function layerScale(
  node: Node,
  inputs: readonly [Tensor, Tensor],
  block: number,
  { uses, constants }: { uses: ReadonlyMap<Tensor, number>; constants: ReadonlySet<string> },
): Tensor | undefined {
  const [a, b] = inputs
  for (const [i, x, scale] of [
    [0, a, b],
    [1, b, a],
  ] as const) {
    const layer = blockedForm(x)?.node
    if (!layer || !applies(layer, blockedDense) || layer.inputs.length > 3) continue
    const [source, packed, bias] = layer.inputs as [Tensor, Tensor, Tensor?]
    const fits = scale.rank === 1 && scale.shape[0] === x.dim(-1) && isConstant(scale, constants)
    if (!fits || packed.node.inputs.length > 1 || uses.get(node.inputs[i]!) !== 1) continue
    const weight = packWeightOp([packed.node.inputs[0]!, scale], { block })
    const rest = bias ? [mul(bias, scale)] : []
    return fromBlocked(blockedDense([source, weight, ...rest], layer.attributes), block, x.rank)
  }
  return undefined
}

/** The sum with what a layer of a chain gives, in the layer itself where nothing else reads that. */
function sum(
  node: Node,
  inputs: readonly [Tensor, Tensor],
  block: number,
  uses: ReadonlyMap<Tensor, number>,
): Tensor | undefined {
  const [a, b] = inputs
  if (!sameShape(a.shape, b.shape)) return undefined
  for (const [i, [x, other]] of [
    [a, b],
    [b, a],
  ].entries() as Iterable<[number, [Tensor, Tensor]]>) {
    const layer = blockedForm(x)?.node
    if (!layer || !applies(layer, blockedDense) || layer.inputs.length !== 3) continue
    if (uses.get(node.inputs[i]!) !== 1) continue
    return fromBlocked(blockedDense([...layer.inputs, toBlocked(other, block)], layer.attributes), block, x.rank)
  }
  const [left, right] = inputs.map(blockedForm)
  return left && right && fromBlocked(arithmetic.add([left, right], {}), block, a.rank)
}
