/**
 * The safetensors format: 8 bytes with the length of a JSON header (little-endian), the header, the tensors' bytes.
 * https://github.com/huggingface/safetensors. Everything is checked before memory is taken, and the writer's bytes
 * are those of the reference implementation.
 *
 * Tensors are little-endian, as is every machine that ONNX Runtime has binaries for, so bytes are copied as they are.
 */
import { UsageError } from "../tensor/errors.ts"
import { bytesOf, bytesPerElement, type DType, type NdArray, sizeOf } from "../tensor/ndarray.ts"
import { type ByteSource, readBytes } from "./byte-source.ts"
import { allocate, type Checkpoint, checkBooleans, checkedSizeOf } from "./checkpoint.ts"
import { quote, unreadable } from "./unreadable.ts"

/** Tensors by name, and the free text that travels with them. */
export interface Safetensors {
  tensors: Record<string, NdArray>
  metadata: Record<string, string>
}

/** Where a tensor lies. `start` and `end` count bytes from the beginning of the file. */
export interface TensorEntry {
  name: string
  dtype: DType
  shape: number[]
  start: number
  end: number
}

/** What a header says: the tensors in the order of their bytes, and the metadata. */
export interface SafetensorsHeader {
  entries: TensorEntry[]
  metadata: Record<string, string>
}

/** Bytes that hold the length of the header. */
export const prefixSize = 8

/** The reference implementation's limit on the header. */
const maxHeaderSize = 100_000_000

/** The format's element types in the order in which tensors are written: the strictest alignment first. */
const dtypeNames: Partial<Record<string, DType>> = {
  U64: "uint64",
  I64: "int64",
  F64: "float64",
  F32: "float32",
  U32: "uint32",
  I32: "int32",
  BF16: "bfloat16",
  F16: "float16",
  U16: "uint16",
  I16: "int16",
  I8: "int8",
  U8: "uint8",
  BOOL: "bool",
}

const namesByDType = new Map(Object.entries(dtypeNames).map(([name, dtype]) => [dtype, name]))
const writeOrder = [...namesByDType.keys()]

/**
 * The length of the header in bytes, from the first 8 bytes of a file of `fileSize` bytes.
 * Throws an InputError if the file cannot hold such a header.
 */
export function headerSize(prefix: Uint8Array, fileSize: number, source: string): number {
  if (fileSize < prefixSize) throw unreadable(source, `${fileSize} bytes are too few for a safetensors file`)
  const size = Number(new DataView(prefix.buffer, prefix.byteOffset, prefixSize).getBigUint64(0, true))
  if (size > maxHeaderSize) throw unreadable(source, `not a safetensors file (it would have a header of ${size} bytes)`)
  if (size > fileSize - prefixSize) {
    throw unreadable(source, `the file is cut short: its header has ${size} bytes, the file only ${fileSize}`)
  }
  return size
}

/**
 * Parses the header (without the 8 bytes before it) of a file of `fileSize` bytes. Tensors must follow one another
 * without holes or overlap and fill the file. Throws an InputError that names `source` and the tensor.
 */
export function parseHeader(header: Uint8Array, fileSize: number, source: string): SafetensorsHeader {
  const { __metadata__: metadata, ...tensors } = parseJson(header, source)
  const dataStart = prefixSize + header.length
  const entries = Object.entries(tensors).map(([name, entry]) => parseEntry(name, entry, dataStart, source))
  entries.sort((a, b) => a.start - b.start || a.end - b.end)
  let end = dataStart
  for (const entry of entries) {
    if (entry.start !== end) {
      const fault = entry.start < end ? "overlaps the tensor before it" : `leaves ${entry.start - end} bytes unused`
      throw unreadable(source, `tensor ${quote(entry.name)} ${fault}`)
    }
    end = entry.end
  }
  if (end > fileSize) {
    throw unreadable(source, `the file is cut short: its tensors end at byte ${end}, the file at ${fileSize}`)
  }
  if (end < fileSize) throw unreadable(source, `${fileSize - end} bytes follow the last tensor`)
  return { entries, metadata: parseMetadata(metadata, source) }
}

