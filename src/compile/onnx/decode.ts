/** Reads ONNX models, also those that other exporters wrote. */

import { fromBinary } from "@bufbuild/protobuf"
import { InputError } from "../../tensor/errors.ts"
import { sizeOf } from "../../tensor/ndarray.ts"
import { dataTypes, dtypeOf, type OnnxDType } from "./data-types.ts"
import type {
  OnnxAttributeValue,
  OnnxDim,
  OnnxFunction,
  OnnxGraph,
  OnnxNode,
  OnnxSubgraph,
  OnnxTensor,
  OnnxValue,
} from "./description.ts"
import {
  type AttributeProto,
  AttributeProto_AttributeType as AttributeType,
  type FunctionProto,
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  type OperatorSetIdProto,
  type SparseTensorProto,
  type TensorProto,
  TensorProto_DataLocation,
  type TensorShapeProto_Dimension,
  type TypeProto,
  type ValueInfoProto,
} from "./onnx_pb.ts"

/**
 * Describes an ONNX model. Initializers that lie in the model keep its memory; external data is not read.
 * @param bytes the model file
 * @param name what the file is called in errors
 *
 * Throws an InputError for bytes that are no ONNX model, are cut short, or hold a tensor whose data does not fill its shape.
 */
export function decodeOnnx(bytes: Uint8Array, name = "the model"): OnnxGraph {
  const model = parse(bytes, name)
  try {
    return {
      irVersion: Number(model.irVersion),
      opsets: opsetsOf(model.opsetImport),
      producer: { name: model.producerName, version: model.producerVersion },
      metadata: Object.fromEntries(model.metadataProps.map(({ key, value }) => [key, value])),
      functions: model.functions.map(describeFunction),
      ...describeGraph(model.graph!),
    }
  } catch (error) {
    if (error instanceof InputError) throw new InputError(`cannot read ${name}: ${error.message}`)
    throw error
  }
}

function parse(bytes: Uint8Array, name: string): ModelProto {
  let model: ModelProto
  try {
    model = fromBinary(ModelProtoSchema, bytes, { readUnknownFields: false })
  } catch (cause) {
    throw new InputError(`cannot read ${name}: it is no ONNX model, or is cut short or damaged`, { cause })
  }
  // Protobuf has no signature: other files may parse, but they have neither of these.
  if (model.graph === undefined || model.irVersion < 1n) {
    throw new InputError(`cannot read ${name}: it is no ONNX model: it holds no graph, or no version of the format`)
  }
  return model
}

const STANDARD_DOMAIN = "ai.onnx"

/** The standard domain has two names, of which "" is used here. */
function domainOf(domain: string): string {
  return domain === STANDARD_DOMAIN ? "" : domain
}

function opsetsOf(imports: readonly OperatorSetIdProto[]): Record<string, number> {
  return Object.fromEntries(imports.map(({ domain, version }) => [domainOf(domain), Number(version)]))
}

function describeGraph(graph: GraphProto): OnnxSubgraph {
  const initializers = [...graph.initializer.map(describeTensor), ...graph.sparseInitializer.map(describeSparse)]
  const stored = new Set(initializers.map(({ name }) => name))
  return {
    name: graph.name,
    inputs: graph.input.filter(({ name }) => !stored.has(name)).map(describeValue),
    outputs: graph.output.map(describeValue),
    values: graph.valueInfo.map(describeValue),
    nodes: graph.node.map(describeNode),
    initializers,
  }
}

function describeNode(node: NodeProto): OnnxNode {
  return {
    op: node.opType,
    domain: domainOf(node.domain),
    name: node.name,
    inputs: node.input,
    outputs: node.output,
    attributes: describeAttributes(node.attribute),
  }
}

function describeFunction(definition: FunctionProto): OnnxFunction {
  return {
    domain: domainOf(definition.domain),
    name: definition.name,
    inputs: definition.input,
    outputs: definition.output,
    defaults: describeAttributes(definition.attributeProto),
    opsets: opsetsOf(definition.opsetImport),
    nodes: definition.node.map(describeNode),
  }
}

function describeValue({ name, type }: ValueInfoProto): OnnxValue {
  return { name, ...describeType(type) }
}

function describeType(type: TypeProto | undefined): { dtype?: OnnxDType; shape?: OnnxDim[] } {
  if (type?.value.case !== "tensorType" && type?.value.case !== "sparseTensorType") return {}
  const { elemType, shape } = type.value.value
  return { dtype: dtypeOf(elemType), shape: shape?.dim.map(describeDim) }
}

/** Some exporters write -1 for a dimension that is open. */
function describeDim({ value }: TensorShapeProto_Dimension): OnnxDim {
  if (value.case === "dimValue") return value.value < 0n ? null : Number(value.value)
  return value.case === "dimParam" && value.value !== "" ? value.value : null
}

function describeAttributes(attributes: readonly AttributeProto[]): Record<string, OnnxAttributeValue> {
  const described: [string, OnnxAttributeValue][] = []
  for (const attribute of attributes) {
    const value = describeAttribute(attribute)
    if (value !== undefined) described.push([attribute.name, value])
  }
  return Object.fromEntries(described)
}

