/** A node as the rules see it: what is known of its inputs, and its attributes by their kinds. */

import type { OnnxDType } from "../data-types.ts"
import type { OnnxAttributeValue, OnnxDim, OnnxNode } from "../description.ts"
import { axisOf, known, type OnnxShape, sizeForOne, unknown } from "./dims.ts"

/** What is known of a value. */
export interface ValueType {
  readonly dtype?: OnnxDType
  readonly shape?: OnnxShape
  /** The elements of a small constant, row-major. */
  readonly elements?: readonly OnnxDim[]
}

export interface ViewContext {
  /** Version of the operator's set. */
  readonly opset: number
  /** Symbols that stand for the number of images. */
  readonly batch: ReadonlySet<string>
}

export class NodeView {
  readonly op: string
  readonly opset: number
  /** How many outputs the node names. */
  readonly outputCount: number
  readonly #inputs: readonly (ValueType | undefined)[]
  readonly #attributes: OnnxNode["attributes"]
  readonly #batch: ReadonlySet<string>

  /** @param inputs what is known of each input; undefined for one that is left out. */
  constructor(node: OnnxNode, inputs: readonly (ValueType | undefined)[], { opset, batch }: ViewContext) {
    this.op = node.op
    this.opset = opset
    this.outputCount = node.outputs.length
    this.#attributes = node.attributes
    this.#inputs = inputs
    this.#batch = batch
  }

  get inputCount(): number {
    return this.#inputs.length
  }

  has(i: number): boolean {
    return this.#inputs[i] !== undefined
  }

  dtype(i: number): OnnxDType | undefined {
    return this.#inputs[i]?.dtype
  }

  /** Shape of an input, which must be known. */
  shape(i: number): OnnxShape {
    return known(this.#inputs[i]?.shape)
  }

  /** Shapes of all inputs from `start` on. */
  shapes(start = 0): OnnxShape[] {
    return this.#inputs.slice(start).map((_, i) => this.shape(start + i))
  }

  /** Elements of an input, which must be a small constant. */
  elements(i: number): readonly OnnxDim[] {
    return known(this.#inputs[i]?.elements)
  }

  /** Elements of an input that must be numbers. */
  numbers(i: number): number[] {
    return this.elements(i).map((element) => (typeof element === "number" ? element : unknown()))
  }

  number(name: string, fallback: number): number {
    const value = this.#attributes[name]
    return typeof value === "number" ? value : fallback
  }

  text(name: string, fallback = ""): string {
    const value = this.#attributes[name]
    return typeof value === "string" ? value : fallback
  }

  /** An attribute that is a list of numbers. */
  list(name: string): number[] | undefined {
    const value = this.#attributes[name]
    return isNumbers(value) ? [...value] : undefined
  }

  attribute(name: string): OnnxAttributeValue | undefined {
    return this.#attributes[name]
  }

  /** Numbers that are an attribute in older versions of an operator and an input in newer ones. Undefined: not given. */
  listOrInput(name: string, input: number): number[] | undefined {
    return this.list(name) ?? (this.has(input) ? this.numbers(input) : undefined)
  }

  /** The attribute `axis`, in 0 .. rank - 1. */
  axis(fallback: number, rank: number): number {
    return axisOf(this.number("axis", fallback), rank)
  }

  /** Number of elements for one image. */
  count(...dims: readonly OnnxDim[]): number {
    return dims.reduce<number>((total, dim) => total * known(sizeForOne(dim, this.#batch)), 1)
  }
}

function isNumbers(value: OnnxAttributeValue | undefined): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => typeof item === "number")
}

/** What is known of an operator. Rules may throw Unknown: the result is not known then. */
export interface OpRule {
  /** Shapes of the outputs, the first ones at least. */
  shapes(node: NodeView): readonly OnnxShape[]
  /** Multiply-accumulates for one image, for convolutions and matrix products only. */
  macs?(node: NodeView, output: OnnxShape): number
  /** Elements of an output, where the inputs are small constants. */
  elements?(node: NodeView, output: OnnxShape, index: number): readonly OnnxDim[]
  /** Type of the outputs, where it is not that of the first input. */
  dtype?(node: NodeView): OnnxDType | undefined
}

export type OpRules = Readonly<Record<string, OpRule>>

/** The same rule for several operators. */
export function forAll(ops: readonly string[], rule: OpRule): OpRules {
  return Object.fromEntries(ops.map((op) => [op, rule]))
}