function parseJson(header: Uint8Array, source: string): Record<string, unknown> {
  let text: string
  let value: unknown
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(header)
    value = JSON.parse(text)
  } catch (cause) {
    throw unreadable(source, "the safetensors header is not valid JSON", cause)
  }
  if (!isObject(value) || !text.startsWith("{")) {
    throw unreadable(source, "the safetensors header is not a JSON object")
  }
  const duplicate = findDuplicateKey(text)
  if (duplicate !== undefined) {
    throw unreadable(source, `the safetensors header has ${quote(duplicate)} more than once`)
  }
  return value
}

/** The first key that an object in the valid JSON `text` has twice; JSON.parse would silently keep the last. */
function findDuplicateKey(text: string): string | undefined {
  const objects: Set<string>[] = []
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "{") objects.push(new Set())
    if (text[i] === "}") objects.pop()
    if (text[i] !== '"') continue
    const start = i++
    while (text[i] !== '"') i += text[i] === "\\" ? 2 : 1
    const end = i + 1
    while (/\s/.test(text[i + 1] ?? "")) i++
    if (text[i + 1] !== ":") continue
    const key = JSON.parse(text.slice(start, end)) as string
    if (objects.at(-1)!.has(key)) return key
    objects.at(-1)!.add(key)
  }
  return undefined
}

function parseMetadata(value: unknown, source: string): Record<string, string> {
  if (value === undefined) return {}
  if (!isObject(value) || Object.values(value).some((text) => typeof text !== "string")) {
    throw unreadable(source, "__metadata__ is not an object of strings")
  }
  return value as Record<string, string>
}

function parseEntry(name: string, value: unknown, dataStart: number, source: string): TensorEntry {
  const fail = (reason: string) => unreadable(source, `tensor ${quote(name)} ${reason}`)
  if (!isObject(value)) throw fail("is not described by a JSON object")
  const { dtype: dtypeName, shape, data_offsets: offsets } = value
  if (typeof dtypeName !== "string") throw fail("has no dtype")
  const dtype = Object.hasOwn(dtypeNames, dtypeName) ? dtypeNames[dtypeName] : undefined
  if (dtype === undefined) {
    throw fail(`has dtype ${quote(dtypeName)}, which is not supported (${Object.keys(dtypeNames).join(", ")} are)`)
  }
  if (!isCountList(shape)) throw fail("has a shape that is not a list of whole numbers")
  if (!isCountList(offsets) || offsets.length !== 2) throw fail("has data_offsets that are not two whole numbers")
  const size = byteSize(shape, dtype)
  if (size === undefined) throw fail(`has shape [${shape.join(", ")}], which is too large`)
  const [start, end] = offsets as [number, number]
  if (end - start !== size) {
    throw fail(`needs ${size} bytes for ${dtypeName} [${shape.join(", ")}], but has bytes ${start} to ${end}`)
  }
  return { name, dtype, shape, start: dataStart + start, end: dataStart + end }
}

/** Bytes of a tensor, or undefined if they are more than a number can hold exactly. */
function byteSize(shape: number[], dtype: DType): number | undefined {
  const size = (checkedSizeOf(shape) ?? Number.NaN) * bytesPerElement(dtype)
  return Number.isSafeInteger(size) ? size : undefined
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

function isCountList(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0)
}

/**
 * Opens a safetensors file: reads its header, and each tensor when it is wanted.
 * Throws an InputError if it is not a safetensors file, whole and consistent.
 */
export async function openSafetensors(source: ByteSource): Promise<Checkpoint> {
  const prefix = await readBytes(source, 0, Math.min(prefixSize, source.size))
  const header = await readBytes(source, prefixSize, headerSize(prefix, source.size, source.name))
  const { entries, metadata } = parseHeader(header, source.size, source.name)
  const tensors = entries.map(({ name, dtype, shape, start }) => ({
    name,
    dtype,
    shape,
    async read() {
      const stored = source.stored?.(start, shape, dtype)
      if (stored) return stored
      const array = allocate(name, shape, dtype, source.name)
      await source.read(start, bytesOf(array))
      checkBooleans(name, array, source.name)
      return array
    },
  }))
  return { format: "safetensors", tensors, metadata }
}

