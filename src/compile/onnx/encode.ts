/** Writes a graph as an ONNX model. */

import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf"
import { symbolOf } from "../../tensor/dim.ts"
import { scalarArray } from "../../tensor/float16.ts"
import { type Graph, graphInputs, inputName, topologicalOrder } from "../../tensor/graph.ts"
import { bytesOf, bytesPerElement, type DType, type NdArray, sizeOf } from "../../tensor/ndarray.ts"
import { type FileRegion, regionOf } from "../../tensor/stored.ts"
import type { Node, OnnxAttribute, OnnxAttributes, OnnxBuilder, Tensor } from "../../tensor/tensor.ts"
import { dataTypes } from "./data-types.ts"
import {
  AttributeProto_AttributeType,
  type AttributeProtoSchema,
  ModelProtoSchema,
  type NodeProtoSchema,
  TensorProto_DataLocation,
  type TensorProtoSchema,
  type TensorShapeProto_DimensionSchema,
  type ValueInfoProtoSchema,
} from "./onnx_pb.ts"

/** Version of the standard operator set that models are written for, and of the file format. */
export const OPSET = 21
const IR_VERSION = 10n

/** The blocked convolutions of ONNX Runtime's CPU provider. */
export const NCHWC_DOMAIN = "com.microsoft.nchwc"
/** Other operators that ONNX Runtime has beyond the standard. */
export const MICROSOFT_DOMAIN = "com.microsoft"

export interface EncodeOptions {
  /** Name of the graph. */
  name: string
  /** Values of inputs that become part of the model. The other inputs are fed at each run. */
  initializers?: Readonly<Record<string, NdArray>>
  /**
   * Put initializers of at least this many bytes outside of the model. Default: none. A model holds at most 2 GB itself.
   */
  externalFrom?: number
  /**
   * Leave symbolic dimensions without a name. ONNX Runtime then cannot tell that two values have the same shape, and
   * frees each one after its last use instead of keeping its memory for the next one like it: less memory, at the price
   * of operators that work in place. Default false.
   */
  anonymousDims?: boolean
  /**
   * Let whoever reads the model read initializers from the files that they still lie in, if those are in one folder and
   * unchanged; all others are then part of the model. Default false.
   */
  linkFiles?: boolean
  /** Key and value pairs for the model's metadata. */
  metadata?: Readonly<Record<string, string>>
}

export interface EncodedModel {
  /** The ModelProto, in protobuf's binary form. */
  model: Uint8Array
  /** Bytes that lie outside of the model, by the location that the model names. */
  external: Record<string, Uint8Array>
  /** The folder of the files whose names the model tells as locations; undefined if there are none. */
  folder?: string
  /** Whether all these files are still what they were when they were opened. */
  isCurrent(): boolean
}

/** What a model holds itself at most, where the rest is in linked files: far from protobuf's 2 GB. */
const MOST_INSIDE = 2 ** 28

/** Operators that have more outputs than they need to have, and how many they need: the others are for training. */
const optionalOutputs: Readonly<Record<string, number>> = { LayerNormalization: 1 }

type NodeInit = MessageInitShape<typeof NodeProtoSchema>
type TensorInit = MessageInitShape<typeof TensorProtoSchema>
type AttributeInit = MessageInitShape<typeof AttributeProtoSchema>

/**
 * Encodes a graph. The outputs keep their names; the inputs are those that `initializers` does not give.
 * Throws an Error for an operator without an ONNX form, and for an output that has the name of an input.
 */
export function encodeOnnx(
  graph: Graph,
  { name, initializers = {}, externalFrom, linkFiles = false, anonymousDims = false, metadata = {} }: EncodeOptions,
): EncodedModel {
  const encoder = new Encoder(
    externalFrom ?? Number.POSITIVE_INFINITY,
    linkFiles ? findFolder(initializers) : undefined,
  )
  const inputs = graphInputs(graph)
  for (const [inputName, x] of inputs) encoder.name(x, inputName)
  for (const [outputName, x] of Object.entries(graph)) {
    if ((inputs.get(outputName) ?? x) !== x) {
      throw new Error(`encodeOnnx: the output ${outputName} has the name of an input`)
    }
    encoder.reserve(x, outputName)
  }
  for (const node of topologicalOrder(Object.values(graph))) encoder.add(node)
  for (const [outputName, x] of Object.entries(graph)) encoder.ensureOutput(outputName, x)
  encoder.dropUnread(Object.keys(graph))

  const fed = [...inputs].filter(([inputName]) => initializers[inputName] === undefined)
  for (const [inputName] of inputs) {
    const value = initializers[inputName]
    if (value) encoder.initializer(inputName, value)
  }
  const { linked } = encoder
  const model = create(ModelProtoSchema, {
    irVersion: IR_VERSION,
    producerName: "convnext",
    opsetImport: [
      { domain: "", version: BigInt(OPSET) },
      ...[...encoder.domains].map((domain) => ({ domain, version: 1n })),
    ],
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    graph: {
      name,
      node: encoder.protoNodes,
      initializer: encoder.initializers,
      input: fed.map(([inputName, x]) => valueInfo(inputName, x, anonymousDims)),
      output: Object.entries(graph).map(([outputName, x]) => valueInfo(outputName, x, anonymousDims)),
      valueInfo: encoder.innerTypes().map(([valueName, x]) => valueInfo(valueName, x, anonymousDims)),
    },
  })
  return {
    model: toBinary(ModelProtoSchema, model),
    external: encoder.external,
    folder: encoder.folder,
    isCurrent: () => linked.every((region) => region.isCurrent()),
  }
}

