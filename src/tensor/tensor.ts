/**
 * Symbolic tensors. A tensor is one output of a node; a node applies an operator to tensors. Nothing is computed
 * here: a graph is what can be reached from some tensors, and it is differentiated, rewritten, encoded and run elsewhere.
 */

import { expectOneOf } from "./checks.ts"
import { expectDims, printShape, type Shape, sameShape } from "./dim.ts"
import { elementsOf, scalarArray } from "./float16.ts"
import { type DType, dtypes, type NdArray } from "./ndarray.ts"

export interface TensorType {
  readonly shape: Shape
  readonly dtype: DType
}

/** Builds the nodes of an ONNX graph. Values are named by strings; see compile/onnx. */
export interface OnnxBuilder {
  /** Adds a node and returns the name of its first output. */
  node(type: string, inputs: readonly string[], attributes?: OnnxAttributes, domain?: string): string
  /** Adds a node with several outputs. */
  nodes(type: string, inputs: readonly string[], attributes: OnnxAttributes, outputs: number, domain?: string): string[]
  /** A one-dimensional int64 constant. */
  ints(values: readonly number[]): string
  /** A scalar constant of the given type (float32 unless said). */
  scalar(value: number, dtype?: DType): string
  /** Any constant. */
  constant(value: NdArray): string
}

export type OnnxAttribute = number | string | readonly number[] | { readonly float: number }
export type OnnxAttributes = Readonly<Record<string, OnnxAttribute | undefined>>

/**
 * All that is known of one operator, side by side. An operator has an `onnx` form, or is decomposed into others.
 * @typeParam A attributes: plain data, known when the graph is built.
 */
export interface OpDefinition<A> {
  name: string
  /** Type of each output. Throws a RangeError that says what does not fit; the operator's name is put before it. */
  shape(inputs: readonly Tensor[], attributes: A): TensorType | readonly TensorType[]
  /**
   * Gradient of the loss for each input, given those of the outputs (undefined: the loss does not depend on it).
   * Undefined for an input that has none. Absent: the operator cannot be differentiated.
   */
  gradient?(
    inputs: readonly Tensor[],
    outputs: readonly Tensor[],
    outputGradients: readonly (Tensor | undefined)[],
    attributes: A,
  ): readonly (Tensor | undefined)[]
  /** Names of the outputs, given those of the inputs. */
  onnx?(builder: OnnxBuilder, inputs: readonly string[], attributes: A, node: Node<A>): string | readonly string[]
  /** The same written with other operators. */
  decompose?(inputs: readonly Tensor[], attributes: A): Tensor | readonly Tensor[]
  /** The plain computation, in float64 where the type is a float. `outputs` have the shapes that the result must have. */
  reference(inputs: readonly NdArray[], attributes: A, outputs: readonly NdArray[]): void
  /** Multiply-accumulates, by the convention of the paper's tables: convolutions and matrix products only. */
  macs?(inputs: readonly Tensor[], outputs: readonly Tensor[], attributes: A): number
}

/** An operator: its definition, and the way to apply it. */
export interface Op<A = unknown> extends OpDefinition<A> {
  /** Applies the operator and returns all outputs. */
  apply(inputs: readonly Tensor[], attributes: A): readonly Tensor[]
  /** Applies the operator and returns its first output. */
  (inputs: readonly Tensor[], attributes: A): Tensor
}

export interface Node<A = unknown> {
  readonly op: Op<A>
  readonly inputs: readonly Tensor[]
  readonly attributes: A
  readonly outputs: readonly Tensor[]
  /** Path of the module that the node belongs to, "" outside of modules. */
  readonly scope: string
}

/** One output of a node: a value of known type that is computed when a graph runs. */
export class Tensor {
  readonly node: Node
  readonly index: number
  readonly shape: Shape
  readonly dtype: DType

  constructor(node: Node, index: number, type: TensorType) {
    this.node = node
    this.index = index
    this.shape = type.shape
    this.dtype = type.dtype
  }

  get rank(): number {
    return this.shape.length
  }

  /** Size of an axis; negative axes count from the end. */
  dim(axis: number): Shape[number] {
    return this.shape[normalizeAxis(axis, this.rank)]!
  }

  /** `float32[N, 56, 56, 96]` */
  toString(): string {
    return `${this.dtype}${printShape(this.shape)}`
  }
}

let currentScope = ""

/** Runs `build`; nodes made in it belong to the module at `path`. */
export function withScope<T>(path: string, build: () => T): T {
  const outer = currentScope
  currentScope = path
  try {
    return build()
  } finally {
    currentScope = outer
  }
}

/** Runs `build`; the RangeErrors that it throws begin with the operator's name. */
export function named<T>(operator: string, build: () => T): T {
  try {
    return build()
  } catch (error) {
    if (error instanceof RangeError && !error.message.startsWith(`${operator}: `)) {
      throw new RangeError(`${operator}: ${error.message}`)
    }
    throw error
  }
}

/** Makes an operator from its definition. */
export function defineOp<A>(definition: OpDefinition<A>): Op<A> {
  const apply = (inputs: readonly Tensor[], attributes: A): readonly Tensor[] => {
    const types = named(definition.name, () => definition.shape(inputs, attributes))
    return makeNode(op, inputs, attributes, "length" in types ? types : [types]).outputs
  }
  const first = (inputs: readonly Tensor[], attributes: A) => apply(inputs, attributes)[0]!
  Object.defineProperty(first, "name", { writable: true })
  const op: Op<A> = Object.assign(first, definition, { apply })
  return op
}