/**
 * Decodes a safetensors file that is in memory; the arrays are copies.
 * @param source what the bytes are called in errors.
 * Throws an InputError if they are not a safetensors file, whole and consistent.
 */
export function decodeSafetensors(bytes: Uint8Array, source = "the given bytes"): Safetensors {
  const dataStart = prefixSize + headerSize(bytes, bytes.length, source)
  const { entries, metadata } = parseHeader(bytes.subarray(prefixSize, dataStart), bytes.length, source)
  const tensors = entries.map((entry): [string, NdArray] => {
    const array = allocate(entry.name, entry.shape, entry.dtype, source)
    bytesOf(array).set(bytes.subarray(entry.start, entry.end))
    checkBooleans(entry.name, array, source)
    return [entry.name, array]
  })
  return { tensors: Object.fromEntries(tensors), metadata }
}

/**
 * The bytes before the tensors, and the tensors in the order in which their bytes follow: by dtype, then by name.
 * Throws a UsageError if an array's data does not fill its shape, or a tensor is called `__metadata__`.
 */
export function layoutSafetensors(
  tensors: Record<string, NdArray>,
  metadata: Record<string, string> = {},
): { head: Uint8Array; arrays: NdArray[] } {
  const sorted = Object.entries(tensors).sort(
    ([nameA, a], [nameB, b]) =>
      writeOrder.indexOf(a.dtype) - writeOrder.indexOf(b.dtype) || compareCodePoints(nameA, nameB),
  )
  const members = Object.keys(metadata).length > 0 ? [member("__metadata__", metadata)] : []
  let offset = 0
  for (const [name, array] of sorted) {
    checkWritable(name, array)
    const end = offset + array.data.byteLength
    const { dtype, shape } = array
    members.push(member(name, { dtype: namesByDType.get(dtype), shape, data_offsets: [offset, end] }))
    offset = end
  }
  return { head: frameHeader(`{${members.join(",")}}`), arrays: sorted.map(([, array]) => array) }
}

/** One member of the header's object, written by hand because objects would move names that are numbers to the front. */
function member(name: string, value: unknown): string {
  return `${JSON.stringify(name)}:${JSON.stringify(value)}`
}

function checkWritable(name: string, { data, shape }: NdArray): void {
  if (name === "__metadata__") throw new UsageError("safetensors: a tensor cannot be called __metadata__")
  if (data.length !== sizeOf(shape)) {
    throw new UsageError(
      `safetensors: tensor ${quote(name)} has ${data.length} values, which do not fill shape [${shape.join(", ")}]`,
    )
  }
}

/** Length, JSON, and spaces until the tensors begin at a multiple of 8. */
function frameHeader(json: string): Uint8Array {
  const text = new TextEncoder().encode(json)
  const size = Math.ceil(text.length / 8) * 8
  const head = new Uint8Array(prefixSize + size).fill(0x20)
  new DataView(head.buffer).setBigUint64(0, BigInt(size), true)
  head.set(text, prefixSize)
  return head
}

/** Encodes tensors as one safetensors file. Throws as {@link layoutSafetensors} does. */
export function encodeSafetensors(tensors: Record<string, NdArray>, metadata: Record<string, string> = {}): Uint8Array {
  const { head, arrays } = layoutSafetensors(tensors, metadata)
  const bytes = new Uint8Array(arrays.reduce((size, { data }) => size + data.byteLength, head.length))
  let offset = 0
  for (const part of [head, ...arrays.map(bytesOf)]) {
    bytes.set(part, offset)
    offset += part.length
  }
  return bytes
}

/** Order of the UTF-8 bytes, which the reference implementation sorts by. */
function compareCodePoints(a: string, b: string): number {
  const pointsA = Array.from(a, (char) => char.codePointAt(0)!)
  const pointsB = Array.from(b, (char) => char.codePointAt(0)!)
  const differing = pointsA.findIndex((point, i) => point !== pointsB[i])
  return differing === -1 ? pointsA.length - pointsB.length : pointsA[differing]! - (pointsB[differing] ?? -1)
}
