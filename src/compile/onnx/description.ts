/** An ONNX model as plain data: what a reader sees of it, without the form of the file. */

import type { Dim } from "../../tensor/dim.ts"
import type { OnnxDType } from "./data-types.ts"

/** A dimension; null where the file leaves it open without a name. */
export type OnnxDim = Dim | null

/** A named value. `shape` is undefined where not even the rank is known, `dtype` where it is no plain tensor. */
export interface OnnxValue {
  readonly name: string
  readonly dtype?: OnnxDType
  readonly shape?: readonly OnnxDim[]
}

/** A stored tensor. */
export interface OnnxTensor {
  readonly name: string
  readonly dtype: OnnxDType
  readonly shape: readonly number[]
  /** The elements, little-endian and row-major. Undefined where they lie in another file, are sparse, or are strings. */
  readonly bytes?: Uint8Array
  /** Where they lie in another file. `length` is undefined where the file does not say it. */
  readonly external?: { readonly location: string; readonly offset: number; readonly length?: number }
}

/** Stands for an attribute of the function that the node is part of. */
export interface OnnxAttributeReference {
  readonly attribute: string
}

/** Integers are numbers; those beyond 2^53, which mean "to the end", lose their last digits. */
export type OnnxAttributeValue =
  | number
  | string
  | OnnxTensor
  | OnnxSubgraph
  | OnnxAttributeReference
  | readonly number[]
  | readonly string[]
  | readonly OnnxTensor[]
  | readonly OnnxSubgraph[]

export interface OnnxNode {
  /** Type of the operator, as "Conv". */
  readonly op: string
  /** "" for the standard operators. */
  readonly domain: string
  /** May be "". */
  readonly name: string
  /** Names of values; "" for one that is left out. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: Readonly<Record<string, OnnxAttributeValue>>
}

/** Nodes and what they read and give. Those of If and Loop also read values of the graph around them. */
export interface OnnxSubgraph {
  readonly name: string
  /** Without those that have an initializer: old files list them among the inputs too. */
  readonly inputs: readonly OnnxValue[]
  readonly outputs: readonly OnnxValue[]
  /** Inner values of which the file tells the type. */
  readonly values: readonly OnnxValue[]
  readonly nodes: readonly OnnxNode[]
  readonly initializers: readonly OnnxTensor[]
}

/** An operator that the file itself defines by a graph. */
export interface OnnxFunction {
  readonly domain: string
  readonly name: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  /** Values of attributes that a call may leave out. */
  readonly defaults: Readonly<Record<string, OnnxAttributeValue>>
  readonly opsets: Readonly<Record<string, number>>
  readonly nodes: readonly OnnxNode[]
}

/** A whole model. */
export interface OnnxGraph extends OnnxSubgraph {
  readonly irVersion: number
  /** Version of each operator set by its domain, "" for the standard one. */
  readonly opsets: Readonly<Record<string, number>>
  readonly producer: { readonly name: string; readonly version: string }
  readonly metadata: Readonly<Record<string, string>>
  readonly functions: readonly OnnxFunction[]
}
