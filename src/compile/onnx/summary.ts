/** What a model is made of, at a glance: operators, layers, parameters, multiply-accumulates. */

import type { OnnxGraph, OnnxNode, OnnxSubgraph, OnnxValue } from "./description.ts"
import type { OnnxShape } from "./infer/dims.ts"
import { inferShapes } from "./infer/infer.ts"
import { parametersByNode, subgraphsOf } from "./parameters.ts"

/** A node with parameters, or one that is a convolution or a matrix product. */
export interface OnnxLayer {
  /** The node's name; where it has none, that of its first output. */
  name: string
  op: string
  /** Undefined where not even the rank is known, null for a dimension that is not. */
  outputShape: OnnxShape | undefined
  parameters: number
  /** Multiply-accumulates for one image; undefined where they depend on what is not known. */
  macs: number | undefined
}

export interface OnnxSummary {
  producer: string
  irVersion: number
  opsets: Readonly<Record<string, number>>
  inputs: readonly OnnxValue[]
  outputs: readonly OnnxValue[]
  /** How often each operator occurs, the most frequent first; those of other domains as "com.microsoft.FusedConv". */
  operators: Record<string, number>
  /** Operators that nothing is known of: their shapes are open, and what they compute is not counted. */
  unknownOperators: string[]
  parameters: number
  /** Multiply-accumulates for one image, of the layers where they are known. */
  macs: number
  /** Names of layers whose multiply-accumulates are not known. */
  unknownMacs: string[]
  layers: OnnxLayer[]
}

/**
 * Summarises a model. Multiply-accumulates are those of convolutions and matrix products, by the convention of the
 * paper's tables, for one image: a batch that is open counts as 1, and a fixed one is divided by.
 * Parameters are as in {@link parametersByNode}.
 */
export function summarizeOnnx(graph: OnnxGraph): OnnxSummary {
  const { values, nodes } = inferShapes(graph)
  const owned = parametersByNode(graph)
  const images = fixedBatch(graph)
  const layers: OnnxLayer[] = []
  const unknownOperators = new Set<string>()
  for (const node of graph.nodes) {
    const { known, macs: inBatch } = nodes.get(node)!
    if (!known) unknownOperators.add(operatorName(node))
    const parameters = (owned.get(node) ?? []).reduce((sum, { count }) => sum + count, 0)
    if (parameters === 0 && inBatch === 0) continue
    const [output = ""] = node.outputs
    layers.push({
      name: node.name || output,
      op: operatorName(node),
      outputShape: values.get(output)?.shape,
      parameters,
      macs: inBatch && Math.round(inBatch / images),
    })
  }
  return {
    producer: [graph.producer.name, graph.producer.version].filter(Boolean).join(" "),
    irVersion: graph.irVersion,
    opsets: graph.opsets,
    inputs: graph.inputs,
    outputs: graph.outputs.map((output) => ({ ...output, shape: output.shape ?? values.get(output.name)?.shape })),
    operators: countOperators(graph),
    unknownOperators: [...unknownOperators].sort(),
    parameters: layers.reduce((sum, { parameters }) => sum + parameters, 0),
    macs: layers.reduce((sum, { macs = 0 }) => sum + macs, 0),
    unknownMacs: layers.filter(({ macs }) => macs === undefined).map(({ name }) => name),
    layers,
  }
}

function operatorName({ domain, op }: OnnxNode): string {
  return domain === "" ? op : `${domain}.${op}`
}

/** Images in a batch of a fixed size, told by the first input that is a batch of maps. */
function fixedBatch({ inputs }: OnnxGraph): number {
  const batch = inputs.find(({ shape }) => shape?.length === 4)?.shape?.[0]
  return typeof batch === "number" && batch > 1 ? batch : 1
}

function countOperators(graph: OnnxGraph): Record<string, number> {
  const counts = new Map<string, number>()
  const visit = (part: OnnxSubgraph): void => {
    for (const node of part.nodes) {
      const name = operatorName(node)
      counts.set(name, (counts.get(name) ?? 0) + 1)
      subgraphsOf(node).forEach(visit)
    }
  }
  visit(graph)
  return Object.fromEntries([...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)))
}