/** How each kind of attribute is read. What no shape depends on is left out. */
const readers: Partial<Record<AttributeType, (attribute: AttributeProto) => OnnxAttributeValue | undefined>> = {
  [AttributeType.FLOAT]: ({ f }) => f,
  [AttributeType.INT]: ({ i }) => Number(i),
  [AttributeType.STRING]: ({ s }) => text(s),
  [AttributeType.TENSOR]: ({ t }) => t && describeTensor(t),
  [AttributeType.GRAPH]: ({ g }) => g && describeGraph(g),
  [AttributeType.SPARSE_TENSOR]: ({ sparseTensor }) => sparseTensor && describeSparse(sparseTensor),
  [AttributeType.FLOATS]: ({ floats }) => floats,
  [AttributeType.INTS]: ({ ints }) => ints.map(Number),
  [AttributeType.STRINGS]: ({ strings }) => strings.map(text),
  [AttributeType.TENSORS]: ({ tensors }) => tensors.map(describeTensor),
  [AttributeType.GRAPHS]: ({ graphs }) => graphs.map(describeGraph),
}

function describeAttribute(attribute: AttributeProto): OnnxAttributeValue | undefined {
  if (attribute.refAttrName !== "") return { attribute: attribute.refAttrName }
  return readers[attribute.type === AttributeType.UNDEFINED ? guessType(attribute) : attribute.type]?.(attribute)
}

/** Files of the first version of the format do not say the kind of an attribute. */
function guessType({ t, g, ints, floats, strings, s, f }: AttributeProto): AttributeType {
  if (t) return AttributeType.TENSOR
  if (g) return AttributeType.GRAPH
  if (ints.length > 0) return AttributeType.INTS
  if (floats.length > 0) return AttributeType.FLOATS
  if (strings.length > 0) return AttributeType.STRINGS
  if (s.length > 0) return AttributeType.STRING
  return f !== 0 ? AttributeType.FLOAT : AttributeType.INT
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

function describeSparse({ values, dims }: SparseTensorProto): OnnxTensor {
  const tensor = values ?? { name: "", dataType: 0 }
  return { name: tensor.name, dtype: checkedType(tensor), shape: checkedShape(tensor.name, dims) }
}

function describeTensor(tensor: TensorProto): OnnxTensor {
  const { name, dims } = tensor
  const described = { name, dtype: checkedType(tensor), shape: checkedShape(name, dims) }
  if (tensor.dataLocation === TensorProto_DataLocation.EXTERNAL) {
    const external = describeExternal(tensor)
    if (external.length !== undefined) checkLength(described, external.length)
    return { ...described, external }
  }
  if (described.dtype === "string") return described
  const bytes = tensor.rawData.length > 0 ? tensor.rawData : typedData(tensor, described.dtype)
  checkLength(described, bytes.length)
  return { ...described, bytes }
}

function checkedType({ name, dataType }: Pick<TensorProto, "name" | "dataType">): OnnxDType {
  const dtype = dtypeOf(dataType)
  if (dtype === undefined) throw new InputError(`tensor ${name} has the unknown element type ${dataType}`)
  return dtype
}

function checkedShape(name: string, dims: readonly bigint[]): number[] {
  const shape = dims.map(Number)
  if (shape.some((dim) => dim < 0) || !Number.isSafeInteger(sizeOf(shape))) {
    throw new InputError(`tensor ${name} has the impossible shape [${shape.join(", ")}]`)
  }
  return shape
}

function checkLength({ name, dtype, shape }: Pick<OnnxTensor, "name" | "dtype" | "shape">, length: number): void {
  const expected = Math.ceil((sizeOf(shape) * dataTypes[dtype].bits) / 8)
  if (length !== expected) {
    throw new InputError(
      `tensor ${name} of ${dtype} [${shape.join(", ")}] takes ${expected} bytes, but ${length} are there`,
    )
  }
}

function describeExternal({ name, externalData }: TensorProto): NonNullable<OnnxTensor["external"]> {
  const entries = Object.fromEntries(externalData.map(({ key, value }) => [key, value]))
  const { location = "", offset = "0", length } = entries
  const isCount = (value: string) => /^\d+$/.test(value)
  if (location === "" || !isCount(offset) || (length !== undefined && !isCount(length))) {
    throw new InputError(`tensor ${name} does not say where in which file its data lies`)
  }
  return { location, offset: Number(offset), length: length === undefined ? undefined : Number(length) }
}

/** The bytes of elements that are stored as a list of numbers: each list serves the types that fit into its own. */
function typedData({ floatData, doubleData, int32Data, int64Data, uint64Data }: TensorProto, dtype: OnnxDType) {
  const lists: (() => ArrayBufferView)[] = [
    () => Float32Array.from(floatData),
    () => Float64Array.from(doubleData),
    () => BigInt64Array.from(int64Data),
    () => (dtype === "uint32" ? Uint32Array.from(uint64Data, Number) : BigUint64Array.from(uint64Data)),
    () => narrow(int32Data, dataTypes[dtype].bits),
  ]
  const lengths = [floatData, doubleData, int64Data, uint64Data, int32Data].map(({ length }) => length)
  const filled = lists[lengths.findIndex((length) => length > 0)]
  const view = filled?.() ?? new Uint8Array(0)
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}

/** Elements of 32 bits or less, each stored as an int32; those below a byte are packed already. */
function narrow(values: readonly number[], bits: number): ArrayBufferView {
  if (bits === 32) return Int32Array.from(values)
  return bits === 16 ? Uint16Array.from(values) : Uint8Array.from(values)
}