/** The folder whose files hold nearly all of the values; undefined if there is none. */
function findFolder(initializers: Readonly<Record<string, NdArray>>): string | undefined {
  let folder: string | undefined
  let inside = 0
  for (const value of Object.values(initializers)) {
    const region = regionOf(value)
    folder ??= region?.folder
    if (!region) inside += sizeOf(value.shape) * bytesPerElement(value.dtype)
    else if (region.folder !== folder || !region.isCurrent()) return undefined
  }
  return inside < MOST_INSIDE ? folder : undefined
}

type DimInit = NonNullable<MessageInitShape<typeof TensorShapeProto_DimensionSchema>>

function valueInfo(name: string, x: Tensor, anonymous: boolean): MessageInitShape<typeof ValueInfoProtoSchema> {
  const dim = x.shape.map((d): DimInit => {
    if (!symbolOf(d)) return { value: { case: "dimValue", value: BigInt(d) } }
    return anonymous ? {} : { value: { case: "dimParam", value: String(d) } }
  })
  return {
    name,
    type: { value: { case: "tensorType", value: { elemType: dataTypes[x.dtype].code, shape: { dim } } } },
  }
}

/** Collects the nodes and constants of one model and gives every value a name that says where it comes from. */
class Encoder implements OnnxBuilder {
  readonly protoNodes: NodeInit[] = []
  readonly initializers: TensorInit[] = []
  readonly external: Record<string, Uint8Array> = {}
  /** Where the linked files are; undefined if nothing is linked. */
  readonly folder: string | undefined
  readonly linked: FileRegion[] = []
  readonly domains = new Set<string>()
  readonly #externalFrom: number
  readonly #names = new Map<Tensor, string>()
  readonly #reserved = new Map<Tensor, string>()
  readonly #used = new Set<string>()
  readonly #counts = new Map<string, number>()
  readonly #constants = new Map<string, string>()
  #scope = ""

  constructor(externalFrom: number, folder: string | undefined) {
    this.#externalFrom = externalFrom
    this.folder = folder
  }

  /** Fixes the name of a value. */
  name(x: Tensor, name: string): void {
    this.#names.set(x, name)
    this.#used.add(name)
  }

