/**
 * The initializers of ONNX models. The file is walked field by field and only what describes the tensors is decoded: the
 * nodes are stepped over, and values are read when they are wanted, also those in external files.
 * onnx.proto of ONNX 1.23; https://protobuf.dev/programming-guides/encoding.
 */
import {
  type TensorProto,
  TensorProto_DataLocation,
  TensorProto_DataType,
  TensorProtoSchema,
} from "../compile/onnx/onnx_pb.ts"
import { bytesOf, bytesPerElement, type DType, type NdArray, sizeOf } from "../tensor/ndarray.ts"
import { type ByteSource, type OpenSibling, staysInFolder } from "./byte-source.ts"
import {
  allocate,
  type Checkpoint,
  checkBooleans,
  checkedSizeOf,
  MemoryBudget,
  type StoredTensor,
} from "./checkpoint.ts"
import { type Field, ProtobufWalker } from "./protobuf-walker.ts"
import { quote, unreadable } from "./unreadable.ts"

/** Numbers of the fields on the way to the tensors' values. */
const modelGraph = 7
const graphInitializer = 5
const graphSparseInitializer = 15
const rawData = 9
const floatData = 4
const doubleData = 10
/** int32_data, int64_data, uint64_data: numbers of varying length. */
const varintData = [5, 7, 11]

/** A tensor in a model has about six fields. */
const maxTensorFields = 1000

/** Bytes of a tensor's name, shape, type and whereabouts. */
const maxDescriptionSize = 2 ** 16

/** Bytes of numbers of varying length: decoded they take many times as much memory. Large tensors are raw. */
const maxVarintDataSize = 2 ** 26

const dtypes: Partial<Record<number, DType>> = {
  [TensorProto_DataType.FLOAT]: "float32",
  [TensorProto_DataType.DOUBLE]: "float64",
  [TensorProto_DataType.FLOAT16]: "float16",
  [TensorProto_DataType.BFLOAT16]: "bfloat16",
  [TensorProto_DataType.INT8]: "int8",
  [TensorProto_DataType.UINT8]: "uint8",
  [TensorProto_DataType.INT16]: "int16",
  [TensorProto_DataType.UINT16]: "uint16",
  [TensorProto_DataType.INT32]: "int32",
  [TensorProto_DataType.UINT32]: "uint32",
  [TensorProto_DataType.INT64]: "int64",
  [TensorProto_DataType.UINT64]: "uint64",
  [TensorProto_DataType.BOOL]: "bool",
}

/**
 * Opens an ONNX model for its initializers. Throws an InputError if it is none, is cut short or damaged, or has
 * initializers that are sparse, of a type without arrays, or in a file outside of its folder.
 */
export async function openOnnx(source: ByteSource, openSibling: OpenSibling): Promise<Checkpoint> {
  const walker = new ProtobufWalker(source)
  const external = new ExternalFiles(source, openSibling)
  const tensors = new Map<string, StoredTensor>()
  let hasGraph = false
  for await (const graph of walker.fields(0, source.size)) {
    if (graph.number !== modelGraph) continue
    hasGraph = true
    for await (const field of walker.fields(graph.start, graph.end)) {
      if (field.number === graphSparseInitializer) throw unreadable(source.name, "it has sparse initializers")
      if (field.number !== graphInitializer) continue
      const tensor = await openInitializer(walker, field, external)
      if (isGraphConstant(tensor.name)) continue
      if (tensors.has(tensor.name)) throw unreadable(source.name, `it has initializer ${quote(tensor.name)} twice`)
      tensors.set(tensor.name, tensor)
    }
  }
  if (!hasGraph) throw unreadable(source.name, "it begins like an ONNX model but has no graph")
  return { format: "ONNX", tensors: [...tensors.values()], metadata: {} }
}

/** Whether this package wrote it as a constant of the graph, such as a shape: `constant/ints:1,2`, `head/constant_1`. */
const isGraphConstant = (name: string) => /(^|\/)constant(_\d+)?($|\/)/.test(name)

async function openInitializer(walker: ProtobufWalker, field: Field, external: ExternalFiles): Promise<StoredTensor> {
  const { source } = walker
  const { description, values } = await splitTensor(walker, field)
  const proto = await walker.decode(description, TensorProtoSchema)
  const { name } = proto
  const dtype = dtypes[proto.dataType]
  if (dtype === undefined) {
    const type = TensorProto_DataType[proto.dataType] ?? proto.dataType
    throw unreadable(source.name, `initializer ${quote(name)} is of type ${type}, which is not supported`)
  }
  const shape = proto.dims.map(Number)
  if (shape.some((dim) => dim < 0) || checkedSizeOf(shape) === undefined) {
    throw unreadable(source.name, `initializer ${quote(name)} has the impossible shape [${shape.join(", ")}]`)
  }
  const isExternal = proto.dataLocation === TensorProto_DataLocation.EXTERNAL
  const isVarint = !isExternal && values.length > 0 && values.every(({ number }) => varintData.includes(number))
  const described = { name, dtype, shape }
  const read = async () => {
    if (isVarint) return decodeVarints(walker, values, described)
    return readRange(
      isExternal ? await external.locate(proto, described) : locateBytes(source, values, name),
      described,
    )
  }
  return { ...described, read }
}

