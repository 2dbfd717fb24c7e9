/** Builds the files of `torch.save` byte by byte, also such as Python would never write. */

/** A piece of a pickle: the letters of opcodes, each a byte, or bytes. */
export type Piece = string | Uint8Array

/** Bytes one after the other; a character of a text stands for the byte of its code. */
export function concat(...pieces: Piece[]): Uint8Array {
  const parts = pieces.map((piece) => (typeof piece === "string" ? latin1(piece) : piece))
  const bytes = new Uint8Array(parts.reduce((size, { length }) => size + length, 0))
  let offset = 0
  for (const part of parts) {
    bytes.set(part, offset)
    offset += part.length
  }
  return bytes
}

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0))
}

/** A little-endian unsigned integer. */
export function uint(value: number | bigint, size: 2 | 4 | 8): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true)
  return bytes.slice(0, size)
}

/** BINUNICODE. */
export function text(value: string): Uint8Array {
  const bytes = new TextEncoder().encode(value)
  return concat("X", uint(bytes.length, 4), bytes)
}

/** A tuple of integers. */
export function integers(...values: number[]): Uint8Array {
  return concat("(", ...values.map((value) => concat("\x8a\x08", uint(BigInt.asUintN(64, BigInt(value)), 8))), "t")
}

export interface TensorFields {
  type?: string
  key?: string
  elements?: number
  offset?: number
  shape?: number[]
  strides?: number[]
}

/** A tensor as `torch._utils._rebuild_tensor_v2` makes it. */
export function pickledTensor(fields: TensorFields = {}): Uint8Array {
  const { type = "FloatStorage", key = "0", elements = 4, offset = 0, shape = [4], strides = [1] } = fields
  const storage = concat(
    "(",
    text("storage"),
    `ctorch\n${type}\n`,
    text(key),
    text("cpu"),
    integers(elements).slice(1, -1),
    "tQ",
  )
  const args = concat("(", storage, integers(offset).slice(1, -1), integers(...shape), integers(...strides), "\x89Nt")
  return concat("ctorch._utils\n_rebuild_tensor_v2\n", args, "R")
}

/** A pickle of protocol 2 of a dict with these values. */
export function pickledDict(entries: Record<string, Piece>): Uint8Array {
  const items = Object.entries(entries).map(([key, value]) => concat(text(key), value))
  return concat("\x80\x02}(", ...items, "u.")
}

export interface ZipOptions {
  /** Put sizes and places into zip64 records. */
  zip64?: boolean
  /** Changes the directory's bytes. */
  tamper?: (directory: Uint8Array) => void
  comment?: string
}

/** A zip archive whose entries are stored. */
export function makeZip(
  entries: Record<string, Piece>,
  { zip64 = false, tamper, comment = "" }: ZipOptions = {},
): Uint8Array {
  const files: Uint8Array[] = []
  const records: Uint8Array[] = []
  let at = 0
  for (const [name, content] of Object.entries(entries)) {
    const bytes = concat(content)
    const local = concat("PK\x03\x04", new Uint8Array(22), uint(name.length, 2), uint(0, 2), name, bytes)
    const [size, start] = zip64 ? [2 ** 32 - 1, 2 ** 32 - 1] : [bytes.length, at]
    const extra = zip64
      ? concat(
          uint(7, 2),
          uint(2, 2),
          "xx",
          uint(1, 2),
          uint(24, 2),
          uint(bytes.length, 8),
          uint(bytes.length, 8),
          uint(at, 8),
        )
      : concat()
    const sizes = concat(uint(size, 4), uint(size, 4), uint(name.length, 2), uint(extra.length, 2), uint(0, 2))
    records.push(concat("PK\x01\x02", new Uint8Array(16), sizes, new Uint8Array(8), uint(start, 4), name, extra))
    files.push(local)
    at += local.length
  }
  const directory = concat(...records)
  tamper?.(directory)
  const count = records.length
  const end64 = concat(
    "PK\x06\x06",
    uint(44, 8),
    new Uint8Array(12),
    uint(count, 8),
    uint(count, 8),
    uint(directory.length, 8),
    uint(at, 8),
  )
  const locator = concat("PK\x06\x07", uint(0, 4), uint(at + directory.length, 8), uint(1, 4))
  const [ends, size, start] = zip64 ? [[end64, locator], 2 ** 32 - 1, 2 ** 32 - 1] : [[], directory.length, at]
  const end = concat(
    "PK\x05\x06",
    uint(0, 4),
    uint(count, 2),
    uint(count, 2),
    uint(size, 4),
    uint(start, 4),
    uint(comment.length, 2),
    comment,
  )
  return concat(...files, directory, ...ends, end)
}

/** A file of `torch.save` with this pickle and these storages. */
export function makeArchive(
  pickle: Uint8Array,
  storages: Record<string, Uint8Array> = {},
  options?: ZipOptions,
): Uint8Array {
  const data = Object.entries(storages).map(([key, bytes]) => [`archive/data/${key}`, bytes])
  return makeZip({ "archive/data.pkl": pickle, "archive/byteorder": "little", ...Object.fromEntries(data) }, options)
}

/** The bytes of float32 values. */
export function floats(...values: number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer)
}