  /** The name that a value will have once it is computed: outputs keep the names that the graph gives them. */
  reserve(x: Tensor, name: string): void {
    this.#used.add(name)
    if (!this.#names.has(x) && !this.#reserved.has(x)) this.#reserved.set(x, name)
  }

  add(node: Node): void {
    if (inputName(node.outputs[0]!) !== undefined) return
    if (!node.op.onnx) throw new Error(`encodeOnnx: ${node.op.name} has no ONNX form; decompose it first`)
    this.#scope = node.scope
    const inputs = node.inputs.map((x) => this.#names.get(x)!)
    const result = node.op.onnx(this, inputs, node.attributes, node)
    const names = typeof result === "string" ? [result] : result
    node.outputs.forEach((x, i) => {
      const reserved = this.#reserved.get(x)
      this.#names.set(x, reserved === undefined ? names[i]! : this.#rename(names[i]!, reserved))
    })
  }

  /** Adds a copy where an output is an input, a constant, or another output too. */
  ensureOutput(name: string, x: Tensor): void {
    const computed = this.#names.get(x)!
    if (computed === name) return
    this.protoNodes.push({ opType: "Identity", name: `${name}/Identity`, input: [computed], output: [name] })
  }

  /** Leaves out last outputs that nothing reads, where the operator does not demand them. */
  dropUnread(outputs: readonly string[]): void {
    const read = new Set([...outputs, ...this.protoNodes.flatMap(({ input }) => input!)])
    for (const { opType, output } of this.protoNodes) {
      const least = optionalOutputs[opType!] ?? output!.length
      while (output!.length > least && !read.has(output!.at(-1)!)) output!.pop()
    }
  }

  /** Types of the values between nodes, as far as they are tensors of the graph: viewers show them along the edges. */
  innerTypes(): [name: string, x: Tensor][] {
    const inner = new Set(this.protoNodes.flatMap(({ output }) => output!))
    for (const name of this.#reserved.values()) inner.delete(name)
    // Where an operator gives back its input, two tensors have one name.
    const types = new Map([...this.#names].map(([x, name]) => [name, x]))
    return [...types].filter(([name]) => inner.has(name))
  }

  node(type: string, inputs: readonly string[], attributes: OnnxAttributes = {}, domain = ""): string {
    return this.nodes(type, inputs, attributes, 1, domain)[0]!
  }

  nodes(type: string, inputs: readonly string[], attributes: OnnxAttributes, outputs: number, domain = ""): string[] {
    if (domain) this.domains.add(domain)
    const name = this.#unique(this.#scope ? `${this.#scope}/${type}` : type)
    const output = Array.from({ length: outputs }, (_, i) => this.#unique(i === 0 ? `${name}:out` : `${name}:out${i}`))
    this.protoNodes.push({
      opType: type,
      name,
      domain,
      input: [...inputs],
      output,
      attribute: Object.entries(attributes).flatMap(([key, value]) =>
        value === undefined ? [] : [attribute(key, value)],
      ),
    })
    return output
  }

  ints(values: readonly number[]): string {
    return this.#shared(`ints:${values.join(",")}`, () => ({
      shape: [values.length],
      dtype: "int64",
      data: BigInt64Array.from(values, BigInt),
    }))
  }

  scalar(value: number, dtype: DType = "float32"): string {
    return this.#shared(`${dtype}:${Object.is(value, -0) ? "-0" : value}`, () => scalarArray(value, dtype))
  }

  constant(value: NdArray): string {
    if (value.shape.length === 0 && value.dtype === "float32") return this.scalar(Number(value.data[0]))
    const name = this.#unique(this.#scope ? `${this.#scope}/constant` : "constant")
    this.initializer(name, value)
    return name
  }

  initializer(name: string, value: NdArray): void {
    const { shape, dtype } = value
    const size = sizeOf(shape) * bytesPerElement(dtype)
    const tensor: TensorInit = { name, dims: shape.map(BigInt), dataType: dataTypes[dtype].code }
    const region = this.#link(value)
    // ONNX Runtime reads all data outside of a model from files or none of it.
    if (!region && (this.folder !== undefined || size < this.#externalFrom)) {
      this.initializers.push({ ...tensor, rawData: bytesOf(value) })
      return
    }
    if (region) this.linked.push(region)
    else this.external[name] = bytesOf(value)
    const externalData = [
      { key: "location", value: region?.file ?? name },
      { key: "offset", value: String(region?.start ?? 0) },
      { key: "length", value: String(size) },
    ]
    this.initializers.push({ ...tensor, dataLocation: TensorProto_DataLocation.EXTERNAL, externalData })
  }

  #link(value: NdArray): FileRegion | undefined {
    const region = regionOf(value)
    return region?.folder === this.folder ? region : undefined
  }

  #shared(key: string, make: () => NdArray): string {
    let name = this.#constants.get(key)
    if (name === undefined) {
      name = this.#unique(`constant/${key}`)
      this.initializer(name, make())
      this.#constants.set(key, name)
    }
    return name
  }

  #unique(name: string): string {
    let candidate = name
    while (this.#used.has(candidate)) {
      const count = (this.#counts.get(name) ?? 0) + 1
      this.#counts.set(name, count)
      candidate = `${name}_${count}`
    }
    this.#used.add(candidate)
    return candidate
  }

  /** Renames an output of the node that was just added; constants keep their name. */
  #rename(from: string, to: string): string {
    for (let i = this.protoNodes.length - 1; i >= 0; i--) {
      const output = this.protoNodes[i]!.output!
      const at = output.indexOf(from)
      if (at < 0) continue
      output[at] = to
      // Nodes that the same operator added after it may read it already.
      for (const later of this.protoNodes.slice(i + 1)) later.input = later.input!.map((x) => (x === from ? to : x))
      return to
    }
    return from
  }
}

function attribute(name: string, value: OnnxAttribute): AttributeInit {
  if (typeof value === "string") {
    // A cast names its target by a data type.
    if (name === "to")
      return { name, type: AttributeProto_AttributeType.INT, i: BigInt(dataTypes[value as DType].code) }
    return { name, type: AttributeProto_AttributeType.STRING, s: new TextEncoder().encode(value) }
  }
  if (typeof value === "number") return { name, type: AttributeProto_AttributeType.INT, i: BigInt(value) }
  if ("float" in value) return { name, type: AttributeProto_AttributeType.FLOAT, f: value.float }
  return { name, type: AttributeProto_AttributeType.INTS, ints: value.map(BigInt) }
}