/** What a TensorProto says of its values. */
type Description = Omit<StoredTensor, "read">

function byteSizeOf({ shape, dtype }: Description): number {
  return sizeOf(shape) * bytesPerElement(dtype)
}

/** The fields of a TensorProto: those that describe it, which are small, and those with its values. */
async function splitTensor(walker: ProtobufWalker, tensor: Field): Promise<{ description: Field[]; values: Field[] }> {
  const description: Field[] = []
  const values: Field[] = []
  let size = 0
  for await (const field of walker.fields(tensor.start, tensor.end)) {
    const isValue = [rawData, floatData, doubleData, ...varintData].includes(field.number)
    ;(isValue ? values : description).push(field)
    if (!isValue) size += field.end - field.tagStart
    if (isValue && field.wireType !== 2)
      throw unreadable(walker.source.name, "it has an initializer whose values are not packed")
    if (size > maxDescriptionSize || description.length + values.length > maxTensorFields) {
      throw unreadable(walker.source.name, `the initializer at byte ${tensor.start} is described by too many fields`)
    }
  }
  return { description, values }
}

/** Bytes of a source that are a tensor's values as they are in memory. */
interface ValueRange {
  source: ByteSource
  start: number
  size: number
}

/** raw_data, float_data and double_data: in a file all three are bytes in little-endian order. */
function locateBytes(source: ByteSource, values: readonly Field[], name: string): ValueRange {
  if (values.length > 1)
    throw unreadable(source.name, `initializer ${quote(name)} has its values in ${values.length} parts`)
  const { start, end } = values[0] ?? { start: 0, end: 0 }
  return { source, start, size: end - start }
}

async function readRange({ source, start, size }: ValueRange, tensor: Description): Promise<NdArray> {
  const { name, dtype, shape } = tensor
  const expected = byteSizeOf(tensor)
  if (size !== expected) {
    const type = `${dtype} [${shape.join(", ")}]`
    throw unreadable(source.name, `initializer ${quote(name)} has ${size} bytes of values, ${type} needs ${expected}`)
  }
  const array = allocate(name, shape, dtype, source.name)
  await source.read(start, bytesOf(array))
  checkBooleans(name, array, source.name)
  return array
}

/** int32_data holds all types of up to 32 bits, float16 and bfloat16 by their bits; uint64_data also uint32. */
async function decodeVarints(
  walker: ProtobufWalker,
  values: readonly Field[],
  { name, dtype, shape }: Description,
): Promise<NdArray> {
  const { source } = walker
  if (values.reduce((sum, { start, end }) => sum + end - start, 0) > maxVarintDataSize) {
    throw unreadable(source.name, `initializer ${quote(name)} is too large for values that are not raw`)
  }
  const { int32Data, int64Data, uint64Data } = await walker.decode(values, TensorProtoSchema)
  const numbers = dtype === "int64" ? int64Data : dtype === "uint32" || dtype === "uint64" ? uint64Data : int32Data
  if (numbers.length !== sizeOf(shape)) {
    throw unreadable(
      source.name,
      `initializer ${quote(name)} of type ${dtype} and shape [${shape.join(", ")}] has ${numbers.length} values`,
    )
  }
  const array = allocate(name, shape, dtype, source.name)
  const isWide = dtype === "int64" || dtype === "uint64"
  for (const [i, value] of numbers.entries()) array.data[i] = isWide ? value : Number(value)
  checkBooleans(name, array, source.name)
  return array
}

/** The files beside a model that hold values. */
class ExternalFiles {
  readonly #model: ByteSource
  readonly #openSibling: OpenSibling
  readonly #opened = new Map<string, { source: ByteSource; budget: MemoryBudget }>()

  constructor(model: ByteSource, openSibling: OpenSibling) {
    this.#model = model
    this.#openSibling = openSibling
  }

  /** Where a tensor's values lie. Throws an InputError if that is not inside of a file in the model's folder. */
  async locate({ name, externalData }: TensorProto, tensor: Description): Promise<ValueRange> {
    const {
      location = "",
      offset = "0",
      length = String(byteSizeOf(tensor)),
    } = Object.fromEntries(externalData.map(({ key, value }) => [key, value])) as Partial<Record<string, string>>
    if (!staysInFolder(location)) {
      throw unreadable(
        this.#model.name,
        `initializer ${quote(name)} is said to be in ${quote(location)}, which is no file beside the model`,
      )
    }
    const { source, budget } = await this.#open(location)
    const start = Number(offset)
    const end = start + Number(length)
    if (!Number.isSafeInteger(end) || start < 0 || Number(length) < 0 || end > source.size) {
      throw unreadable(source.name, `initializer ${quote(name)} is said to be at byte ${offset}, ${length} bytes long`)
    }
    budget.take(end - start, name)
    return { source, start, size: end - start }
  }

  async #open(location: string): Promise<{ source: ByteSource; budget: MemoryBudget }> {
    const known = this.#opened.get(location)
    if (known !== undefined) return known
    const source = await this.#openSibling(location)
    const opened = { source, budget: new MemoryBudget(source.size, source.name) }
    this.#opened.set(location, opened)
    return opened
  }
}
