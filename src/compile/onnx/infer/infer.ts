/**
 * What is known of the values of a model without running it: shapes, and the small constants that exporters compute
 * shapes with. What cannot be known stays unknown; nothing here fails on a model that could be decoded.
 */

import { symbolOf } from "../../../tensor/dim.ts"
import type {
  OnnxAttributeValue,
  OnnxDim,
  OnnxFunction,
  OnnxGraph,
  OnnxNode,
  OnnxSubgraph,
  OnnxTensor,
  OnnxValue,
} from "../description.ts"
import { type OnnxShape, product, symbolic, Unknown } from "./dims.ts"
import { NodeView, type OpRule, type ValueType } from "./node-view.ts"
import { MAX_ELEMENTS } from "./pick.ts"
import { ruleOf } from "./rules.ts"
import { tensorElements } from "./tensor-elements.ts"

/** What was found out about one node. */
export interface NodeInference {
  /** False for an operator that is not known here. */
  readonly known: boolean
  /** Multiply-accumulates for one image, 0 for all but convolutions and matrix products. Undefined: they are not known. */
  readonly macs: number | undefined
}

export interface Inference {
  /** Types of the graph's values, by name. */
  readonly values: ReadonlyMap<string, ValueType>
  /** Of the graph's own nodes; what is inside of an If or a function counts for the node. */
  readonly nodes: ReadonlyMap<OnnxNode, NodeInference>
}

/** The name of a batch that has none. */
const BATCH = "N"

/** Nodes that are looked at, those of functions at each call: files whose functions call each other endlessly end here. */
const MAX_VISITS = 1_000_000
/** Functions and branches within each other. */
const MAX_DEPTH = 50

/** Infers the shapes of all values of a model and the multiply-accumulates of its nodes. */
export function inferShapes(model: OnnxGraph): Inference {
  const inputs = model.inputs.map(typeOfInput)
  const batch = new Set(inputs.flatMap(([, { shape }]) => symbolsOf(shape?.slice(0, 1))))
  const symbols = new Set(inputs.flatMap(([, { shape }]) => symbolsOf(shape)))
  const functions = new Map(model.functions.map((f) => [`${f.domain}:${f.name}`, f]))
  const run = new Run(functions, batch, symbols)
  const scope = new Scope()
  for (const [name, type] of inputs) scope.set(name, type)
  const nodes = run.graph(model, scope, model.opsets, 0)
  return { values: scope.values, nodes }
}

/** An input's type: formulas become open dimensions, and an open first one gets a name. */
function typeOfInput({ name, dtype, shape }: OnnxValue): [string, ValueType] {
  const dims = shape?.map((dim, i) => symbolic(dim) ?? (i === 0 ? BATCH : null))
  return [name, { dtype, shape: dims }]
}

function symbolsOf(shape: OnnxShape | undefined): string[] {
  return (shape ?? []).flatMap((dim) => (typeof dim === "string" ? [symbolOf(dim)!] : []))
}

/** Values by name; those of an If's branch see those around it. */
class Scope {
  readonly values = new Map<string, ValueType>()
  readonly #outer?: Scope

  constructor(outer?: Scope) {
    this.#outer = outer
  }

  get(name: string): ValueType | undefined {
    return this.values.get(name) ?? this.#outer?.get(name)
  }

  set(name: string, type: ValueType): void {
    if (name !== "") this.values.set(name, type)
  }
}

/** What the inference of one node gives. */
interface Result extends NodeInference {
  readonly outputs: readonly (ValueType | undefined)[]
}

const NOTHING: Result = { known: false, macs: 0, outputs: [] }

class Run {
  readonly #functions: ReadonlyMap<string, OnnxFunction>
  readonly #batch: ReadonlySet<string>
  readonly #symbols: ReadonlySet<string>
  #visits = 0

  constructor(functions: ReadonlyMap<string, OnnxFunction>, batch: ReadonlySet<string>, symbols: ReadonlySet<string>) {
    this.#functions = functions
    this.#batch = batch
    this.#symbols = symbols
  }

  graph(graph: OnnxSubgraph, scope: Scope, opsets: OnnxGraph["opsets"], depth: number) {
    for (const tensor of graph.initializers) scope.set(tensor.name, typeOfTensor(tensor))
    const declared = new Map([...graph.values, ...graph.outputs].map((value) => [value.name, value]))
    return this.#nodes(graph.nodes, scope, opsets, depth, declared)
  }