function makeNode<A>(op: Op<A>, inputs: readonly Tensor[], attributes: A, types: readonly TensorType[]): Node {
  const outputs: Tensor[] = []
  const node = { op, inputs, attributes, outputs, scope: currentScope } as Node<unknown>
  types.forEach((type, index) => {
    outputs.push(new Tensor(node, index, type))
  })
  return node
}

/** Leaf: a value that is fed at each run. */
export const inputOp = defineOp<{ name: string; type: TensorType }>({
  name: "input",
  shape: (_, { type }) => type,
  reference: () => {
    throw new Error("an input has no value of its own")
  },
})

/** Leaf: a value that is part of the graph. */
export const constantOp = defineOp<{ value: NdArray }>({
  name: "constant",
  shape: (_, { value }) => ({ shape: value.shape, dtype: value.dtype }),
  onnx: (builder, _, { value }) => builder.constant(value),
  reference: (_, { value }, [y]) => {
    for (let i = 0; i < y!.data.length; i++) y!.data[i] = value.data[i]!
  },
})

/**
 * A value that is fed at each run, under this name.
 * Throws a RangeError for an empty name, an unknown type, and a shape that is no list of dimensions.
 */
export function input(name: string, shape: Shape, dtype: DType = "float32"): Tensor {
  named("input", () => {
    if (typeof name !== "string" || name === "") throw new RangeError("the name must not be empty")
  })
  named(`input ${name}`, () => {
    expectDims(shape)
    expectOneOf("dtype", dtype, dtypes)
  })
  return inputOp([], { name, type: { shape: [...shape], dtype } })
}

/** A value that is part of the graph; numbers become float32 scalars. */
export function constant(value: NdArray | number): Tensor {
  return constantOp([], {
    value: typeof value === "number" ? { shape: [], dtype: "float32", data: Float32Array.of(value) } : value,
  })
}

/** What operators take: a tensor, or a number for a scalar. */
export type Operand = Tensor | number

/** The tensors that two operands stand for: a number has the type of the other operand, float32 if both are numbers. */
export function operands(a: Operand, b: Operand): [Tensor, Tensor] {
  if (typeof a !== "number") return [a, typeof b === "number" ? scalar(b, a.dtype) : b]
  return typeof b === "number" ? [constant(a), constant(b)] : [scalar(a, b.dtype), b]
}

/** A scalar constant of the given type. Throws a RangeError for a fraction that is to be an integer. */
function scalar(value: number, dtype: DType): Tensor {
  if (!dtype.includes("float") && !Number.isInteger(value)) throw new RangeError(`${value} is no ${dtype}`)
  return constant(scalarArray(value, dtype))
}

/** True if the node applies this operator; its attributes then have the operator's type. */
export function applies<A>(node: Node, op: Op<A>): node is Node<unknown> & { readonly attributes: A } {
  return (node.op as unknown) === op
}

/** The number that a scalar constant holds, undefined for any other tensor. */
export function scalarValue(x: Tensor): number | undefined {
  return applies(x.node, constantOp) && x.rank === 0 ? Number(elementsOf(x.node.attributes.value)[0]) : undefined
}

/** An axis in 0 .. rank - 1; negative axes count from the end. Throws a RangeError for others. */
export function normalizeAxis(axis: number, rank: number): number {
  const positive = axis < 0 ? axis + rank : axis
  if (!Number.isInteger(axis) || positive < 0 || positive >= rank) {
    throw new RangeError(`axis ${axis} is out of range for rank ${rank}`)
  }
  return positive
}

/** Sorted axes in 0 .. rank - 1. Throws a RangeError for others, for one that is there twice, and for what is no list. */
export function normalizeAxes(axes: readonly number[], rank: number): number[] {
  if (!Array.isArray(axes)) throw new RangeError(`axes must be a list, such as [${axes}], got ${axes}`)
  const normalized = (axes as readonly number[]).map((axis) => normalizeAxis(axis, rank))
  if (new Set(normalized).size < axes.length) throw new RangeError(`axes [${axes.join(", ")}] name an axis twice`)
  return normalized.sort((a, b) => a - b)
}

/** The shape that two broadcast to (NumPy's rule). Throws a RangeError if they do not. */
export function broadcastShapes(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1
    const y = b[i - rank + b.length] ?? 1
    if (x === y || y === 1) return x
    if (x === 1) return y
    throw new RangeError(`shapes ${printShape(a)} and ${printShape(b)} do not broadcast`)
  })
}

/** Throws a RangeError unless `x` has the given rank. */
export function expectRank(what: string, x: Tensor, rank: number): void {
  if (x.rank !== rank) throw new RangeError(`${what} must have rank ${rank}, got ${printShape(x.shape)}`)
}

/** Throws a RangeError unless `x` has the given shape. */
export function expectShape(what: string, x: Tensor, shape: Shape): void {
  if (!sameShape(x.shape, shape)) {
    throw new RangeError(`${what} must have shape ${printShape(shape)}, got ${printShape(x.shape)}`)
  }
}
