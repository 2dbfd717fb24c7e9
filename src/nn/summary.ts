/**
 * What a network is made of and what it costs: the output, parameters, multiply-accumulates and activation bytes of each
 * layer.
 */

import { gradients } from "../autodiff/gradients.ts"
import { isView, keptActivations } from "../autodiff/kept.ts"
import { fixedNodes, type Recompute, recomputeModes } from "../autodiff/recompute.ts"
import { prepareForTraining } from "../compile/compile.ts"
import { bindShape, type Dim, printShape, type Shape, symbolOf } from "../tensor/dim.ts"
import { UsageError } from "../tensor/errors.ts"
import { topologicalOrder } from "../tensor/graph.ts"
import { bytesPerElement, sizeOf } from "../tensor/ndarray.ts"
import { mean, square } from "../tensor/ops/index.ts"
import { input, type Node, type Tensor } from "../tensor/tensor.ts"
import { evaluation, TrainingContext } from "./context.ts"
import { type BoundModule, bindModule, Module } from "./module.ts"

/** Memory of activations, in bytes. */
export interface ActivationBytes {
  /** All values that a layer computes and other layers read: several, where others work between. A view takes no memory. */
  forward: number
  /** What training keeps until the backward pass has read it, by what it computes again instead of keeping it. */
  training: Record<Recompute, number>
}

/** One row: a module that computes something itself or has parameters of its own. Its children have rows of their own. */
export interface LayerSummary {
  /** Path of the module, the first part of its parameters' names; "(root)" for the network itself. */
  name: string
  /** Name of its class. */
  type: string
  /** Empty for a module that has parameters and takes no part. */
  outputShape: Dim[]
  /** Number of parameters of its own. */
  parameters: number
  /** Multiply-accumulates. */
  macs: number
  activationBytes: ActivationBytes
}

/** What {@link summary} gives. Multiply-accumulates and bytes are those of one sample, such as an image. */
export interface ModelSummary {
  /** The first dimension is the batch, a symbol. */
  inputShape: Dim[]
  /** In the order in which an image meets them, each module before what it is made of. */
  layers: LayerSummary[]
  parameters: number
  macs: number
  /** Sums over all layers. In training, weights, gradients and the optimizer's state come on top. */
  activationBytes: ActivationBytes
}

/** A network that knows the images that it takes, as a `Model` does. */
export interface NetworkOfImages {
  readonly network: { readonly root: Module }
  readonly dataConfig: { readonly inputSize: number; readonly channels: number }
}

/**
 * Describes a model, or a network of one's own, layer by layer. For training it takes the loss to read the output.
 * @param model a `Model`, or the root of a network: its parameters get their names by this, as by {@link bindModule}
 * @param inputShape `[N, H, W, C]`, or whatever the network takes with the batch first, whose size makes no difference.
 * Default: that of the model's images. A `Module` has none and needs it
 * @example
 * console.log(printSummary(summary(await createModel("convnext_tiny"))))
 *
 * Throws a UsageError if a `Module` is given without a shape, a RangeError if the network cannot take the shape.
 */
export function summary(model: Module | NetworkOfImages, inputShape?: Shape): ModelSummary {
  const root = model instanceof Module ? model : model.network.root
  // A single sample is no batch for batch normalisation: how many there are is left open.
  const shape = openBatch(inputShape ?? imageShape(model))
  const bound = bindModule(root)
  const rows = new Rows(bound)
  addForward(rows, root, bound, shape)
  addTraining(rows, root, bound, shape)
  const layers = rows.all()
  const total = (value: (row: LayerSummary) => number) => layers.reduce((sum, row) => sum + value(row), 0)
  return {
    inputShape: shape,
    layers,
    parameters: total(({ parameters }) => parameters),
    macs: total(({ macs }) => macs),
    activationBytes: {
      forward: total(({ activationBytes }) => activationBytes.forward),
      training: perMode((mode) => total(({ activationBytes }) => activationBytes.training[mode])),
    },
  }
}

function imageShape(model: Module | NetworkOfImages): Shape {
  if (model instanceof Module) {
    throw new UsageError(
      `summary: the shape of the input of a ${model.constructor.name} must be given, for example summary(module, ["N", 224, 224, 3])`,
    )
  }
  const { inputSize, channels } = model.dataConfig
  return ["N", inputSize, inputSize, channels]
}

function openBatch([batch, ...sample]: Shape): Dim[] {
  return [typeof batch === "string" ? batch : "N", ...sample]
}

/** The table under construction. */
class Rows {
  readonly #bound: BoundModule
  readonly #rows = new Map<string, LayerSummary>()

  constructor(bound: BoundModule) {
    this.#bound = bound
  }

  /** The row of the module at a path. */
  at(path: string): LayerSummary {
    let row = this.#rows.get(path)
    if (!row) {
      row = {
        name: path || "(root)",
        type: this.#bound.modules.get(path)!.constructor.name,
        outputShape: [],
        parameters: 0,
        macs: 0,
        activationBytes: { forward: 0, training: perMode(() => 0) },
      }
      this.#rows.set(path, row)
    }
    return row
  }

