/** What happens when a loss is no number: training stops and says where it began. */

import { decompose } from "../compile/passes/decompose.ts"
import { Program, type ProgramOptions } from "../runtime/program.ts"
import { isLeaf, topologicalOrder } from "../tensor/graph.ts"
import type { NdArray, TypedArray } from "../tensor/ndarray.ts"
import type { Tensor } from "../tensor/tensor.ts"

/** The loss or a gradient is not finite. Nothing was updated. */
export class NonFiniteError extends Error {
  override name = "NonFiniteError"
  readonly loss: number
  /** The first tensor that is not finite, in the order of computation. */
  readonly tensor: string
  /** Updates before it. */
  readonly step: number

  /** @param kept what was saved before, if anything. */
  constructor(loss: number, tensor: string, step: number, kept = "nothing was updated in this step") {
    super(
      `the loss is ${loss} at step ${step}; the first value that is not finite is in ${tensor}. ` +
        `Lower the learning rate (--lr), warm up longer (--warmup-epochs) or clip gradients harder (--clip-grad); ${kept}`,
    )
    this.loss = loss
    this.tensor = tensor
    this.step = step
  }
}

/** The first tensor of a forward pass, weights and images included, that holds a value that is not finite. */
export async function findNonFinite(
  output: Tensor,
  feeds: Readonly<Record<string, NdArray>>,
  options: Pick<ProgramOptions, "backend" | "threads">,
): Promise<string | undefined> {
  for (const [name, { data }] of Object.entries(feeds)) {
    if (hasNonFinite(data)) return name
  }
  const order = topologicalOrder(Object.values(decompose({ output })))
  const nodes = order.filter((node) => !isLeaf(node) && node.outputs[0]!.dtype === "float32")
  const names = nodes.map((node, i) => `${i}: output of ${node.op.name}${node.scope ? ` in ${node.scope}` : ""}`)
  const graph = Object.fromEntries(nodes.map((node, i) => [names[i]!, node.outputs[0]!]))
  const program = await Program.create(graph, { ...options, name: "search", optimize: false })
  try {
    const values = await program.run(feeds)
    const first = names.find((name) => hasNonFinite(values[name]!.data))
    return first?.replace(/^\d+: /, "the ")
  } finally {
    await program.dispose()
  }
}

function hasNonFinite(values: TypedArray): boolean {
  if (!(values instanceof Float32Array)) return false
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return true
  return false
}