  #nodes(
    nodes: readonly OnnxNode[],
    scope: Scope,
    opsets: OnnxGraph["opsets"],
    depth: number,
    declared: ReadonlyMap<string, OnnxValue>,
  ): Map<OnnxNode, NodeInference> {
    const results = new Map<OnnxNode, NodeInference>()
    for (const node of nodes) {
      const { outputs, ...result } = ++this.#visits > MAX_VISITS ? NOTHING : this.#node(node, scope, opsets, depth)
      results.set(node, result)
      node.outputs.forEach((name, i) => {
        scope.set(name, this.#merge(outputs[i], declared.get(name)))
      })
    }
    return results
  }

  #node(node: OnnxNode, scope: Scope, opsets: OnnxGraph["opsets"], depth: number): Result {
    const inputs = node.inputs.map((name) => (name === "" ? undefined : (scope.get(name) ?? {})))
    const definition = this.#functions.get(`${node.domain}:${node.op}`)
    if (definition) return depth < MAX_DEPTH ? this.#call(definition, node, inputs, depth) : NOTHING
    if (node.domain === "" && node.op === "If") return this.#branch(node, inputs, scope, opsets, depth)
    const rule = ruleOf(node.domain, node.op)
    if (!rule) return NOTHING
    const view = new NodeView(node, inputs, { opset: opsets[node.domain] ?? 1, batch: this.#batch })
    return { known: true, ...applyRule(rule, view) }
  }

  /** A function's body, with the call's inputs and attributes. */
  #call(definition: OnnxFunction, node: OnnxNode, inputs: readonly (ValueType | undefined)[], depth: number): Result {
    const scope = new Scope()
    definition.inputs.forEach((name, i) => {
      if (inputs[i]) scope.set(name, inputs[i])
    })
    const attributes = { ...definition.defaults, ...node.attributes }
    const body = definition.nodes.map((inner) => ({ ...inner, attributes: resolve(inner.attributes, attributes) }))
    const results = this.#nodes(body, scope, definition.opsets, depth + 1, new Map())
    return { ...total(results), outputs: definition.outputs.map((name) => scope.get(name)) }
  }

  /** The branch that is taken; where that is not known, what both agree on, at the cost of the dearer one. */
  #branch(
    node: OnnxNode,
    [condition]: readonly (ValueType | undefined)[],
    scope: Scope,
    opsets: OnnxGraph["opsets"],
    depth: number,
  ): Result {
    const taken = condition?.elements?.[0]
    const names = typeof taken === "number" ? [taken ? "then_branch" : "else_branch"] : ["then_branch", "else_branch"]
    const results: Result[] = []
    for (const name of names) {
      const branch = node.attributes[name]
      if (depth >= MAX_DEPTH || !isSubgraph(branch)) return NOTHING
      const inner = new Scope(scope)
      const result = total(this.graph(branch, inner, opsets, depth + 1))
      results.push({ ...result, outputs: branch.outputs.map((output) => inner.get(output.name)) })
    }
    const [first, second = first!] = results as [Result, Result?]
    const macs = first.macs === undefined || second.macs === undefined ? undefined : Math.max(first.macs, second.macs)
    return {
      known: first.known && second.known,
      macs,
      outputs: first.outputs.map((x, i) => agreed(x, second.outputs[i])),
    }
  }

  /** What was inferred, completed by what the file says. */
  #merge(inferred: ValueType | undefined, declared: OnnxValue | undefined): ValueType {
    const said = declared?.shape?.map((dim) => this.#declaredDim(dim))
    const own = inferred?.shape
    const completed = own && said?.length === own.length ? own.map((dim, i) => dim ?? said[i]!) : (own ?? said)
    return { ...inferred, dtype: inferred?.dtype ?? declared?.dtype, shape: completed }
  }

  /** Exporters give names to sizes that they could not tell; only the names of inputs' dimensions mean something. */
  #declaredDim(dim: OnnxDim): OnnxDim {
    const value = symbolic(dim)
    return typeof value === "string" && !this.#symbols.has(symbolOf(value)!) ? null : value
  }
}

/** A rule's result. Where it is not known, neither is what it costs. */
function applyRule(rule: OpRule, view: NodeView): Pick<Result, "macs" | "outputs"> {
  const shapes = ifKnown(() => rule.shapes(view)) ?? []
  const dtype = rule.dtype ? ifKnown(() => rule.dtype!(view)) : view.dtype(0)
  const outputs = Array.from({ length: view.outputCount }, (_, i): ValueType => {
    const shape = shapes[i]
    return { dtype, shape, elements: shape && rule.elements && elementsOf(rule.elements, view, shape, i) }
  })
  const [first] = shapes
  return { outputs, macs: rule.macs ? first && ifKnown(() => rule.macs!(view, first)) : 0 }
}

function elementsOf(compute: NonNullable<OpRule["elements"]>, view: NodeView, shape: OnnxShape, index: number) {
  const count = product(shape)
  if (typeof count !== "number" || count > MAX_ELEMENTS) return undefined
  const elements = ifKnown(() => compute(view, shape, index))
  return elements?.length === count ? elements : undefined
}

function ifKnown<T>(compute: () => T): T | undefined {
  try {
    return compute()
  } catch (error) {
    if (error instanceof Unknown) return undefined
    throw error
  }
}

function typeOfTensor(tensor: OnnxTensor): ValueType {
  return { dtype: tensor.dtype, shape: tensor.shape, elements: tensorElements(tensor) }
}

export function isSubgraph(value: OnnxAttributeValue | undefined): value is OnnxSubgraph {
  return typeof value === "object" && "nodes" in value
}

/** Attributes with references to those of the call replaced; what the call does not give is left out. */
function resolve(attributes: OnnxNode["attributes"], given: OnnxNode["attributes"]): OnnxNode["attributes"] {
  const resolved = Object.entries(attributes).map(([name, value]) => {
    const refers = typeof value === "object" && "attribute" in value
    return [name, refers ? given[value.attribute] : value] as const
  })
  return Object.fromEntries(resolved.filter((entry): entry is [string, OnnxAttributeValue] => entry[1] !== undefined))
}

function total(results: ReadonlyMap<OnnxNode, NodeInference>): NodeInference {
  let [known, macs]: [boolean, number | undefined] = [true, 0]
  for (const result of results.values()) {
    known &&= result.known
    macs = macs === undefined || result.macs === undefined ? undefined : macs + result.macs
  }
  return { known, macs }
}

function agreed(a: ValueType | undefined, b: ValueType | undefined): ValueType | undefined {
  if (a === b || !a?.shape || a.shape.length !== b?.shape?.length) return a === b ? a : undefined
  return { dtype: a.dtype, shape: a.shape.map((dim, i) => (dim === b.shape![i] ? dim : null)) }
}
