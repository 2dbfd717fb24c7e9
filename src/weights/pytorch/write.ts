/**
 * Writes what `torch.save` writes of a dict of tensors: a zip archive with a pickle of protocol 2, and the bytes of each
 * tensor in a file of its own. `torch.load` reads it, also with `weights_only=True`, and so does the reader beside.
 * https://github.com/pytorch/pytorch/blob/main/torch/serialization.py
 */

import { UsageError } from "../../tensor/errors.ts"
import { bytesOf, type NdArray, sizeOf } from "../../tensor/ndarray.ts"
import { quote } from "../unreadable.ts"
import { storageTypes } from "./tensors.ts"
import { layoutZip } from "./write-zip.ts"

export interface TorchArchiveOptions {
  /** Key of an outer dict that holds the tensors' dict, as "model" in `{"model": {...}}`. Default: there is none. */
  wrapper?: string
}

/** Names of storage classes by the type of their elements. */
const storageNames = new Map(Object.entries(storageTypes).map(([name, dtype]) => [dtype, name]))
// An UntypedStorage holds bytes of any type.
storageNames.set("uint8", "ByteStorage")

/**
 * The bytes of the file, part by part; the tensors' are not copied, and must not change until they are written.
 * Throws a UsageError for a type that PyTorch has no storage class for, and if an array's data does not fill its shape.
 */
export function layoutTorchArchive(
  tensors: Readonly<Record<string, NdArray>>,
  { wrapper }: TorchArchiveOptions = {},
): Iterable<Uint8Array> {
  const entries = Object.entries(tensors)
  const stateDict = dict(entries.map(([name, array], i) => [name, tensor(name, array, String(i))]))
  const root = wrapper === undefined ? stateDict : dict([[wrapper, stateDict]])
  const pickle = opcodes("\x80\x02", ...root, ".")
  const text = (value: string) => new TextEncoder().encode(value)
  return layoutZip([
    { name: "archive/data.pkl", content: pickle },
    { name: "archive/byteorder", content: text("little") },
    ...entries.map(([, array], i) => ({ name: `archive/data/${i}`, content: bytesOf(array) })),
    // The version of the archive's layout, which readers ask for.
    { name: "archive/version", content: text("3\n") },
  ])
}

/** A piece of a pickle: letters of opcodes, each a byte, or bytes. The letters are those of Python's pickletools. */
type Piece = string | Uint8Array

/** EMPTY_DICT, MARK, keys and values, SETITEMS. */
function dict(entries: readonly (readonly [key: string, value: readonly Piece[]])[]): Piece[] {
  return ["}(", ...entries.flatMap(([key, value]) => [...unicode(key), ...value]), "u"]
}

/** A call of `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks)`. */
function tensor(name: string, array: NdArray, key: string): Piece[] {
  const { dtype, shape, data } = array
  const storage = storageNames.get(dtype)
  if (storage === undefined)
    throw new UsageError(`tensor ${quote(name)} is ${dtype}, which PyTorch's files do not hold`)
  if (data.length !== sizeOf(shape)) {
    throw new UsageError(
      `tensor ${quote(name)} has ${data.length} values, which do not fill shape [${shape.join(", ")}]`,
    )
  }
  const id = [...unicode("storage"), `ctorch\n${storage}\n`, ...unicode(key), ...unicode("cpu"), ...int(data.length)]
  const hooks = "ccollections\nOrderedDict\n)R"
  const view = [...int(0), ...tuple(shape.flatMap(int)), ...tuple(rowMajor(shape).flatMap(int))]
  return ["ctorch._utils\n_rebuild_tensor_v2\n", ...tuple([...tuple(id), "Q", ...view, "\x89", hooks]), "R"]
}

/** Steps between neighbours along each axis, in elements. */
function rowMajor(shape: readonly number[]): number[] {
  return shape.map((_, axis) => sizeOf(shape.slice(axis + 1)))
}

const tuple = (items: readonly Piece[]): Piece[] => ["(", ...items, "t"]

/** BINUNICODE. */
function unicode(value: string): Piece[] {
  const bytes = new TextEncoder().encode(value)
  return ["X", integerBytes(bytes.length, 4), bytes]
}

/** BININT, or LONG1 of 8 bytes for what 31 bits do not hold. The value is not negative. */
function int(value: number): Piece[] {
  return value < 2 ** 31 ? ["J", integerBytes(value, 4)] : ["\x8a\x08", integerBytes(value, 8)]
}

function integerBytes(value: number, size: 4 | 8): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true)
  return bytes.subarray(0, size)
}

/** The bytes of all pieces, one after the other. */
function opcodes(...pieces: readonly Piece[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((size, { length }) => size + length, 0))
  let offset = 0
  for (const piece of pieces) {
    for (let i = 0; i < piece.length; i++) {
      bytes[offset + i] = typeof piece === "string" ? piece.charCodeAt(i) : piece[i]!
    }
    offset += piece.length
  }
  return bytes
}