  /** All rows with their parameters: modules before their parts, these in the order of their first mention. */
  all(): LayerSummary[] {
    for (const [name, { size }] of this.#bound.parameters) this.at(this.#ownerOf(name)).parameters += sizeOf(size)
    return outermostFirst([...this.#rows.keys()]).map((path) => this.at(path))
  }

  /** Path of the module in whose fields a parameter is, in a list or not. */
  #ownerOf(parameter: string): string {
    let path = parameter
    do path = parentOf(path)
    while (!this.#bound.modules.has(path))
    return path
  }
}

/** The paths as a tree from its root down, in which those that are mentioned first come first. */
function outermostFirst(paths: readonly string[]): string[] {
  const known = new Set(paths)
  const parts = new Map<string, Set<string>>()
  for (const path of paths) {
    for (let part = path; part; part = parentOf(part)) {
      const siblings = parts.get(parentOf(part)) ?? new Set()
      parts.set(parentOf(part), siblings.add(part))
    }
  }
  const below = (path: string): string[] => [
    ...(known.has(path) ? [path] : []),
    ...[...(parts.get(path) ?? [])].flatMap(below),
  ]
  return below("")
}

/** The path of what holds a module or a parameter: `blocks` of `blocks.0`. */
const parentOf = (path: string) => path.slice(0, Math.max(0, path.lastIndexOf(".")))

/** Output shapes, multiply-accumulates and what layers hand on, in evaluation. */
function addForward(rows: Rows, root: Module, { parameters }: BoundModule, shape: Shape): void {
  const y = root.forward(input("input", shape), evaluation)
  const nodes = topologicalOrder([y]).filter(({ inputs }) => inputs.length > 0)
  const isFixed = fixedNodes(parameters.values())
  const handedOn = new Set([y])
  for (const node of nodes) {
    for (const x of node.inputs) if (x.node.scope !== node.scope) handedOn.add(x)
  }
  for (const node of nodes) {
    const row = rows.at(node.scope)
    row.macs += macsOf(node)
    row.outputShape = [...node.outputs[0]!.shape]
    if (isFixed(node) || isView(node)) continue
    for (const x of node.outputs) if (handedOn.has(x)) row.activationBytes.forward += bytesOf(x)
  }
}

/** What training keeps of each layer if nothing is dropped at random. The loss's own intermediate values are not counted. */
function addTraining(rows: Rows, root: Module, { parameters, blocks }: BoundModule, shape: Shape): void {
  const context = new TrainingContext(shape[0]!)
  const { y } = prepareForTraining({ y: root.forward(input("input", shape), context) })
  const own = new Set(topologicalOrder([y!]))
  const loss = mean(square(y!))
  const wrt = [...parameters.values()]
  for (const mode of recomputeModes) {
    for (const { tensor, scope } of keptActivations(gradients(loss, wrt, { recompute: mode, blocks }), loss, wrt)) {
      if (own.has(tensor.node)) rows.at(scope).activationBytes.training[mode] += bytesOf(tensor)
    }
  }
}

function perMode(value: (mode: Recompute) => number): Record<Recompute, number> {
  return { none: value("none"), cheap: value("cheap"), block: value("block") }
}

/** Size for one sample: the batch, and how many of it stochastic depth keeps, count as 1. */
function bytesOf({ shape, dtype }: Tensor): number {
  const symbols = shape.map(symbolOf).filter((symbol) => symbol !== undefined)
  const ones = Object.fromEntries(symbols.map((symbol) => [symbol, 1]))
  return sizeOf(bindShape(shape, ones)) * bytesPerElement(dtype)
}

/** Multiply-accumulates of one node: convolutions and matrix products, as in the paper's tables. */
export function macsOf(node: Node): number {
  return node.op.macs?.(node.inputs, node.outputs, node.attributes) ?? 0
}

/** A summary as a table for people: a line for each layer, and the sums. Bytes kept in training are by recompute mode. */
export function printSummary({ layers, parameters, macs, activationBytes }: ModelSummary): string {
  const numbers = (row: Pick<LayerSummary, "parameters" | "macs" | "activationBytes">) =>
    [
      row.parameters,
      row.macs,
      row.activationBytes.forward,
      ...recomputeModes.map((mode) => row.activationBytes.training[mode]),
    ].map((value) => value.toLocaleString("en-US"))
  const header = ["parameters", "MACs", "output bytes", ...recomputeModes.map((mode) => `kept: ${mode}`)]
  const lines = [
    ["layer", "type", "output", ...header],
    ...layers.map((row) => [row.name, row.type, printShape(row.outputShape), ...numbers(row)]),
    ["total", "", "", ...numbers({ parameters, macs, activationBytes })],
  ]
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
  const align = (cell: string, column: number) =>
    column < 3 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)
  return lines.map((line) => line.map(align).join("  ").trimEnd()).join("\n")
}
